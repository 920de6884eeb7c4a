"""Follow an alt's own trend when it walks alone and Bitcoin's when it walks with the herd.

Thesis: under stress all coins are one; between times each has its own news.
Source: own choice.
Dies when: the correlation changes within its window.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Rolling correlation of log returns chooses whose trend counts."""
    own = pd.Series(np.log(bars.close))
    herd = pd.Series(np.log(bars.context["BTCUSDT"].close))
    together = own.diff().rolling(p.n).corr(herd.diff()).to_numpy() > p.close_to
    trends = [np.sign(x.diff(p.n).to_numpy()) for x in (own, herd)]
    volume_rises = ops.zscore(bars.context["BTCUSDT"].volume, p.n) > -1.0
    return Targets(exposure=np.nan_to_num(np.where(together, trends[1], trends[0])) * volume_rises)
