"""LORD++: the levels at which an ordered sequence of tests may be run (Ramdas, Yang, Wainwright, Jordan 2017)."""

from __future__ import annotations

import math

_SCALE = 0.07720838  # of the published gamma sequence; it is not renormalised
_EARLY_SCALE = 0.4374901658  # 1 / zeta(1.6)


def lord_gamma(index: int) -> float:
    """Return gamma_j = 0.07720838 ln(max(j, 2)) / (j exp(sqrt(ln j))), the share of wealth test j may spend.

    Source: Javanmard and Montanari 2018, as in the R package onlineFDR.

    Raises:
        ValueError: `index` is below 1.
    """
    if index < 1:
        raise ValueError(f"test {index}; tests are counted from 1")
    return _SCALE * math.log(max(index, 2)) / (index * math.exp(math.sqrt(math.log(index))))


def early_gamma(index: int) -> float:
    """Return gamma_j = j^-1.6 / zeta(1.6), which spends on early tests what `lord_gamma` keeps for the millionth.

    Any sequence that does not rise and sums to at most one holds alpha (Ramdas and others 2017). The first 32 tests may
    spend 0.91 of this one, and 0.16 of `lord_gamma`, whose first two million terms sum to 0.54.

    Source: Ramdas, Zrnic, Wainwright and Jordan 2018, as SAFFRON's; Tian and Ramdas 2019, as ADDIS'.

    Raises:
        ValueError: `index` is below 1.
    """
    if index < 1:
        raise ValueError(f"test {index}; tests are counted from 1")
    return float(_EARLY_SCALE / index**1.6)


def level_before_any_success(attempt: int, *, w0: float) -> float:
    """Return the level of test `attempt` (from 1) while no earlier test has passed: w0 times `early_gamma`.

    The epoch's alpha enters only after the first success.

    Raises:
        ValueError: `attempt` is below 1 or `w0` lies outside (0, 1).
    """
    if not 0 < w0 < 1:
        raise ValueError(f"w0 is {w0}; a wealth lies between 0 and 1")
    return w0 * early_gamma(attempt)
