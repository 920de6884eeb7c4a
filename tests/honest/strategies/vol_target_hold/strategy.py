"""Hold one coin at constant risk, more of it in calm times, with leverage up to two.

Thesis: volatility is predictable and the premium does not rise with it.
Source: Moreira and Muir 2017.
Dies when: calm is what comes before the storm.
"""

import math

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops

DAYS = 365


def decide(bars: Bars, p: Params) -> Targets:
    """Volatility target, set anew twice a week; nothing in a month that has lost a quarter."""
    size = ops.vol_target(bars.close, p.n, p.yearly / math.sqrt(DAYS), cap=2.0)
    safe = bars.close > 0.75 * ops.lag(bars.close, 30)
    return Targets(exposure=ops.sample(np.where(safe, size, 0.0), bars.weekday % 4 == 0))
