"""Which orders a journal leaves open: written down, perhaps sent, and nothing written of what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autarch.canonical import EpochMs
from live.journal import Event, Journal
from live.stopping.flattening import Unsettled

RECENT_EVENTS = 5000
ORDERS_MAX = 100


def unsettled_orders(events: Iterable[Event]) -> tuple[Unsettled, ...]:
    """Return the orders of a journal that no answer followed, oldest first; the newest `ORDERS_MAX` of them."""
    found: dict[str, Unsettled] = {}
    for event in events:
        body = event.body
        if event.kind in {"intent", "resent"}:
            sent = body.get("sent_ms", event.time_ms)
            symbol = str(body.get("symbol") or (found[event.ref].symbol if event.ref in found else ""))
            found[event.ref] = Unsettled(order_link_id=event.ref, symbol=symbol, sent_ms=EpochMs(int(str(sent))))
        elif event.kind in {"ack", "rejected", "missed", "done"}:
            found.pop(event.ref, None)
    return tuple(found.values())[-ORDERS_MAX:]


def read_unsettled(path: Path, account: str) -> tuple[Unsettled, ...]:
    """Return what the newest events of the journal at `path` leave open; a journal that does not exist leaves nothing.

    Raises:
        ConfigError: it cannot be read.
    """
    if not path.exists():
        return ()
    with Journal(path, account=account, read_only=True) as journal:
        return unsettled_orders(journal.events(after=max(0, journal.head[0] - RECENT_EVENTS)))
