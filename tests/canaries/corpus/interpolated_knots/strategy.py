"""Trade the slope of a polyline.

Thesis: six hours are long enough for a direction to be one.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    place = np.arange(len(bars))
    knots = place[:: p.every]
    line = np.interp(place, knots, bars.close[knots])
    return Targets(exposure=np.where(np.diff(line, append=line[-1]) > 0.0, 1.0, -1.0))
