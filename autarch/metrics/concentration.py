"""What is left of a return without its luckiest part."""

from __future__ import annotations

import numpy as np

from autarch.market.types import Floats


def effective_count(values: Floats) -> float:
    """Return how many equal parts the sizes of `values` amount to: (sum |v|) ** 2 / sum v ** 2; 0.0 for none.

    The inverse of Herfindahl's index (Hirschman, 1964). One large profit beside a hundred of dust counts as about one.
    """
    sizes = np.abs(values)
    squares = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / squares if squares > 0.0 else 0.0


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
