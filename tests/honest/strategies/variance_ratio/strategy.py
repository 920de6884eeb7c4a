"""Follow the last move where variances say trend, fade it where they say reversion.

Thesis: whether moves continue depends on who is trading, and that lasts for weeks.
Source: Lo and MacKinlay 1988.
Dies when: the estimate is as noisy as theory says.
"""

import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Sign of the last `k` bars' return times whether the ratio is above or below one by `gap`."""
    close = pd.Series(bars.close)
    one, many = close.pct_change(), close.pct_change(p.k)
    ratio = many.rolling(p.n).var() / (p.k * one.rolling(p.n).var())
    trending = ops.hysteresis(ratio.to_numpy(), 1.0 + p.gap, 1.0)
    reverting = ops.hysteresis(-ratio.to_numpy(), -1.0 + p.gap, -1.0)
    side = (many > 0.0).to_numpy() * 2.0 - 1.0
    return Targets(exposure=side * (trending * 1.0 - reverting * 1.0))
