"""A bare loop written by hand for this one strategy: the floor no general engine goes below.

Indicators, fills at the next open, fee, funding and stop in one compiled pass that logs its fills and
returns one number. No reports, no curves, no filters, no liquidation, one fixed strategy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.peers.outcome import Laps, Outcome
from benchmarks.peers.work import CASH, FEE, FIRST_BAR, FUNDING_BARS, FUNDING_RATE, NOTIONAL, QTY_STEPS, Prices, Work


@njit(cache=True)
def stop_of(entry: float, position: float, thousandths: int) -> Any:
    """Return the stop's price: the tick nearer the entry, worked out in whole numbers."""
    ticks = int(entry * 10.0 + 0.5)
    if position > 0.0:
        return -((-ticks * (1_000 - thousandths)) // 1_000) / 10.0
    return (ticks * (1_000 + thousandths)) // 1_000 / 10.0


@njit(cache=True)
def bare(  # noqa: PLR0913, PLR0917  one loop on purpose: what is measured is that it is one
    open_: Any,
    high: Any,
    low: Any,
    close: Any,
    fast: int,
    slow: int,
    first_bar: int,
    notional: float,
    fee: float,
    stop_thousandths: int,
    funding_bars: int,
    funding_rate: float,
    log: Any,
) -> Any:
    """Return what was earned, in quote, and how many fills were made.

    Prices are (n,), whole multiples of 0.1; spans in bars; no stop or funding at 0; `log` (n_log, 2) takes
    bar and coins of each fill, round and round.
    """
    a, b = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    quick = lazy = close[0]
    side, wanted, position, cash, stop = 0.0, 0.0, 0.0, 0.0, 0.0
    fills, changed = 0, False
    for i in range(close.size):
        if funding_bars > 0 and i > 0 and i % funding_bars == 0:
            cash -= position * close[i - 1] * funding_rate
        price = open_[i]
        if stop_thousandths > 0 and position != 0.0 and (price <= stop if position > 0.0 else price >= stop):
            cash += position * price - abs(position) * price * fee
            log[fills % log.shape[0], 0], log[fills % log.shape[0], 1] = i, -position
            fills += 1
            position = 0.0
        if changed:
            order = wanted - position
            cash -= order * price + abs(order) * price * fee
            log[fills % log.shape[0], 0], log[fills % log.shape[0], 1] = i, order
            fills += 1
            position, changed = wanted, False
            if stop_thousandths > 0:
                stop = stop_of(price, position, stop_thousandths)
        if stop_thousandths > 0 and position != 0.0 and (low[i] <= stop if position > 0.0 else high[i] >= stop):
            cash += position * stop - abs(position) * stop * fee
            log[fills % log.shape[0], 0], log[fills % log.shape[0], 1] = i, -position
            fills += 1
            position = 0.0
        price = close[i]
        quick = (1.0 - a) * quick + a * price
        lazy = (1.0 - b) * lazy + b * price
        now = 1.0 if quick > lazy else (-1.0 if quick < lazy else side)
        if i >= first_bar and now != side:
            side, changed = now, True
            wanted = side * np.floor(notional / price * 1_000.0 + 0.5) / 1_000.0
    return cash + position * close[-1], fills


def prepare(prices: Prices, work: Work) -> tuple[Prices, Work, Any]:
    """Return what `run` needs, a log for the fills of a symbol among it."""
    return prices, work, np.empty((100_000, 2))


def run(prepared: tuple[Prices, Work, Any], laps: Laps) -> Outcome:
    """Play every pair on every symbol."""
    prices, work, log = prepared
    earned, fills = 0.0, 0
    for pair in work.pairs:
        for column in range(work.symbols):
            more, count = played(prices, work, column=column, pair=pair, log=log)
            earned, fills = earned + more, fills + count
    laps.lap("play")
    return Outcome(equity=CASH * len(work.pairs) + earned, fills=fills)


def played(prices: Prices, work: Work, *, column: int, pair: tuple[int, int], log: Any) -> tuple[float, int]:
    """Return what one pair earned on one symbol, and its fills."""
    found: tuple[float, int] = bare(
        np.ascontiguousarray(prices.open[:, column]),
        np.ascontiguousarray(prices.high[:, column]),
        np.ascontiguousarray(prices.low[:, column]),
        np.ascontiguousarray(prices.close[:, column]),
        *pair,
        FIRST_BAR,
        NOTIONAL,
        FEE,
        0 if np.isnan(work.stop) else round(work.stop * QTY_STEPS),
        FUNDING_BARS if work.funding else 0,
        FUNDING_RATE,
        log,
    )
    return found
