"""Go with a bar that moved more than `k` exponential standard deviations.

Thesis: news arrives in clusters and is traded on for hours.
Source: RiskMetrics volatility; the rule is own choice.
Dies when: the big bar was the end.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold for `stay` bars along a surprise; the stop is one and a half deviations of a day."""
    returns = pd.Series(np.log(bars.close)).diff()
    sigma = returns.ewm(alpha=1.0 - p.decay, min_periods=20).std().shift(1)
    surprise = (returns / sigma).to_numpy()
    up = ops.hold(surprise > p.k, p.stay)
    down = ops.hold(surprise < -p.k, p.stay)
    stop = np.clip(np.nan_to_num(10.0 * sigma.to_numpy(), nan=0.05), 0.01, 0.2)
    return Targets(exposure=up * 1.0 - down * 1.0, stop_loss=stop, take_profit=np.minimum(3.0 * stop, 0.5))
