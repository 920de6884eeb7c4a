"""Buy where closes near highs carry the volume, sell where closes near lows do.

Thesis: where within its range a bar closes says who was in a hurry; volume says how many.
Source: Chaikin (CMF), Quong and Soudack (MFI).
Dies when: one large print decides the sum.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Full size where both agree, half where one is neutral, none where they differ."""
    cmf = talib.CMF(bars.high, bars.low, bars.close, bars.volume, timeperiod=p.n)
    mfi = talib.MFI(bars.high, bars.low, bars.close, bars.volume, timeperiod=p.n)
    vote = np.sign(np.where(np.abs(cmf) > 0.05, cmf, 0.0)) + np.sign(
        np.where(np.abs(mfi - 50.0) > 5.0, mfi - 50.0, 0.0)
    )
    return Targets(exposure=np.nan_to_num(vote) / 2.0)
