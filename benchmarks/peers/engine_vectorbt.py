"""vectorbt: its own moving averages and crossings as arrays, `Portfolio.from_orders`, its value curve.

With a stop it is `from_signals`; funding it cannot pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.peers.outcome import Laps, Outcome
from benchmarks.peers.work import CASH, FEE, FIRST_BAR, NOTIONAL, QTY_STEPS, Prices, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Frames with a column a symbol."""

    work: Work
    open: pd.DataFrame
    high: pd.DataFrame
    low: pd.DataFrame
    close: pd.DataFrame


def prepare(prices: Prices, work: Work) -> Prepared:
    """Return the prices as frames."""
    if work.funding:
        raise ValueError("vectorbt has no funding")
    named = {name: pd.DataFrame(getattr(prices, name)) for name in ("open", "high", "low", "close")}
    return Prepared(work=work, **named)


def run(prepared: Prepared, laps: Laps) -> Outcome:
    """Play all pairs as columns of one portfolio, which is how vectorbt is fast."""
    work = prepared.work
    fast, slow = zip(*work.pairs, strict=True)
    side = np.where(_average(prepared, fast) > _average(prepared, slow), 1.0, -1.0)
    side[:FIRST_BAR] = 0.0
    close = prepared.close.to_numpy()
    changed = np.zeros(side.shape, dtype=bool)
    changed[1:] = side[1:] != side[:-1]
    coins = np.floor(NOTIONAL / close * QTY_STEPS + 0.5) / QTY_STEPS
    # What was decided at a close is an order at the next row.
    size = np.full(side.shape, np.nan)
    size[1:] = np.where(changed, side * coins, np.nan)[:-1]
    laps.lap("signals")
    portfolio = _orders(prepared, size) if np.isnan(work.stop) else _signals(prepared, size)
    laps.lap("play")
    value = portfolio.value()
    equity = float(np.asarray(value)[-1].sum())
    laps.lap("curve")
    return Outcome(equity=equity, fills=int(np.asarray(portfolio.orders.count()).sum()))


def _average(prepared: Prepared, spans: tuple[int, ...]) -> Any:
    """Return (n_bars, n_pairs) or (n_bars, n_symbols) averages by vectorbt's own compiled function."""
    close = prepared.close.to_numpy()
    unique = {span: vbt.nb.ewm_mean_nb(close, span, minp=1, adjust=False) for span in set(spans)}
    return np.concatenate([unique[span] for span in spans], axis=1)


def _orders(prepared: Prepared, size: Any) -> Any:
    shared = prepared.work.symbols > 1
    return vbt.Portfolio.from_orders(
        _wide(prepared, prepared.close),
        size=size,
        size_type="targetamount",
        price=_wide(prepared, prepared.open).to_numpy(),
        fees=FEE,
        init_cash=CASH,
        cash_sharing=shared,
        group_by=True if shared else None,
        freq="1min",
    )


def _signals(prepared: Prepared, size: Any) -> Any:
    """Return a portfolio with vectorbt's stop: measured from the fill, first looked at on the bar after it."""
    return vbt.Portfolio.from_signals(
        prepared.close,
        entries=size > 0,
        short_entries=size < 0,
        size=np.abs(np.nan_to_num(size)),
        price=prepared.open,
        open=prepared.open,
        high=prepared.high,
        low=prepared.low,
        sl_stop=prepared.work.stop,
        stop_entry_price="fillprice",
        stop_exit_price="stopmarket",
        upon_opposite_entry="reverse",
        fees=FEE,
        init_cash=CASH,
        freq="1min",
    )


def _wide(prepared: Prepared, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with a column a pair; a lone column is one."""
    count = len(prepared.work.pairs)
    return frame if count == 1 else pd.DataFrame(np.broadcast_to(frame.to_numpy(), (len(frame), count)))
