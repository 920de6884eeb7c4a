"""Evidence from bars that nobody had seen, looked at as often as one likes: an e-process.

For daily returns r_i >= -b and lam_i in [0, 1/b) chosen before day i, E_n = prod(1 + lam_i r_i) is a nonnegative
supermartingale whenever every mean given the past is at most zero, so E ever exceeds 1/alpha with probability at
most alpha (Ville 1939; Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.errors import UndecidedError
from autarch.stats.sharpe import Floats

BET_FRAC_MAX: Final = 0.5
"""Of 1/b: a whole day's largest loss then at most halves the evidence."""
PRIOR_DAYS: Final = 30


def e_process(returns: Floats, *, loss_max: float, prior_deviation: float) -> Floats:
    """Return E_n after each day (T,), E_0 = 1 before the first.

    lam_i is the growth-optimal bet mean / variance of the days before i (predictable), shrunk by PRIOR_DAYS days of
    mean zero and deviation `prior_deviation`, and kept in [0, BET_FRAC_MAX / b].

    Args:
        returns: (T,) daily returns, oldest first.
        loss_max: b, the largest loss of a day that is possible, as a fraction in (0, 1].
        prior_deviation: Deviation of daily returns on train.

    Raises:
        UndecidedError: a return is NaN, or a loss exceeds b: the bound, and with it the evidence, is void.
        ValueError: `loss_max` lies outside (0, 1] or `prior_deviation` is not positive.
    """
    if not 0 < loss_max <= 1 or not prior_deviation > 0:
        raise ValueError(f"loss_max {loss_max}, prior_deviation {prior_deviation}; expected (0, 1] and above 0")
    if not np.isfinite(returns).all():
        raise UndecidedError("a forward return is NaN or infinite: the evidence stops here until it is explained")
    if (returns < -loss_max).any():
        raise UndecidedError(f"a day lost {-returns.min():.4f}, more than the bound {loss_max}: the evidence is void")
    days = np.arange(returns.size) + PRIOR_DAYS
    mean = _before(returns) / days
    spread = (_before(returns**2) + PRIOR_DAYS * prior_deviation**2) / days
    bets = np.clip(mean / spread, 0.0, BET_FRAC_MAX / loss_max)
    return np.asarray(np.cumprod(1.0 + bets * returns), np.float64)


def e_value(returns: Floats, *, loss_max: float, prior_deviation: float) -> float:
    """Return the newest value of the e-process; 1 without any day.

    Raises:
        UndecidedError, ValueError: as `e_process` raises.
    """
    found = e_process(returns, loss_max=loss_max, prior_deviation=prior_deviation)
    return float(found[-1]) if found.size else 1.0


def combined_p(p_holdout: float, e_forward: float) -> float:
    """Return min(1, p / E): valid when holdout and forward, on disjoint days, are independent.

    Source: Ignatiadis, Wang and Ramdas, "E-values as unnormalized weights in multiple testing" (2024).

    Raises:
        ValueError: p outside [0, 1] or E negative or NaN.
    """
    if not 0 <= p_holdout <= 1 or not e_forward >= 0:
        raise ValueError(f"p {p_holdout}, E {e_forward}; expected p within [0, 1] and E at least 0")
    if e_forward == 0:
        return 1.0
    return min(1.0, p_holdout / e_forward)


def _before(values: Floats) -> Floats:
    """Return for each day the sum of the days before it."""
    total: Floats = np.concatenate([[0.0], np.cumsum(values)[:-1]])[: values.size]
    return total
