"""Metrics on the daily clock: one return a UTC calendar day, 365 days a year, no risk-free rate.

Returns are simple, of equity marked at each day's last close, so open losses count on their day.
A NaN among the returns makes every number None: what is unknown must not look like a calm day.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from autarch.market.types import Floats, Ints

DAY_MS: Final = 86_400_000
DAYS_A_YEAR: Final = 365.0
"""Perpetuals trade every day; 252 would be the stock market's."""


def daily_returns(equity: Floats, ts: Ints, *, interval_ms: int) -> Floats:
    """Return one simple return (n_days,) for each UTC day that has a bar, the first from the first mark.

    A first or last day that is only partly in the series counts as a day. The series ends with the
    first day whose close leaves no equity: what a return on nothing would be is undefined.

    Args:
        equity: (n,) at each bar's close; the first is the capital, since nothing fills on the first bar.
        ts: (n,) bar opens, epoch ms.
        interval_ms: Length of a bar; a bar closing at midnight belongs to the day it ends.

    Raises:
        ValueError: the arrays differ in length: a caller's bug.
    """
    if equity.shape != ts.shape:
        raise ValueError(f"equity has shape {equity.shape} and ts {ts.shape}; they must be parallel")
    if equity.size == 0:
        return np.empty(0)
    day = (ts + interval_ms - 1) // DAY_MS
    last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
    marks = np.concatenate([equity[:1], equity[last]])
    dead = np.flatnonzero(marks <= 0.0)
    if dead.size:
        marks = marks[: dead[0] + 1]
    returns: Floats = marks[1:] / marks[:-1] - 1.0
    return returns


def volatility(returns: Floats) -> float | None:
    """Return the annual volatility: sample standard deviation of daily returns times sqrt(365)."""
    if returns.size < 2:
        return None
    return _finite(float(returns.std(ddof=1)) * math.sqrt(DAYS_A_YEAR))


def sharpe(returns: Floats) -> float | None:
    """Return the annual Sharpe ratio of daily returns: mean / sample deviation * sqrt(365) (Sharpe, 1994).

    None for fewer than two returns, or returns without spread.
    """
    if returns.size < 2 or float(np.ptp(returns)) == 0.0:
        return None
    return _finite(float(returns.mean()) / float(returns.std(ddof=1)) * math.sqrt(DAYS_A_YEAR))


def sortino(returns: Floats) -> float | None:
    """Return the annual Sortino ratio with target zero (Sortino and Price, 1994).

    Mean over the root of the mean squared loss, all days in the denominator's mean, times sqrt(365).
    None without a losing day.
    """
    if returns.size < 2:
        return None
    downside = math.sqrt(float((np.minimum(returns, 0.0) ** 2).mean()))
    if downside == 0.0:
        return None
    return _finite(float(returns.mean()) / downside * math.sqrt(DAYS_A_YEAR))


def expected_shortfall(returns: Floats, *, level: float) -> float | None:
    """Return the mean loss on the worst days, a positive fraction (Acerbi and Tasche, 2002, discrete form).

    Args:
        returns: (n,) daily.
        level: Confidence in (0, 1); the worst ceil((1 - level) * n) days are averaged, at least one.

    Returns:
        Minus that mean; negative when even those days gained; None without a day.

    Raises:
        ValueError: `level` lies outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; a confidence lies between 0 and 1")
    if returns.size == 0 or np.isnan(returns).any():  # a sort would put NaN last and average what is left
        return None
    worst = max(1, math.ceil(round((1.0 - level) * returns.size, 9)))
    return _finite(-float(np.sort(returns)[:worst].mean()))


def worst_day(returns: Floats) -> float | None:
    """Return the smallest daily return, a signed fraction; None without a day."""
    return None if returns.size == 0 else _finite(float(returns.min()))


def skew(returns: Floats) -> float | None:
    """Return the skewness of daily returns: m3 / m2 ** 1.5 of population moments (Fisher's g1, 1930).

    Negative when the long tail is one of losses. None for fewer than two returns or without spread.
    """
    spread = _standardised(returns)
    return None if spread is None else _finite(float((spread**3).mean()))


def kurtosis(returns: Floats) -> float | None:
    """Return Pearson's kurtosis of daily returns: m4 / m2 ** 2 of population moments; 3 for a normal (Pearson, 1905).

    Not the excess, which is 3 less: what reads it (deflated Sharpe ratios) expects Pearson's. None as `skew`.
    """
    spread = _standardised(returns)
    return None if spread is None else _finite(float((spread**4).mean()))


def _standardised(returns: Floats) -> Floats | None:
    """Return deviations from the mean in population standard deviations, None where there are none."""
    if returns.size < 2 or float(np.ptp(returns)) == 0.0:
        return None
    away = returns - returns.mean()
    deviation = math.sqrt(float((away**2).mean()))
    return away / deviation if deviation > 0.0 else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
