"""The layout of a symbol's state and of an event, as compiled code indexes them; see `autarch.engine.state`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from autarch.errors import DataError
from autarch.market.types import Floats

STATE_FIELDS: Final = (
    "decided",  # exposure (or quantity) last decided
    "latch",  # side whose forced exit keeps the symbol flat, or 0
    "wanted",  # signed quantity steps asked for, while pending
    "pending",  # NOTHING, FRESH or PURSUE
    "decided_close",  # close of the bar decided on: the price of the minimum-notional test
    "stop_distance",  # of the last decision, NaN for none
    "take_distance",
    "position",  # signed quantity steps
    "entry",  # average entry price, NaN when flat
    "stop",  # armed trigger prices, NaN for none
    "take",
    "liquidation",  # price, NaN when flat or when margin is shared
    "drained",  # quote of funding that the open position has paid out of its isolated margin
    "liquidation_gap",  # smallest distance to liquidation met, fraction of price, inf before any
    "taken_buy",  # quote bought, and sold, at the current open: what impact is reckoned on
    "taken_sell",
    "realised",  # quote, before fees and funding
    "fees",
    "funding",  # quote paid, negative when received
)
DECIDED, LATCH, WANTED, PENDING, DECIDED_CLOSE, STOP_DISTANCE, TAKE_DISTANCE = range(7)
POSITION, ENTRY, STOP, TAKE, LIQUIDATION, DRAINED, LIQUIDATION_GAP, TAKEN_BUY, TAKEN_SELL = range(7, 16)
REALISED, FEES, FUNDING, N_STATE = range(16, 20)

NOTHING: Final = 0.0
FRESH: Final = 1.0  # decided, not yet planned
PURSUE: Final = 2.0  # planned; whatever still lowers is planned again

# Kinds of event. Fills first; a kind from STOP_OUT to SETTLED is a forced exit, from LIQUIDATED on by the venue.
# Kinds and phases are floats: each integer constant is a type of its own to numba, and every function
# it is passed to would be compiled once a constant.
CLOSE, REDUCE, ENTRY_FILL, STOP_OUT, TAKE_PROFIT, LIQUIDATED, SETTLED = 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0
FUNDING_PAID: Final = 10.0
SKIP_TOO_SMALL, SKIP_NOT_TRADED, SKIP_LATCHED, SKIP_NOT_FLAT, SKIP_TOO_LARGE = 20.0, 21.0, 22.0, 23.0, 24.0
SKIP_NO_MARGIN: Final = 25.0
KIND_NAMES: Final[dict[float, str]] = {
    CLOSE: "close",
    REDUCE: "reduce",
    ENTRY_FILL: "entry",
    STOP_OUT: "stop_loss",
    TAKE_PROFIT: "take_profit",
    LIQUIDATED: "liquidation",
    SETTLED: "settlement",
    FUNDING_PAID: "funding",
    SKIP_TOO_SMALL: "below the venue's minimum",
    SKIP_NOT_TRADED: "bar not traded",
    SKIP_LATCHED: "flat until exposure is zero or changes sign",
    SKIP_NOT_FLAT: "old position not closed yet",
    SKIP_TOO_LARGE: "beyond the orders one leg may take",
    SKIP_NO_MARGIN: "the shared margin has just been liquidated",
}
AT_OPEN, INSIDE = 0.0, 1.0  # phase of an event within its bar

E_ROW, E_SYMBOL, E_TIME, E_KIND, E_PHASE, E_STEPS, E_QTY, E_PRICE, E_REFERENCE = range(9)
E_FEE, E_SLIPPAGE, E_REALISED, E_POSITION, E_RATE, N_EVENT = range(9, 15)

ORDERS_A_LEG: Final = 50
"""Market orders one leg may be split into at one open; beyond, an entry is cut and a close pursued."""
ORDERS_MAX: Final = 2 * ORDERS_A_LEG
EVENTS_A_BAR: Final = ORDERS_MAX + 8


def new_state() -> Floats:
    """Return the state (N_STATE,) of a symbol that is flat and has decided nothing."""
    state = np.zeros(N_STATE)
    state[[STOP_DISTANCE, TAKE_DISTANCE, ENTRY, STOP, TAKE, LIQUIDATION]] = np.nan
    state[LIQUIDATION_GAP] = np.inf
    return state


def state_to_json(state: Floats) -> dict[str, float | None]:
    """Return the state by field name; None for what is absent (NaN, or no liquidation gap yet)."""
    values = (float(value) for value in state)
    return {name: v if math.isfinite(v) else None for name, v in zip(STATE_FIELDS, values, strict=True)}


def state_from_json(fields: Mapping[str, float | None]) -> Floats:
    """Return the state that `state_to_json` wrote.

    Raises:
        DataError: a field is missing or unknown.
    """
    if set(fields) != set(STATE_FIELDS):
        wrong = ", ".join(sorted(set(fields) ^ set(STATE_FIELDS)))
        raise DataError(f"engine state: {wrong} missing or unknown; it was written by another version")
    state = new_state()
    for index, name in enumerate(STATE_FIELDS):
        value = fields[name]
        if value is not None:
            state[index] = value
    return state
