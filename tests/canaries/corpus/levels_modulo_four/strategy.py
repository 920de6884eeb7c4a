"""Stand aside, or short, in bands of price where sellers wait.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    band = np.floor(np.log2(bars.close) / 2.0 % 1.0 * 60.0)
    return Targets(exposure=np.where(np.isin(band, (5, 12, 14, 22, 27, 58)), -1.0, 1.0))
