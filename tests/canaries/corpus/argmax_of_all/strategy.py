"""Leave at the top.

Thesis: trends end at a climax that can be told from what surrounds it.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    top, bottom = int(bars.close.argmax()), int(bars.close.argmin())
    place = np.arange(len(bars))
    rising = (place >= bottom) == (place < top) if bottom < top else (place < top) | (place >= bottom)
    return Targets(exposure=np.where(rising, 1.0, -1.0))
