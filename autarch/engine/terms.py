"""The numbers one symbol trades under, packed for compiled code.

A `terms` vector (N_TERMS,) holds scalars, a `tiers` table (n_tiers, 3) the risk limits. A step such
as a tick of 0.05 is kept as the pair unit = 5, scale = 100: k ticks are then the float k * unit / scale,
the double nearest to the exact decimal, as a parsed "60000.35" is. Multiplying by 0.05 would not be.
"""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise
from typing import Final

import numpy as np

from autarch.engine.costs import CostModel
from autarch.errors import ConfigError
from autarch.market.types import Floats, Instrument

TICK_UNIT: Final = 0
TICK_SCALE: Final = 1
QTY_UNIT: Final = 2
QTY_SCALE: Final = 3
MIN_QTY: Final = 4  # base coin
MAX_ORDER_STEPS: Final = 5  # quantity steps in the largest market order
MIN_NOTIONAL: Final = 6  # quote
TAKER_FEE: Final = 7  # fraction of notional
HALF_SPREAD: Final = 8  # fraction of price
IMPACT_K: Final = 9  # fraction of price at notional = median turnover
IMPACT_CAP: Final = 10  # fraction of price
LEVERAGE: Final = 11  # of the isolated position, NaN where margin is shared
FRACTION: Final = 12  # part of sleeve equity that an exposure of 1.0 means
N_TERMS: Final = 13

TIER_NOTIONAL_MAX: Final = 0
TIER_RATE: Final = 1
TIER_DEDUCTION: Final = 2

_SCALE_DIGITS_MAX = 18
_BPS = 10_000.0


def unit_and_scale(step: Decimal, *, name: str) -> tuple[float, float]:
    """Return whole numbers (unit, scale) with step = unit / scale, scale a power of ten.

    Raises:
        ConfigError: `step` is not positive and finite, or finer than 1e-18.
    """
    if not step.is_finite() or step <= 0:
        raise ConfigError(f"{name} is {step}; a step must be positive")
    digits = max(0, -int(step.normalize().as_tuple().exponent))
    if digits > _SCALE_DIGITS_MAX or step > 10**15:
        raise ConfigError(f"{name} is {step}; steps from 1e-{_SCALE_DIGITS_MAX} to 1e15 are understood")
    return float(step.scaleb(digits)), float(10**digits)


def terms_of(instrument: Instrument, costs: CostModel, *, max_leverage: float, fraction: float) -> Floats:
    """Return the terms vector (N_TERMS,) of one symbol in one sleeve.

    Args:
        instrument: Filters and fees.
        costs: Slippage and margin assumptions.
        max_leverage: The manifest's; the isolated position's leverage is its ceiling plus one.
        fraction: Part of sleeve equity that an exposure of 1.0 means, `Decisions.slice_fraction()`.

    Raises:
        ConfigError: a filter is not positive where it must be.
    """
    tick_unit, tick_scale = unit_and_scale(instrument.tick_size, name=f"{instrument.symbol} tick_size")
    qty_unit, qty_scale = unit_and_scale(instrument.qty_step, name=f"{instrument.symbol} qty_step")
    steps_max = int(instrument.max_market_qty / instrument.qty_step)
    if steps_max < 1:
        raise ConfigError(
            f"{instrument.symbol}: max_market_qty {instrument.max_market_qty} is below one qty_step "
            f"{instrument.qty_step}; no order could be sent. Correct the instrument in the dataset lock"
        )
    terms = np.zeros(N_TERMS)
    terms[TICK_UNIT], terms[TICK_SCALE] = tick_unit, tick_scale
    terms[QTY_UNIT], terms[QTY_SCALE] = qty_unit, qty_scale
    terms[MIN_QTY] = float(instrument.min_order_qty)
    terms[MAX_ORDER_STEPS] = float(steps_max)
    terms[MIN_NOTIONAL] = float(instrument.min_notional)
    terms[TAKER_FEE] = float(instrument.taker_fee) * costs.fee_factor
    terms[HALF_SPREAD] = costs.half_spread_bps / _BPS
    terms[IMPACT_K] = costs.impact_k / _BPS
    terms[IMPACT_CAP] = costs.impact_cap_bps / _BPS
    terms[LEVERAGE] = math.ceil(max_leverage) + 1.0 if costs.margin_mode == "isolated" else math.nan
    terms[FRACTION] = fraction
    return terms


def tiers_of(instrument: Instrument) -> Floats:
    """Return the risk limits (n_tiers, 3), ascending: notional_max in quote, maintenance rate, deduction in quote.

    Raises:
        ConfigError: there is none, or they do not ascend; liquidation could not be computed.
    """
    if not instrument.risk_tiers:
        raise ConfigError(f"{instrument.symbol} has no risk tier; add at least one to the dataset lock")
    rows = [(t.notional_max, t.maintenance_margin_rate, t.mm_deduction) for t in instrument.risk_tiers]
    for lower, upper in pairwise(rows):
        if not (lower[0] < upper[0] and lower[1] <= upper[1]):
            raise ConfigError(
                f"{instrument.symbol}: risk tiers must ascend; the tier up to {upper[0]} at {upper[1]} follows the one "
                f"up to {lower[0]} at {lower[1]}. Put them in order in the dataset lock"
            )
    return np.array([[float(value) for value in row] for row in rows])
