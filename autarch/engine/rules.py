"""The arithmetic of one bar: small compiled functions that backtest, paper and live share.

Numbers in, numbers out; nothing here knows of state, arrays of bars or venues. Prices are in quote
per coin, quantities in coins unless a name says steps: a count of `qty_step`, a whole number in a
float64, so that adding and closing are exact. `side` is +1.0 for a buy or a long, -1.0 for a sell
or a short. An absent price is NaN.
"""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars, no objects

from __future__ import annotations

import math
from typing import Final

import numpy as np

from autarch.engine.jit import compiled, inlined
from autarch.engine.terms import TIER_DEDUCTION, TIER_NOTIONAL_MAX, TIER_RATE
from autarch.market.types import Floats

SNAP: Final = 1e-12
"""A count of steps this near (relative, at least absolute) to a whole number is that number.

Some thousand times the rounding of the few operations that make a count, and far below anything a
trade would notice: 0.3 / 0.1 is three steps though the quotient of the floats is 2.9999999999999996.
"""


@inlined
def to_value(steps: float, unit: float, scale: float) -> float:
    """Return the price or quantity of `steps` steps: the float nearest to the exact decimal."""
    return steps * unit / scale


@compiled
def steps_down(value: float, unit: float, scale: float) -> float:
    """Return the largest whole number of steps at or below `value`, a hair below a step counting as on it."""
    count = value * scale / unit
    nearest = math.floor(count + 0.5)
    if abs(count - nearest) <= SNAP * max(1.0, abs(count)):
        return float(nearest)
    return float(math.floor(count))


@inlined
def steps_up(value: float, unit: float, scale: float) -> float:
    """Return the smallest whole number of steps at or above `value`, a hair above a step counting as on it."""
    return -steps_down(-value, unit, scale)


@inlined
def steps_towards_zero(value: float, unit: float, scale: float) -> float:
    """Return `value` in whole steps, never further from zero than `value`."""
    if value < 0.0:
        return -steps_down(-value, unit, scale)
    return steps_down(value, unit, scale)


@inlined
def sign(value: float) -> float:
    """Return 1.0, 0.0 or -1.0; 0.0 for NaN."""
    if value > 0.0:
        return 1.0
    return -1.0 if value < 0.0 else 0.0


@inlined
def differs(wanted: float, decided: float) -> bool:
    """Return whether a decision is a new one: any change of the number counts, however small."""
    return wanted != decided


@inlined
def latch_after(latch: float, exposure: float) -> float:
    """Return the latch once `exposure` has been decided: held only while the sign is the one stopped out.

    Args:
        latch: Side that was stopped out, or 0.0.
        exposure: Decided exposure; zero or the other sign lets go.
    """
    return latch if sign(exposure) == latch else 0.0


@inlined
def wanted_steps(exposure: float, fraction: float, equity: float, close: float, unit: float, scale: float) -> float:
    """Return the signed position, in quantity steps, that `exposure` asks for.

    exposure * fraction * equity / close, towards zero. `fraction` is the symbol's share of the
    sleeve's `equity` (quote) at the `close` of the bar decided on.
    """
    return steps_towards_zero(exposure * fraction * equity / close, unit, scale)


@inlined
def lowering(position: float, wanted: float) -> float:
    """Return the reduce-only part of the way from `position` to `wanted`, signed steps.

    A flip closes the whole position first; `raising` is the second leg.
    """
    if position == 0.0 or (wanted * position > 0.0 and abs(wanted) >= abs(position)):
        return 0.0
    if wanted * position <= 0.0:
        return -position
    return wanted - position


@inlined
def raising(position: float, wanted: float) -> float:
    """Return the part of the way from `position` to `wanted` that raises |position|, signed steps."""
    if wanted * position <= 0.0:
        return wanted
    if abs(wanted) > abs(position):
        return wanted - position
    return 0.0


@inlined
def below_minimum(qty: float, price: float, min_qty: float, min_notional: float) -> bool:
    """Return whether the venue would refuse an order of `qty` coins at `price` as too small."""
    return abs(qty) < min_qty or abs(qty) * price < min_notional


@inlined
def order_count(steps: float, order_steps_max: float) -> int:
    """Return how many market orders `steps` take when one may carry `order_steps_max` at most."""
    return math.ceil(abs(steps) / order_steps_max)


@inlined
def order_steps(steps: float, count: int, index: int) -> float:
    """Return the signed steps of order `index` of `count`: even shares, so that no order is a dusty rest."""
    total = abs(steps)
    share = math.floor(total / count)
    rest = total - share * count
    return sign(steps) * (share + (1.0 if index < rest else 0.0))


@compiled
def median(values: Floats) -> float:  # noqa: C901  one algorithm, as published
    """Return the median, the mean of the middle two of an even count, 0.0 of none.

    By Hoare's selection in a copy (Hoare, Algorithm 65: Find, 1961), which orders no more than it must.
    """
    count = values.size
    if count == 0:
        return 0.0
    copy = np.empty(count)
    for index in range(count):
        copy[index] = values[index]
    middle = count // 2
    low, high = 0, count - 1
    while low < high:
        pivot = copy[middle]
        left, right = low, high
        while left <= right:
            while copy[left] < pivot:
                left += 1
            while pivot < copy[right]:
                right -= 1
            if left <= right:
                copy[left], copy[right] = copy[right], copy[left]
                left += 1
                right -= 1
        if right < middle:
            low = left
        if middle < left:
            high = right
    upper = float(copy[middle])
    if count % 2 == 1:
        return upper
    lower = float(copy[0])  # all that is left of the middle is at most the middle
    for index in range(1, middle):
        lower = max(lower, float(copy[index]))
    return (lower + upper) / 2.0


@inlined
def slippage_frac(
    notional: float, median_turnover: float, half_spread: float, impact_k: float, impact_cap: float
) -> float:
    """Return the slippage against a taker as a fraction of price (formula: `CostModel`).

    Args:
        notional: Quote taken by one side at one instant, this order included.
        median_turnover: Quote; of the 96 bars closed before the fill. At zero the impact is its cap.
        half_spread: Fraction of price.
        impact_k: Fraction of price at notional = median turnover.
        impact_cap: Upper bound of the impact, fraction of price.
    """
    if impact_k == 0.0:
        return half_spread
    if median_turnover <= 0.0:
        return half_spread + impact_cap
    return half_spread + min(impact_cap, impact_k * math.sqrt(notional / median_turnover))


@inlined
def fill_price(reference: float, side: float, slippage: float, unit: float, scale: float) -> float:
    """Return `reference` moved by `slippage` against the trader, then to the tick away from the trader.

    Never below one tick.
    """
    moved = reference * (1.0 + side * slippage)
    ticks = steps_up(moved, unit, scale) if side > 0.0 else steps_down(moved, unit, scale)
    return to_value(max(1.0, ticks), unit, scale)


@compiled
def trigger_price(entry: float, side: float, distance: float, unit: float, scale: float) -> float:
    """Return entry * (1 + side * distance) at the tick nearer the entry, NaN when `distance` is.

    A distance below one tick gives the first tick beyond the entry, never the entry itself. Never
    below one tick.

    Args:
        entry: Average entry price, not necessarily on a tick.
        side: +1.0 for a trigger above the entry, -1.0 for one below.
        distance: Fraction of the entry in (0, 1), or NaN.
        unit: Of the tick.
        scale: Of the tick.
    """
    if math.isnan(distance):
        return math.nan
    raw = entry * (1.0 + side * distance)
    if side > 0.0:
        ticks = max(steps_down(raw, unit, scale), steps_down(entry, unit, scale) + 1.0)
    else:
        ticks = min(steps_up(raw, unit, scale), steps_up(entry, unit, scale) - 1.0)
    return to_value(max(1.0, ticks), unit, scale)


@inlined
def average_entry(position: float, entry: float, added: float, price: float) -> float:
    """Return the average entry after adding: weights are quantities in any one unit, of equal sign."""
    return (position * entry + added * price) / (position + added)


@inlined
def funding_payment(qty: float, mark: float, rate: float) -> float:
    """Return what the holder of signed `qty` coins pays, quote: a long pays a positive rate (Bybit docs)."""
    return qty * mark * rate


@inlined
def equity_part(booked: float, qty: float, entry: float, close: float) -> float:
    """Return what a symbol adds to sleeve equity: what is booked, and signed `qty` coins marked at `close`.

    Args:
        booked: Realised profit less fees and funding, quote.
        qty: Signed coins; at 0.0 the entry may be NaN.
        entry: Average entry price.
        close: Price to mark at.
    """
    return booked if qty == 0.0 else booked + qty * (close - entry)


@inlined
def bankruptcy_price(qty: float, entry: float, side: float, leverage: float, drained: float) -> float:
    """Return the price at which an isolated position has lost its margin, qty * entry / leverage - drained."""
    return entry * (1.0 - side / leverage) + side * drained / qty


@compiled
def liquidation_price(
    qty: float, entry: float, side: float, leverage: float, taker_fee: float, tiers: Floats, drained: float = 0.0
) -> float:
    """Return the last price that liquidates an isolated linear position, unrounded; NaN when margin is shared.

    Margin is qty * entry / leverage less what funding has drained. Maintenance is value * rate -
    deduction by the risk tier, plus the fee to close at the bankruptcy price. Bybit's help centre
    values maintenance at the entry in one article and at the mark in a later one: of the two solutions
    the one nearer the entry is returned, and for a short also with the tier that the position grows
    into. The margin is not credited with the reserved fee. Each choice liquidates earlier than the venue would.

    Args:
        qty: Coins, positive.
        entry: Average entry price.
        side: +1.0 long, -1.0 short.
        leverage: Of the isolated position; NaN where margin is shared.
        taker_fee: Fraction of notional.
        tiers: (n, 3) ascending: notional_max, maintenance rate, deduction.
        drained: Funding that the position has paid, quote, zero or more.
    """
    if math.isnan(leverage):
        return math.nan
    bankrupt = bankruptcy_price(qty, entry, side, leverage, drained)
    base = bankrupt * (1.0 + side * taker_fee)
    row = tier_of(qty * entry, tiers)
    deducted = side * tiers[row, TIER_DEDUCTION] / qty
    at_entry = base + side * entry * tiers[row, TIER_RATE] - deducted
    at_mark = (base - deducted) / (1.0 - side * tiers[row, TIER_RATE])
    nearest = nearer(side, at_entry, at_mark)
    grown = tier_of(qty * at_mark, tiers)
    if grown > row:
        deducted = side * tiers[grown, TIER_DEDUCTION] / qty
        nearest = nearer(side, nearest, (base - deducted) / (1.0 - side * tiers[grown, TIER_RATE]))
    return nearest


@compiled
def maintenance(value: float, taker_fee: float, tiers: Floats) -> float:
    """Return what a position worth `value` must keep, quote: its tier's maintenance and the fee to close it there."""
    row = tier_of(value, tiers)
    return float(value * tiers[row, TIER_RATE] - tiers[row, TIER_DEDUCTION] + value * taker_fee)


@compiled
def tier_of(notional: float, tiers: Floats) -> int:
    """Return the row of the first tier that admits `notional`, the last for anything above."""
    last: int = tiers.shape[0] - 1
    for row in range(last):
        if notional <= tiers[row, TIER_NOTIONAL_MAX]:
            return row
    return last


@inlined
def nearer(side: float, first: float, second: float) -> float:
    """Return of two adverse prices the one a position of `side` meets first."""
    return max(first, second) if side > 0.0 else min(first, second)


@inlined
def reached(side: float, price: float, trigger: float) -> bool:
    """Return whether `price` is at or beyond `trigger` in direction `side`; False when the trigger is NaN."""
    return side * (price - trigger) >= 0.0


@inlined
def stop_comes_first(side: float, stop: float, liquidation: float) -> bool:
    """Return whether a position of `side` meets its stop before its liquidation; a tie is liquidated."""
    return math.isnan(liquidation) or side * (stop - liquidation) > 0.0
