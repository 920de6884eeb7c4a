"""Price events as the paper venue's book keeps them, and as scripts name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from live.simulator.core.prices import (
    BarClosed,
    BarOpened,
    BarSwept,
    Delisted,
    FundingDue,
    MarkMoved,
    PriceEvent,
    Traded,
)

KINDS: dict[str, type[PriceEvent]] = {
    kind.__name__: kind for kind in (BarOpened, BarSwept, BarClosed, FundingDue, MarkMoved, Traded, Delisted)
}


def price_to_json(event: PriceEvent) -> dict[str, Any]:
    """Return an event by its kind's name and its fields."""
    return {"kind": type(event).__name__, **asdict(event)}


def price_from_json(body: Mapping[str, Any]) -> PriceEvent:
    """Return what `price_to_json` wrote.

    Raises:
        KeyError, TypeError: it is none.
    """
    fields = {name: value for name, value in body.items() if name != "kind"}
    return KINDS[body["kind"]](**fields)
