"""How good the best of many looks by luck alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

_EULER_GAMMA = 0.5772156649015329


def best_by_luck(sharpes: Sequence[float]) -> float | None:
    """Return the Sharpe ratio that the best of as many sets without any skill would be expected to show.

    Their ratios are taken to be normal around zero with the spread of `sharpes`:
    sd * ((1 - g) z(1 - 1/n) + g z(1 - 1/(n e))), g Euler's constant (Bailey and Lopez de Prado, "The
    Deflated Sharpe Ratio", 2014, eq. 1). Sets that resemble each other are fewer than they seem, which
    makes this an upper estimate of luck. None for fewer than two.
    """
    if len(sharpes) < 2:
        return None
    quantile = statistics.NormalDist().inv_cdf
    n = len(sharpes)
    share = (1.0 - _EULER_GAMMA) * quantile(1.0 - 1.0 / n) + _EULER_GAMMA * quantile(1.0 - 1.0 / (n * math.e))
    return statistics.stdev(sharpes) * share
