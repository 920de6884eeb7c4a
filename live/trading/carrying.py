"""Books as an `opened` event carries them, so that a restart need not read what was before; and small conversions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from autarch.engine import layout as at
from autarch.market.types import Floats
from live.lines import to_decimal
from live.orders import KILL_PREFIX
from live.trading.release import Release
from live.trading.sleeves import InFlight, Planned

if TYPE_CHECKING:
    from live.trading.books import Books

_FORCED = {
    "BustTrade": at.LIQUIDATED,
    "AdlTrade": at.LIQUIDATED,
    "Settle": at.SETTLED,
    "Delivery": at.SETTLED,
}


def carried(books: Books) -> dict[str, object]:
    """Return all that is known."""
    return {
        "sleeves": {key: sleeve.to_json() for key, sleeve in books.sleeves.items()},
        "gate": books.gate.to_json(),
        "owed": [planned.to_json() for queue in books.owed.values() for planned in queue],
        "orders": [order.to_json() for order in books.orders.values()],
        "opener": dict(books.opener),
        "states": {symbol: list(state) for symbol, state in books.states.items()},
        "stops": {symbol: [text_of(price) for price in pair] for symbol, pair in books.stops.items()},
        "attempts": {symbol: list(pair) for symbol, pair in books.attempts.items()},
        "traded": dict(books.traded),
        "retry_ms": dict(books.retry_ms),
        "newest_ms": books.newest_ms,
        "newest_id": books.newest_id,
        "equity": books.equity(),
    }


def take_over(books: Books, body: Mapping[str, Any]) -> None:
    """Let books be what `carried` returned, under the sleeves they are seated with."""
    for sleeve in books.sleeves.values():
        sleeve.take(body["sleeves"])
    books.gate.take(body["gate"])
    books.orders = {order["body"]["order_link_id"]: InFlight.from_json(order) for order in body["orders"]}
    books.owed = {}
    for fields in body["owed"]:
        planned = Planned.from_json(fields)
        books.owed.setdefault(planned.symbol, []).append(planned)
    books.opener = dict(body["opener"])
    books.states = {symbol: (state, reason) for symbol, (state, reason) in body["states"].items()}
    books.stops = {symbol: (decimal_of(stop), decimal_of(take)) for symbol, (stop, take) in body["stops"].items()}
    books.attempts = {symbol: (bar, count) for symbol, (bar, count) in body["attempts"].items()}
    books.traded, books.retry_ms = dict(body["traded"]), dict(body["retry_ms"])
    books.newest_ms, books.newest_id = body["newest_ms"], body["newest_id"]
    books.gate.shift(books.equity() - float(body["equity"]))  # capital moved, nothing was won or lost
    for sleeve in books.sleeves.values():
        if sleeve.terms.mode == "close":
            for state in sleeve.states.values():
                want_flat(state)


def is_taken_over(body: Mapping[str, Any], release: Release) -> bool:
    """Return whether an execution's body tells that the margin of the whole account is used up."""
    return release.margin_mode == "cross" and body["exec_type"] == "BustTrade"


def kind_of(body: Mapping[str, Any], *, closes: bool) -> float:
    """Return which kind of fill an execution's body tells of, to the engine; `closes` the whole position."""
    forced = _FORCED.get(body["exec_type"])
    if forced is not None:
        return at.REDUCE if body["exec_type"] == "AdlTrade" and not closes else forced
    if "TakeProfit" in body["create_type"]:
        return at.TAKE_PROFIT
    if "StopLoss" in body["create_type"] or str(body["order_link_id"]).startswith(KILL_PREFIX):
        return at.STOP_OUT
    return at.ENTRY_FILL


def want_flat(state: Floats) -> None:
    """Let nothing be wanted any more, as if that had just been decided."""
    state[at.DECIDED], state[at.WANTED], state[at.PENDING] = 0.0, 0.0, at.FRESH


def price_of(value: float) -> Decimal | None:
    """Return an engine's price as the venue's, None for none."""
    return None if np.isnan(value) else to_decimal(value)


def decimal_of(text: str | None) -> Decimal | None:
    """Return a journal's number, None for none."""
    return None if text is None else Decimal(text)


def text_of(price: Decimal | None) -> str | None:
    """Return a number as a journal holds it, None for none."""
    return None if price is None else format(price, "f")


def number_of(value: float | str | None) -> float:
    """Return a journal's number as the engine's, NaN for none."""
    return float("nan") if value is None else float(value)
