"""Hold the strongest of a few perpetuals against the weakest, chosen anew each day.

Thesis: attention and money move between coins over days, so what has led keeps leading for a while;
holding the difference leaves out most of what moves all of them.
Source: cross-sectional momentum, textbook; length, hour and three symbols are own choice.
Dies when: leaders are sold together, as in a crash, or when coins move as one and only costs remain.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """At `hour` each day put half of `size` on the best return and minus half on the worst."""
    past = pd.DataFrame(bars.close).shift(p.lookback).to_numpy()
    place = ops.rank(bars.close / past - 1.0)  # 0 the weakest, 1 the strongest
    wanted = np.where(place == 1.0, 0.5, np.where(place == 0.0, -0.5, 0.0)) * p.size
    chosen = (ops.crossed(bars.hour == p.hour, 0.5) > 0.0) & ~np.isnan(place).any(axis=1)
    held = pd.DataFrame(np.where(chosen[:, None], wanted, np.nan)).ffill().fillna(0.0)
    return Targets(exposure=held.to_numpy())
