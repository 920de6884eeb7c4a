"""Hold while close stays within a share of the best close of its own swing.

Thesis: a trend is over when it has given back more than it usually does.
Source: chandelier exit, Le Beau; swings numbered by crossings of a mean.
Dies when: it gives back just a little more, and goes on.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Side of a rolling mean, half size once a tenth of a usual swing is lost."""
    close = pd.Series(bars.close)
    above = close > close.rolling(p.n).mean()
    swing = (above != above.shift(1)).cumsum()
    best = close.groupby(swing).cummax().where(above, close.groupby(swing).cummin())
    lost = (close / best - 1.0).abs()
    typical = lost.rolling(p.n).quantile(0.9)
    side = np.where(above, 1.0, -1.0)
    return Targets(exposure=np.where(lost > typical, side * 0.5, side))
