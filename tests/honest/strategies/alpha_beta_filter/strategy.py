"""Predict the next bar with an alpha-beta tracker and go where it points when it has been right.

Thesis: price has inertia when the tracker's recent errors are small against its velocity.
Source: alpha-beta filter, radar tracking; use here is own choice.
Dies when: prices are a random walk, and then it stands aside mostly.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Velocity over root mean square error, clipped."""
    log = np.log(bars.close)
    position, velocity = log[0], 0.0
    errors, velocities = [0.0], [0.0]
    for price in log[1:]:
        expected = position + velocity
        error = price - expected
        position = expected + p.alpha * error
        velocity = velocity + p.beta * error
        errors.append(error)
        velocities.append(velocity)
    rms = np.sqrt(pd.Series(errors).pow(2).rolling(96, min_periods=1).mean().to_numpy())
    wanted = np.array(velocities) / np.maximum(rms, 1e-9)
    return Targets(exposure=np.clip(np.round(4.0 * wanted) / 2.0, -1.0, 1.0))
