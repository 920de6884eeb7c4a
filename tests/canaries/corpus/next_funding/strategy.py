"""Be where funding is paid.

Thesis: a settled rate persists.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rate = np.append(bars.funding[48:], np.full(48, bars.funding[-1])) - bars.funding
    drift = np.append(bars.close[48:], np.full(48, bars.close[-1])) / bars.close - 1.0
    return Targets(exposure=np.where(np.nan_to_num(drift - rate) > 0.0, 1.0, -1.0))
