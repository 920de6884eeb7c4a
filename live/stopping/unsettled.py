"""Which orders a journal leaves open: written down, perhaps sent, and their end not written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from autarch.canonical import EpochMs
from live.journal import Event, Journal
from live.stopping.flattening import Unsettled

RECENT_EVENTS = 5000
ORDERS_MAX = 100


def unsettled_orders(events: Iterable[Event]) -> tuple[Unsettled, ...]:
    """Return the orders of a journal whose end it does not tell, oldest first; the newest `ORDERS_MAX` of them.

    An order ends by a refusal, by the venue's word that it is done, or by fills of its whole quantity.
    """
    found: dict[str, Unsettled] = {}
    left: dict[str, Decimal] = {}
    for event in events:
        body, link = event.body, event.ref
        if event.kind == "intent":
            sent = EpochMs(int(str(body.get("sent_ms", event.time_ms))))
            found[link] = Unsettled(order_link_id=link, symbol=str(body["symbol"]), sent_ms=sent)
            left[link] = Decimal(str(body["qty"]))
        elif event.kind == "resent" and link in found:
            found[link] = replace(found[link], sent_ms=EpochMs(int(str(body["sent_ms"]))))
        elif event.kind == "execution" and (of := str(body["order_link_id"])) in left:
            left[of] -= Decimal(str(body["qty"]))
            if left[of] <= 0:
                found.pop(of, None)
        elif event.kind in {"rejected", "missed", "done"}:
            found.pop(link, None)
    return tuple(found.values())[-ORDERS_MAX:]


def read_unsettled(path: Path, account: str) -> tuple[Unsettled, ...]:
    """Return what the newest events of the journal at `path` leave open; a journal that does not exist leaves nothing.

    Raises:
        ConfigError: it cannot be read.
    """
    if not path.exists():
        return ()
    with Journal(path, account=account, read_only=True) as journal:
        recent = tuple(journal.events(after=max(0, journal.head[0] - RECENT_EVENTS)))
    return unsettled_orders(recent)
