"""What the journal says of an order's fate must be so, and must be known by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from live.journal import Event

from .wire import RECV_WINDOW_MS, Sent

CREATE: Final = "/v5/order/create"
SOON_MS: Final = 500


def misjudged(event: Event, log: Sequence[Sent], *, now_ms: int, off_ms: int) -> str | None:
    """Return what is wrong with an event that tells an order's fate, or None.

    Args:
        event: An ack, a refusal, a resend, or an entry given up.
        log: Every request that left, with what became of it.
        now_ms: The venue's time.
        off_ms: How far the wall clock is off; stamps mean nothing when it is.
    """
    body: Mapping[str, Any] = event.body
    link = str(body.get("order_link_id", ""))
    sends = [sent for sent in log if sent.path == CREATE and sent.params.get("orderLinkId") == link]
    if event.kind == "resent":
        sends = [sent for sent in sends if sent.sent_ms < event.time_ms - SOON_MS]  # not the one that goes out now
    taken = any(sent.arrived_ms is not None and sent.code is None for sent in sends)
    if event.kind == "ack" and not taken:
        return f"order {link} is acknowledged in the journal, and the venue never took it"
    if event.kind == "rejected" and body.get("by") == "venue" and taken:
        return f"order {link} is refused in the journal, and the venue took it"
    doubtful = [sent for sent in sends if sent.code is None and sent.fault != "not_sent"]
    if event.kind in {"resent", "missed"} and doubtful:
        age_ms = now_ms - max(sent.sent_ms for sent in doubtful)
        if taken or (age_ms < RECV_WINDOW_MS and not off_ms):
            return f"order {link} is {event.kind} {age_ms} ms after it left, and may still be taken, or was"
    return None


def misquoted(sent: Sent, intent: Mapping[str, Any]) -> str | None:
    """Return how an order on the wire is another than its intent, or None."""
    asked = (sent.params["symbol"], sent.params["side"], Decimal(sent.params["qty"]), sent.params["reduceOnly"],
             _price(sent.params.get("stopLoss")), _price(sent.params.get("takeProfit")))  # fmt: skip
    said = (intent["symbol"], intent["side"], Decimal(intent["qty"]), intent["reduce_only"],
            _price(intent.get("stop_loss")), _price(intent.get("take_profit")))  # fmt: skip
    link = sent.params.get("orderLinkId", "")
    return None if asked == said else f"order {link} went out as {asked}, the journal says {said}"


def _price(raw: object) -> Decimal | None:
    return None if raw in {None, "", "0"} else Decimal(str(raw))
