"""Short what has been a lottery and hold what has been the opposite.

Thesis: positive skew is overpaid for; so are fat tails.
Source: Bali, Cakici and Whitelaw 2011, on coins.
Dies when: the lottery is drawn.
"""

import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Against a skew beyond `k`, smaller when kurtosis is large; left at zero skew."""
    returns = pd.Series(bars.close).pct_change()
    skew = returns.rolling(p.n).skew().to_numpy()
    calm = (1.0 / (1.0 + returns.rolling(p.n).kurt().clip(lower=0.0))).round(1).to_numpy()
    side = ops.hysteresis(-skew, p.k, 0.0) * 1.0 - ops.hysteresis(skew, p.k, 0.0) * 1.0
    return Targets(exposure=ops.band(side * calm, 0.15))
