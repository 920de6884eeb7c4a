"""Curves thinned to what a screen can show, without hiding a low or a peak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.engine import Backtest
from autarch.market.types import Floats, Market

POINTS_MAX = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Points for charts, each list as long as `time_s` (UTC seconds of a bar's close).

    `drawdown` is the deepest of each bucket as a fraction at or below zero, `exposure` the net
    notional over equity at the bucket's last bar, `gross` its largest sum of absolute values.
    """

    time_s: list[int]
    equity: list[float]
    drawdown: list[float]
    exposure: list[float]
    gross: list[float]


def curves(result: Backtest, market: Market, *, points_max: int = POINTS_MAX) -> Curves:
    """Return the backtest's curves in at most `points_max` equal buckets of bars; none for no bars."""
    n = result.equity.size
    if n == 0:
        return Curves(time_s=[], equity=[], drawdown=[], exposure=[], gross=[])
    width = -(-n // points_max)
    starts = np.arange(0, n, width)
    lasts = np.append(starts[1:], n) - 1
    closes_s = (market.ts + market.interval_ms) // 1000
    held = np.nan_to_num(result.exposure)  # NaN once there is no equity to divide by
    return Curves(
        time_s=[int(t) for t in closes_s[lasts]],
        equity=_rounded(result.equity[lasts]),
        drawdown=_rounded(-np.maximum.reduceat(result.drawdown, starts)),
        exposure=_rounded(held.sum(axis=1)[lasts]),
        gross=_rounded(np.maximum.reduceat(np.abs(held).sum(axis=1), starts)),
    )


def _rounded(values: Floats) -> list[float]:
    """Six significant digits: charts need no more, and a page stays small."""
    return [float(f"{value:.6g}") for value in values]
