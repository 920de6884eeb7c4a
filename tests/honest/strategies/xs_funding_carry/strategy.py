"""Short what pays most funding and hold what pays least, in equal money.

Thesis: funding is a price of crowding; the difference between coins is carry without the market.
Source: currency carry, Lustig and others 2011, on perpetuals.
Dies when: the crowded side is right.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Extreme ranks of the mean rate of `n` bars, if they are apart enough to pay for trading."""
    rate = pd.DataFrame(bars.funding).fillna(0.0).rolling(p.n).mean().to_numpy()
    place = ops.rank(rate)
    apart = (rate.max(axis=1) - rate.min(axis=1) > p.gap)[:, None]
    wanted = np.where(place == 1.0, -0.5, np.where(place == 0.0, 0.5, 0.0))
    return Targets(exposure=np.where(apart, wanted, 0.0))
