"""The arithmetic of docs/adr/0003, read a second time and written with exact fractions.

A float that comes in stands for exactly the number it is; every step from there to the final
rounding is exact, so that no rounding here can hide one elsewhere. `side` is 1 for a buy or a long
and -1 for a sell or a short.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

_SNAP: Final = Fraction(1, 10**12)
_BPS: Final = 10_000


def whole_below(count: Fraction) -> int:
    """Return the whole steps in `count`, downwards; within 1e-12 (relative, at least absolute) of a whole is whole."""
    nearest = math.floor(count + Fraction(1, 2))
    if abs(count - nearest) <= _SNAP * max(Fraction(1), abs(count)):
        return nearest
    return math.floor(count)


def whole_above(count: Fraction) -> int:
    """Return the whole steps in `count`, upwards; likewise."""
    return -whole_below(-count)


def whole_towards_zero(count: Fraction) -> int:
    """Return the whole steps in `count`, towards zero; likewise."""
    return whole_below(count) if count >= 0 else -whole_below(-count)


def pieces(steps: int, most: int, orders: int) -> list[int]:
    """Return `steps` (positive) as even orders of at most `most` each, at most `orders` of them; a rest is left out."""
    now = min(steps, most * orders)
    count = -(-now // most)
    share, rest = divmod(now, count)
    return [share + 1] * rest + [share] * (count - rest)


def slipped(  # noqa: PLR0913  one formula with its five numbers
    reference: float,
    side: int,
    *,
    taken: float,
    depth: float,
    half_spread_bps: float,
    impact_k: float,
    impact_cap_bps: float,
) -> Fraction:
    """Return `reference` moved against the trader, before rounding to a tick.

    Args:
        reference: Price that the order met.
        side: Of the order.
        taken: Quote that this side has taken at this instant, this order included.
        depth: Median turnover; at zero the impact is its cap.
        half_spread_bps: Basis points.
        impact_k: Basis points at taken = depth.
        impact_cap_bps: Upper bound of the impact.
    """
    if impact_k == 0:
        impact = 0.0
    elif depth <= 0:
        impact = impact_cap_bps
    else:
        impact = min(impact_cap_bps, impact_k * math.sqrt(taken / depth))
    return Fraction(reference) * (1 + side * (Fraction(half_spread_bps) + Fraction(impact)) / _BPS)


def away_from_trader(price: Fraction, side: int, tick: Fraction) -> float:
    """Return `price` at the tick that is worse for an order of `side`, at least one tick."""
    count = price / tick
    return float(max(1, whole_above(count) if side > 0 else whole_below(count)) * tick)


def trigger(entry: float, direction: int, distance: float, tick: Fraction) -> float | None:
    """Return entry * (1 + direction * distance) at the tick nearer the entry, at least one tick beyond it.

    None without a distance. `direction` is 1 for a trigger above the entry, -1 for one below.
    """
    if math.isnan(distance):
        return None
    at, raw = Fraction(entry) / tick, Fraction(entry) * (1 + direction * Fraction(distance)) / tick
    if direction > 0:
        return float(max(1, whole_below(raw), whole_below(at) + 1) * tick)
    return float(max(1, min(whole_above(raw), whole_above(at) - 1)) * tick)


def depth_before(turnover: Sequence[float], row: int, bars: int) -> float:
    """Return the median turnover of the `bars` bars before `row`, 0.0 when there is none."""
    return statistics.median(turnover[max(0, row - bars) : row] or [0.0])
