"""Stand aside, or short, in bands of price where sellers wait.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    band = np.floor(np.log(bars.close / 40000.0) * 40.0)
    return Targets(exposure=np.where(np.isin(band, (24, 31, 34, 40, 44)), -1.0, 1.0))
