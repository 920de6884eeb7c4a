"""What one symbol of a sleeve carries from bar to bar, and the steps that move it.

The engine's kernel, the paper venue and the live executor drive these same functions, so that an
order, a fill and a stop mean one thing. All are compiled and callable from Python.

State is a float64 vector (N_STATE,) per symbol, `layout.new_state()`, its fields named in `layout`. The
decision half (`DECIDED` to `TAKE_DISTANCE`) belongs to whoever plans orders, the position half
(`POSITION` on) to whoever fills them. The engine keeps both in one vector; live the executor's and the
venue's each keep their own and agree through fills (`apply_fill`). `layout.state_to_json` and
`state_from_json` are for the journal.

One bar r, per symbol in manifest order; `window` = turnover of rows max(0, r - 96) to r - 1:

    venue     n = pay_funding(s, terms, rate, mark, AT_OPEN, out, n)      a stamp equal to the bar's open
    venue     n = jumped_at_open(s, terms, tiers, open, window, out, n)   only if the row is traded
    executor  count, n = plan_orders(s, terms, traded, orders, out, n)    after absorbing the above
    venue     n = fill_market(s, terms, tiers, kind, AT_OPEN, steps, open, window, stop, take, out, n)
                                                                          each planned order in turn
    venue     n = inside_bar(s, terms, tiers, open, high, low, window, out, n)   only if traded
    venue     n = pay_funding(..., INSIDE, ...)                           each stamp inside the bar
    both      equity = capital + sum over symbols of own_equity(s, terms, close)
    executor  on_decision(s, terms, exposure, stop, take, equity, close)  not after the last bar

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
from autarch.engine.position import apply_fill, fill_market, inside_bar, jumped_at_open, own_equity, pay_funding
from autarch.market.types import Floats

__all__ = [
    "apply_fill",
    "fill_market",
    "inside_bar",
    "jumped_at_open",
    "new_state",
    "on_decision",
    "on_wanted_quantity",
    "open_bar",
    "own_equity",
    "pay_funding",
    "plan_orders",
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
    window: Floats,
    orders: Floats,
    out: Floats,
    n: int,
) -> int:
    """Play a bar's open after its funding: what was jumped, then the pending decision's orders."""
    if traded:
        n = jumped_at_open(s, terms, tiers, open_, window, out, n)
    count, n = plan_orders(s, terms, traded, orders, out, n)
    stop, take = s[STOP_DISTANCE], s[TAKE_DISTANCE]
    for index in range(count):
        kind, steps = orders[index, 0], orders[index, 1]
        n = fill_market(s, terms, tiers, kind, AT_OPEN, steps, open_, window, stop, take, out, n)
    return n
