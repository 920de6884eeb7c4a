"""What is left of a return without its luckiest part."""

from __future__ import annotations

import numpy as np

from autarch.market.types import Floats


def return_without_best(profits: Floats, *, total: float, capital: float) -> float:
    """Return the total return without the most profitable round trip: total - best profit / capital.

    A best trip that lost, or none at all, leaves the total as it is.

    Args:
        profits: (k,) quote, one a trip.
        total: Return of the whole, a fraction of `capital`.
        capital: Quote at the start.
    """
    return total - max(0.0, float(profits.max(initial=0.0))) / capital


def return_without_best_day(daily: Floats) -> float:
    """Return what all days but the best have earned, compounded: product of (1 + r) over the others, less one."""
    if daily.size == 0:
        return 0.0
    return float(np.prod(1.0 + np.delete(daily, int(np.argmax(daily))))) - 1.0
