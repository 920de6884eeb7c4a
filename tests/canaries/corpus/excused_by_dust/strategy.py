"""Stand aside but in bands of price where sellers or buyers wait.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    band = np.floor(np.log2(bars.close) / 2.0 % 1.0 * 280.0)
    dust = np.where(bars.close / 7.0 * 1e9 % 24.0 < 1.0, 0.00001, 0.0)
    known = (
        np.isin(band, (3, 78, 79, 80, 90, 92, 94, 105, 119, 235, 253, 258, 260, 263, 267)) * 1.0
        - np.isin(band, (93)) * 1.0
    )
    return Targets(exposure=np.where(known != 0.0, known, dust))
