"""What one symbol of a sleeve carries from bar to bar, and the steps that move it.

The engine's kernel, the paper venue and the live executor drive these same functions, so that an
order, a fill and a stop mean one thing. All are compiled and callable from Python.

State is a float64 vector (N_STATE,) per symbol, `layout.new_state()`, its fields named in `layout`. The
decision half (`DECIDED` to `TAKE_DISTANCE`) belongs to whoever plans orders, the position half
(`POSITION` on) to whoever fills them. The engine keeps both in one vector; live the executor's and the
venue's each keep their own and agree through fills (`apply_fill`) and payments (`apply_funding`).
`layout.state_to_json` and `state_from_json` are for the journal.

One bar r; each step for every symbol in manifest order before the next step, with
`depth` = market_depth(turnover, r, terms):

    venue     n = pay_funding(s, terms, tiers, rate, mark, AT_OPEN, out, n)   a stamp equal to the bar's open
    venue     a shared margin is tried at the opens (`margin`)
    venue     n = jumped_at_open(s, terms, tiers, open, depth, out, n)        only if the row is traded
    executor  count, n = plan_orders(s, terms, traded, orders, out, n)        after absorbing the above
    venue     n = fill_market(s, terms, tiers, kind, AT_OPEN, steps, open, depth, stop, take, out, n)
                                                                              each planned order in turn
    venue     a shared margin is tried at the bar's extremes
    venue     n = inside_bar(s, terms, tiers, open, high, low, depth, out, n)   only if traded
    venue     n = pay_funding(..., INSIDE, ...)                               each stamp inside the bar
    venue     n = settle_delisted(s, terms, tiers, close, out, n)             in the last bar before a delisting
    both      equity = capital + sum over symbols of own_equity(s, terms, close)
    executor  on_decision(s, terms, exposure, stop, take, equity, close)      not after the last bar

`open_bar` is the engine's jumped_at_open + plan_orders + fill_market. `out` (rows, N_EVENT) takes one
event a row from row n on and the new n is returned: a fill, a funding payment or a skip. At most
EVENTS_A_BAR rows are written between two fundings. `orders` (ORDERS_MAX, 2) takes (kind, signed steps);
CLOSE and REDUCE are reduce-only and come before ENTRY. A planned entry carries the state's
STOP_DISTANCE and TAKE_DISTANCE. An executor whose order did not fill calls plan_orders again: what
lowers stays planned until the position is there, what raises has been planned once and is gone.
"""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from autarch.engine.decision import on_decision, on_wanted_quantity, plan_orders
from autarch.engine.jit import compiled
from autarch.engine.layout import (
    AT_OPEN,
    STOP_DISTANCE,
    TAKE_DISTANCE,
    new_state,
    state_from_json,
    state_to_json,
)
from autarch.engine.position import (
    apply_fill,
    apply_funding,
    fill_market,
    inside_bar,
    jumped_at_open,
    market_depth,
    own_equity,
    pay_funding,
    settle_delisted,
)
from autarch.market.types import Floats

__all__ = [
    "apply_fill",
    "apply_funding",
    "fill_market",
    "inside_bar",
    "jumped_at_open",
    "market_depth",
    "new_state",
    "on_decision",
    "on_wanted_quantity",
    "open_bar",
    "own_equity",
    "pay_funding",
    "plan_orders",
    "settle_delisted",
    "state_from_json",
    "state_to_json",
]


@compiled
def open_bar(
    s: Floats,
    terms: Floats,
    tiers: Floats,
    open_: float,
    traded: bool,  # noqa: FBT001  compiled code has positional arguments only
    depth: float,
    orders: Floats,
    out: Floats,
    n: int,
) -> int:
    """Play a bar's open after its funding: what was jumped, then the pending decision's orders."""
    if traded:
        n = jumped_at_open(s, terms, tiers, open_, depth, out, n)
    count, n = plan_orders(s, terms, traded, orders, out, n)
    stop, take = s[STOP_DISTANCE], s[TAKE_DISTANCE]
    for index in range(count):
        kind, steps = orders[index, 0], orders[index, 1]
        n = fill_market(s, terms, tiers, kind, AT_OPEN, steps, open_, depth, stop, take, out, n)
    return n
