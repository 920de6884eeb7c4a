"""Be short while markets elsewhere are shut and long when they open.

Thesis: leverage is unwound into thin weekends and rebuilt on Monday.
Source: day-of-week effects, folklore.
Dies when: everybody has read it.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:  # noqa: ARG001  the contract's two arguments
    """Exposure by weekday and hour alone."""
    sunday = (bars.weekday == 6) & (bars.hour >= 4)
    monday = (bars.weekday == 0) & (bars.hour < 16)
    return Targets(exposure=np.select([sunday, monday], [-0.5, 0.5], default=0.0))
