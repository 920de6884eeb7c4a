"""The sleeves of an account as one backtest, so that every metric speaks of what trades together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autarch.engine import AccountBacktest, Backtest, Totals
from autarch.engine.result import Table


def joined(account: AccountBacktest) -> Backtest:
    """Return `account` as one backtest: its own curve, its sleeves' events with columns of its symbols.

    `seq` numbers the events of all sleeves as they happened, so ordered by it they are the account's.

    Raises:
        ValueError: a sleeve's rows are not the account's.
    """
    for name, sleeve in zip(account.names, account.sleeves, strict=True):
        if sleeve.equity.shape != account.equity.shape:
            raise ValueError(f"sleeve {name} has {sleeve.equity.size} rows and the account {account.equity.size}")
    totals = [sleeve.totals for sleeve in account.sleeves]
    return replace(
        account.sleeves[0],
        symbols=account.symbols,
        capital=account.capital,
        equity=account.equity,
        exposure=account.exposure,
        drawdown=account.drawdown,
        fills=_ordered(account, "fills"),
        funding=_ordered(account, "funding"),
        skipped=_ordered(account, "skipped"),
        liquidation_gap=np.concatenate([sleeve.liquidation_gap for sleeve in account.sleeves]),
        totals=Totals(
            **{name: sum(getattr(total, name) for total in totals) for name in Totals.__slots__},
        ),
        ruined_row=account.ruined_row,
        states=np.concatenate([sleeve.states for sleeve in account.sleeves]),
    )


def _ordered(account: AccountBacktest, name: str) -> Table:
    """Return one table of all sleeves by `seq`, symbols as the account's columns."""
    parts, first = [], 0
    for sleeve in account.sleeves:
        part = getattr(sleeve, name).copy()
        part["symbol"] += first
        parts.append(part)
        first += len(sleeve.symbols)
    table: Table = np.concatenate(parts)
    return table[np.argsort(table["seq"], kind="stable")]
