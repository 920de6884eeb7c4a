"""Follow the majority of the last bars' directions when their order is unlikely to be chance.

Thesis: little entropy in the signs of returns says that somebody works a large order.
Source: Shannon; use here is own choice.
Dies when: twenty signs are too few to say anything, which they are.
"""

import math

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def _entropy(share: float) -> float:
    """Return the entropy of a coin with `share` heads, in bits."""
    if share <= 0.0 or share >= 1.0:
        return 0.0
    return -share * math.log2(share) - (1.0 - share) * math.log2(1.0 - share)


def decide(bars: Bars, p: Params) -> Targets:
    """Side of the majority while its entropy is below `orderly`."""
    up = pd.Series(bars.close).diff() > 0.0
    share = up.rolling(p.n).mean()
    bits = share.apply(_entropy)
    side = np.where(share > 0.5, 1.0, -1.0)
    return Targets(exposure=np.where(bits.to_numpy() < p.orderly, side, 0.0))
