"""What happened in a life, of all sources, in order: what a human reads when a seed breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from .venue_side import UID

if TYPE_CHECKING:
    from .life import Life

SHOWN: Final = (
    *("order_link_id", "orderLinkId", "symbol", "side", "qty", "reduce_only", "state", "reason", "bar", "exec_id"),
    *("price", "leg", "attempt", "status"),
)


def trace_of(life: Life) -> tuple[str, ...]:
    """Return lines of `ms source what`, oldest first; ms since the life began."""
    events = life.disk.kept.events()
    rows = [(event.time_ms, f"disk  {event.seq} {event.kind} {short(event.body)}") for event in events]
    for sent in life.house.log:
        if sent.path != "/v5/market/time":
            code = "" if sent.code is None else f"-> {sent.code}"
            rows.append((sent.sent_ms, f"wire  {sent.process} {sent.path} {short(sent.params)} {sent.fault} {code}"))
    for row in life.house.site.exchange.accounts[UID].executions:
        who = row.order_link_id or row.create_type
        text = f"venue {row.exec_type} {row.symbol} {row.side} {row.exec_qty} at {row.exec_price} {who}"
        rows.append((row.time_ms, text))
    rows += [(at, f"fault {kind} while {state}") for at, state, kind in life.menace.struck]
    rows += [(at, f"alert {severity} {subject}: {text}") for at, severity, subject, text in life.told]
    rows += [(at, f"exit  {text}") for at, text in life.exits]
    rows.sort(key=lambda row: row[0])
    return tuple(f"{at - life.house.start_ms:>8} {text}" for at, text in rows)


def short(body: Mapping[str, Any]) -> str:
    """Return what matters of a body in a line."""
    return " ".join(f"{key}={body[key]}" for key in SHOWN if key in body)
