"""The sleeves of an account as one backtest, so that every metric speaks of what trades together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autarch.engine import AccountBacktest, Backtest, Totals
from autarch.engine.result import Table


def joined(account: AccountBacktest) -> Backtest:
    """Return `account` as one backtest: its own curve, its sleeves' events with columns of its symbols.

    Events are ordered by bar, within it by sleeve; `seq` counts them anew, so that a funding
    still lies between the fills it lay between.

    Raises:
        ValueError: a sleeve's rows are not the account's.
    """
    for name, sleeve in zip(account.names, account.sleeves, strict=True):
        if sleeve.equity.shape != account.equity.shape:
            raise ValueError(f"sleeve {name} has {sleeve.equity.size} rows and the account {account.equity.size}")
    fills, funding, skipped = _renumbered(account)
    totals = [sleeve.totals for sleeve in account.sleeves]
    return replace(
        account.sleeves[0],
        symbols=account.symbols,
        capital=account.capital,
        equity=account.equity,
        exposure=account.exposure,
        drawdown=account.drawdown,
        fills=fills,
        funding=funding,
        skipped=skipped,
        liquidation_gap=np.concatenate([sleeve.liquidation_gap for sleeve in account.sleeves]),
        totals=Totals(
            **{name: sum(getattr(total, name) for total in totals) for name in Totals.__slots__},
        ),
        ruined_row=account.ruined_row,
        states=np.concatenate([sleeve.states for sleeve in account.sleeves]),
    )


def _renumbered(account: AccountBacktest) -> tuple[Table, Table, Table]:
    """Return fills, funding and skipped of all sleeves, symbols and seq those of the account."""
    columns = np.cumsum([0, *(len(sleeve.symbols) for sleeve in account.sleeves)])
    tables = tuple(
        _stacked([getattr(sleeve, name) for sleeve in account.sleeves], columns)
        for name in ("fills", "funding", "skipped")
    )
    rows = np.concatenate([table["row"] for table, _ in tables])
    seqs = np.concatenate([table["seq"] for table, _ in tables])
    owners = np.concatenate([owner for _, owner in tables])
    place = np.empty(rows.size, dtype=np.int64)
    # A bar's events of one sleeve keep their order: seq is ascending over rows within a sleeve.
    place[np.lexsort((seqs, owners, rows))] = np.arange(rows.size)
    begin = 0
    for table, _ in tables:
        table["seq"] = place[begin : begin + table.size]
        begin += table.size
    fills, funding, skipped = (table[np.argsort(table["seq"])] for table, _ in tables)
    return fills, funding, skipped


def _stacked(parts: Sequence[Table], columns: Table) -> tuple[Table, Table]:
    """Return copies of `parts` one after another, symbols moved to the account's columns, and whose each row is."""
    table = np.concatenate(parts)
    owner = np.repeat(np.arange(len(parts)), [part.size for part in parts])
    table["symbol"] += columns[owner]
    return table, owner
