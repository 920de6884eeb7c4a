"""Where a peer means something else by a stop: its convention in a few plain lines, to show it is all that differs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.peers.work import CASH, FEE, FIRST_BAR, NOTIONAL, QTY_STEPS, Prices, Work


def vectorbt_equity(prices: Prices, work: Work) -> float:
    """Return the final equity of the one-symbol work as `vectorbt.Portfolio.from_signals` plays a stop.

    The stop is looked at before the bar's own order, against the whole bar: where it is touched, it fills
    and the order that was due at that open is lost. It is first looked at on the bar after the entry, and
    its price is not rounded to a tick. (Read in vectorbt 1.0.0, portfolio/nb.py, "Stop signal comes first".)
    """
    cash, position, entry = CASH, 0.0, 0.0
    columns = (prices.open, prices.high, prices.low, prices.close)
    bars = np.concatenate(columns, axis=1).tolist()
    order = 0.0
    for (open_, high, low, _), decided in zip(bars, _orders([bar[3] for bar in bars], work), strict=True):
        stopped = _stop_price(position, entry * (1.0 - np.sign(position) * work.stop), open_, high, low)
        if stopped is not None:
            cash += position * stopped - abs(position) * stopped * FEE
            position = 0.0
        elif order:
            cash -= (order - position) * open_ + abs(order - position) * open_ * FEE
            position, entry = order, open_
        order = decided
    return float(cash + position * bars[-1][3])


def _stop_price(position: float, level: float, open_: float, high: float, low: float) -> float | None:
    if position == 0.0:
        return None
    if position * (open_ - level) <= 0.0:
        return open_
    return level if low <= level <= high else None


def _orders(closes: list[float], work: Work) -> Iterator[float]:
    """Yield the coins wanted from each close on when the side changes there, else 0."""
    ((fast, slow),) = work.pairs
    a, b = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    quick = lazy = closes[0]
    side = 0.0
    for i, price in enumerate(closes):
        quick, lazy = (1.0 - a) * quick + a * price, (1.0 - b) * lazy + b * price
        now = 1.0 if quick > lazy else -1.0
        changed = i >= FIRST_BAR and now != side
        side = now if changed else side
        yield side * float(np.floor(NOTIONAL / price * QTY_STEPS + 0.5)) / QTY_STEPS if changed else 0.0
