"""How large a true Sharpe ratio must be for a record of a given length to show it.

The test is p = 1 - PSR(0) <= level on daily returns, PSR the probabilistic Sharpe ratio of Bailey and Lopez
de Prado 2012: PSR(0) = Phi(s sqrt(T - 1) / sqrt(v(s))), v(s) = 1 - g3 s + (g4 - 1)/4 s^2. Returns are taken as
independent and normal (g3 = 0, g4 = 3), so v(s) = 1 + s^2 / 2: fat tails and serial correlation ask for more.
"""

from __future__ import annotations

import math
from statistics import NormalDist

DAYS_A_YEAR = 365
DAILY_MAX = 1.0  # |Sharpe a day| beyond which a number is a mistake of units, never an edge
_NORMAL = NormalDist()


def sharpe_that_passes(days: int, *, level: float) -> float | None:
    """Return the smallest *measured* annual Sharpe ratio whose p is at most `level` on `days` daily returns.

    Solves s sqrt(T - 1) = z sqrt(1 + s^2 / 2) for s, z = Phi^-1(1 - level): s = z / sqrt(T - 1 - z^2 / 2).
    None when no Sharpe ratio of at most one a day passes.

    Raises:
        ValueError: `level` lies outside (0, 0.5].
    """
    if not 0 < level <= 0.5:
        raise ValueError(f"level is {level}; a level lies above 0 and is at most 0.5")
    z = _NORMAL.inv_cdf(1 - level)
    room = days - 1 - z * z / 2
    if room <= 0 or z > DAILY_MAX * math.sqrt(room):
        return None
    return z / math.sqrt(room) * math.sqrt(DAYS_A_YEAR)


def sharpe_promotable(days: int, *, level: float, power: float) -> float | None:
    """Return the smallest *true* annual Sharpe ratio that passes with probability `power` on `days` daily returns.

    The estimate s is taken as normal around the true ratio theta with variance v(theta) / (T - 1) (Lo 2002; the
    same v as the test's), so the power is Phi((theta - s) sqrt(T - 1) / sqrt(1 + theta^2 / 2)), s as
    `sharpe_that_passes` gives it, and theta is the root of (theta - s)^2 (T - 1) = q^2 (1 + theta^2 / 2),
    q = Phi^-1(power). At even odds theta = s. None when no ratio of at most one a day is enough.

    Raises:
        ValueError: `level` lies outside (0, 0.5] or `power` outside [0.5, 1).
    """
    if not 0.5 <= power < 1:
        raise ValueError(f"power is {power}; ask for even odds (0.5) or better, below 1")
    passes = sharpe_that_passes(days, level=level)
    if passes is None:
        return None
    s, q, n = passes / math.sqrt(DAYS_A_YEAR), _NORMAL.inv_cdf(power), days - 1
    lead = n - q * q / 2  # theta^2 lead - 2 theta s n + s^2 n - q^2 = 0, its discriminant over 4 written without loss:
    if lead <= 0:
        return None
    theta = (s * n + q * math.sqrt(n * (1 + s * s / 2) - q * q / 2)) / lead
    return theta * math.sqrt(DAYS_A_YEAR) if theta <= DAILY_MAX else None
