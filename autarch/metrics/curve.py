"""Metrics of the equity curve, bar by bar."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from autarch.market.types import Floats, Market
from autarch.metrics.daily import DAYS_A_YEAR


def total_return(equity: Floats, *, capital: float) -> float | None:
    """Return final equity over capital less one; None without a bar."""
    return None if equity.size == 0 else float(equity[-1]) / capital - 1.0


def annual_return(total: float | None, *, days: float) -> float | None:
    """Return the compound annual growth: (1 + total) ** (365 / days) - 1.

    -1.0 when everything (or more) is lost; None when `total` is, without time, or when the power of a
    short span leaves the range of floats.
    """
    if total is None or days <= 0.0:
        return None
    if total <= -1.0:
        return -1.0
    exponent = DAYS_A_YEAR / days * math.log1p(total)
    return math.expm1(exponent) if exponent < 700.0 else None


def max_drawdown(drawdown: Floats) -> float | None:
    """Return the deepest fraction below the running peak, open losses included; None without a bar."""
    return None if drawdown.size == 0 else float(drawdown.max())


def longest_drawdown_bars(drawdown: Floats) -> int:
    """Return the most bars in a row that closed below an earlier peak, the end of the series included.

    A NaN counts as below: what is unknown is no recovery.
    """
    under = np.concatenate([[False], ~(drawdown <= 0.0), [False]])
    edges = np.flatnonzero(under[1:] != under[:-1])
    return int((edges[1::2] - edges[::2]).max(initial=0))


def calmar(annual: float | None, deepest: float | None) -> float | None:
    """Return annual return over maximum drawdown (Young, 1991), here over the whole span; None without a drawdown."""
    if annual is None or deepest is None or deepest <= 0.0:
        return None
    return annual / deepest


def buy_and_hold(market: Market, symbols: Sequence[str]) -> Floats:
    """Return the equity (n,) of one quote put into `symbols` in equal parts and left alone.

    Each part buys at the first real open of its symbol and is cash before; no costs, no funding.
    """
    parts = []
    for symbol in symbols:
        series = market.of(symbol)
        part = series.close / series.open[series.first_row]
        part[: series.first_row] = 1.0
        parts.append(part)
    return np.asarray(np.mean(parts, axis=0))
