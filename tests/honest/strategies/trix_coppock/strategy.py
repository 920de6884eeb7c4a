"""Hold while slow momentum rises, by two measures of it.

Thesis: crowds buy for months once they have begun.
Source: Hutson (TRIX), Coppock 1962.
Dies when: months turn in a week.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def _rising(x: np.ndarray) -> np.ndarray:
    """Return 1.0 where x is above its own average of five bars."""
    return np.where(x > talib.SMA(x, timeperiod=5), 1.0, 0.0)


def decide(bars: Bars, p: Params) -> Targets:
    """Half for each measure that rises; long only."""
    trix = talib.TRIX(bars.close, timeperiod=p.n)
    weighted = talib.WMA(talib.ROC(bars.close, timeperiod=14) + talib.ROC(bars.close, timeperiod=11), timeperiod=10)
    return Targets(exposure=0.5 * _rising(trix) + 0.5 * _rising(weighted))
