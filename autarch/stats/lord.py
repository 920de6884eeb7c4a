"""LORD++: the levels at which an ordered sequence of tests may be run (Ramdas, Yang, Wainwright, Jordan 2017)."""

from __future__ import annotations

import math

_SCALE = 0.07720838  # of the published gamma sequence; it is not renormalised


def lord_gamma(index: int) -> float:
    """Return gamma_j = 0.07720838 ln(max(j, 2)) / (j exp(sqrt(ln j))), the share of wealth test j may spend.

    Source: Javanmard and Montanari 2018, as in the R package onlineFDR.

    Raises:
        ValueError: `index` is below 1.
    """
    if index < 1:
        raise ValueError(f"test {index}; tests are counted from 1")
    return _SCALE * math.log(max(index, 2)) / (index * math.exp(math.sqrt(math.log(index))))


def level_before_any_success(attempt: int, *, w0: float) -> float:
    """Return the level of test `attempt` (from 1) while no earlier test has passed: w0 gamma_t.

    The epoch's alpha enters only after the first success.

    Raises:
        ValueError: `attempt` is below 1 or `w0` lies outside (0, 1).
    """
    if not 0 < w0 < 1:
        raise ValueError(f"w0 is {w0}; a wealth lies between 0 and 1")
    return w0 * lord_gamma(attempt)
