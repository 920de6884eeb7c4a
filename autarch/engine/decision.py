"""The decision half of a symbol's state: what is wanted, and the orders that lead there."""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from autarch.engine import rules
from autarch.engine.jit import compiled, inlined
from autarch.engine.layout import (
    AT_OPEN,
    CLOSE,
    DECIDED,
    DECIDED_CLOSE,
    E_POSITION,
    ENTRY_FILL,
    FRESH,
    LATCH,
    NOTHING,
    ORDERS_A_LEG,
    PENDING,
    POSITION,
    PURSUE,
    REDUCE,
    SKIP_LATCHED,
    SKIP_NOT_FLAT,
    SKIP_NOT_TRADED,
    SKIP_TOO_LARGE,
    SKIP_TOO_SMALL,
    STOP_DISTANCE,
    TAKE_DISTANCE,
    WANTED,
)
from autarch.engine.position import emit
from autarch.engine.terms import (
    FRACTION,
    MAX_ORDER_STEPS,
    MIN_NOTIONAL,
    MIN_QTY,
    QTY_SCALE,
    QTY_UNIT,
)
from autarch.market.types import Floats


@compiled
def on_decision(
    s: Floats, terms: Floats, exposure: float, stop: float, take: float, equity: float, close: float
) -> bool:
    """Take the decision of the bar that has just closed; return whether it is a new one.

    Args:
        s: State, moved in place.
        terms: `terms_of`.
        exposure: Wanted position as a fraction of the symbol's share of the sleeve.
        stop: Distance of the stop-loss, fraction of entry, NaN for none; kept only with a new decision.
        take: Distance of the take-profit, likewise.
        equity: Of the whole sleeve at this close, quote.
        close: Close of the bar.
    """
    wanted = rules.wanted_steps(exposure, terms[FRACTION], equity, close, terms[QTY_UNIT], terms[QTY_SCALE])
    return _decide(s, exposure, wanted, stop, take, close)


@compiled
def on_wanted_quantity(s: Floats, terms: Floats, qty: float, stop: float, take: float, close: float) -> bool:
    """Take a decision that is a signed quantity in coins instead of an exposure; else as `on_decision`."""
    wanted = rules.steps_towards_zero(qty, terms[QTY_UNIT], terms[QTY_SCALE])
    return _decide(s, qty, wanted, stop, take, close)


@inlined
def _decide(s: Floats, decided: float, wanted: float, stop: float, take: float, close: float) -> bool:
    s[LATCH] = rules.latch_after(s[LATCH], decided)
    if not rules.differs(decided, s[DECIDED]):
        return False
    s[DECIDED] = decided
    s[WANTED] = wanted
    s[PENDING] = FRESH
    s[DECIDED_CLOSE] = close
    s[STOP_DISTANCE] = stop
    s[TAKE_DISTANCE] = take
    return True


@compiled
def plan_orders(s: Floats, terms: Floats, traded: bool, orders: Floats, out: Floats, n: int) -> tuple[int, int]:  # noqa: FBT001  compiled code has positional arguments only
    """Turn a pending decision into orders against the position as it is now.

    Args:
        s: State, moved in place.
        terms: `terms_of`.
        traded: Whether this bar trades; otherwise what raises is dropped and what lowers waits.
        orders: (ORDERS_MAX, 2), written from row 0 on: kind, signed steps.
        out: Events; each skip is one row.
        n: Rows of `out` already used.

    Returns:
        Orders written, and the new n.
    """
    if s[PENDING] == NOTHING:
        return 0, n
    fresh = s[PENDING] == FRESH
    position = s[POSITION]
    wanted = s[WANTED]
    if s[LATCH] != 0.0:
        if fresh and wanted != 0.0:
            n = _skip(s, terms, SKIP_LATCHED, wanted - position, out, n)
        wanted = 0.0
    elif fresh and wanted == 0.0 and position == 0.0 and s[DECIDED] != 0.0:
        n = _skip(s, terms, SKIP_TOO_SMALL, 0.0, out, n)
    lower = rules.lowering(position, wanted)
    higher = rules.raising(position, wanted) if fresh else 0.0
    s[WANTED] = position + lower
    s[PENDING] = PURSUE if lower != 0.0 else NOTHING
    if not traded:
        return 0, (_skip(s, terms, SKIP_NOT_TRADED, higher, out, n) if higher != 0.0 else n)
    count, left, n = _plan_lower(s, terms, lower, orders, out, n)
    if higher == 0.0:
        return count, n
    if left != 0.0:
        return count, _skip(s, terms, SKIP_NOT_FLAT, higher, out, n)
    if _too_small(s, terms, higher):
        return count, _skip(s, terms, SKIP_TOO_SMALL, higher, out, n)
    count, left = _split(terms, ENTRY_FILL, higher, orders, count)
    return count, (_skip(s, terms, SKIP_TOO_LARGE, left, out, n) if left != 0.0 else n)


@compiled
def _plan_lower(s: Floats, terms: Floats, lower: float, orders: Floats, out: Floats, n: int) -> tuple[int, float, int]:
    """Plan the reduce-only leg from order 0 on; return orders, steps left for later bars, and n.

    Only closing the whole position is exempt from the venue's minimum.
    """
    if lower == 0.0:
        return 0, 0.0, n
    whole = s[POSITION] + lower == 0.0
    if not whole and _too_small(s, terms, lower):
        s[PENDING] = NOTHING
        return 0, 0.0, _skip(s, terms, SKIP_TOO_SMALL, lower, out, n)
    count, left = _split(terms, CLOSE if whole else REDUCE, lower, orders, 0)
    return count, left, n


@inlined
def _too_small(s: Floats, terms: Floats, steps: float) -> bool:
    qty = rules.to_value(steps, terms[QTY_UNIT], terms[QTY_SCALE])
    return rules.below_minimum(qty, s[DECIDED_CLOSE], terms[MIN_QTY], terms[MIN_NOTIONAL])


@compiled
def _split(terms: Floats, kind: float, steps: float, orders: Floats, count: int) -> tuple[int, float]:
    """Write `steps` as even orders from row `count` on; return the new count and the steps that did not fit."""
    most = terms[MAX_ORDER_STEPS] * ORDERS_A_LEG
    now = rules.sign(steps) * min(abs(steps), most)
    parts = rules.order_count(now, terms[MAX_ORDER_STEPS])
    for index in range(parts):
        orders[count + index, 0] = kind
        orders[count + index, 1] = rules.order_steps(now, parts, index)
    return count + parts, steps - now


@compiled
def _skip(s: Floats, terms: Floats, reason: float, steps: float, out: Floats, n: int) -> int:
    qty = rules.to_value(steps, terms[QTY_UNIT], terms[QTY_SCALE])
    emit(out, n, reason, AT_OPEN, steps, qty, s[DECIDED_CLOSE], s[DECIDED_CLOSE])
    out[n, E_POSITION] = rules.to_value(s[POSITION], terms[QTY_UNIT], terms[QTY_SCALE])
    return n + 1
