"""Find in a journal what a question speaks of: a fill, an order, or a symbol at a time."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from autarch.errors import UsageError
from live.journal import Event, Journal

_AT = re.compile(r"(?P<symbol>[A-Za-z0-9]{2,24})@(?P<time>.+)\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
NEAREST_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing to explain: a fill with the order behind it, or an order that never filled.

    `order` is None for a fill whose order the journal does not know; `opened` is the run it belongs to.
    """

    fill: Event | None
    order: Event | None
    answer: Event | None
    decision: Event | None
    opened: Event | None


def find(journal: Journal, question: str) -> tuple[Found, ...]:
    """Return everything in `journal` that `question` names: an orderLinkId, an execId, or symbol@time.

    A time is epoch ms or ISO 8601 (UTC when it says nothing); it means the bar it lies in.

    Raises:
        UsageError: `question` has none of these forms, or its time cannot be read.
    """
    moment = _moment(question)
    if moment is not None:
        return _at_time(journal, *moment)
    about = journal.about(question)
    fills = [event for event in about if event.kind == "execution"]
    if not fills and about:
        fills = [e for e in journal.events("execution") if e.body["order_link_id"] == question]
        if not fills:
            return (_found(journal, None, about[0]),)
    return tuple(_found(journal, fill, _order_of(journal, fill)) for fill in fills)


def nearest(journal: Journal, question: str) -> tuple[Event, ...]:
    """Return the fills, funding left out, that a question which found nothing may have meant, nearest first.

    For symbol@time those of the symbol nearest in time; else, or when it never traded, the newest of all.
    """
    fills = [event for event in journal.events("execution") if event.body["exec_type"] != "Funding"]
    symbol, time_ms = _moment(question) or ("", 0)
    own = [event for event in fills if event.body["symbol"] == symbol]
    if own:
        return tuple(sorted(own, key=lambda event: abs(event.time_ms - time_ms))[:NEAREST_MAX])
    return tuple(reversed(fills[-NEAREST_MAX:]))


def _moment(question: str) -> tuple[str, int] | None:
    at = _AT.match(question)
    if at is not None:
        return at["symbol"].upper(), _time_ms(at["time"])
    if _NAME.match(question):
        return None
    raise UsageError(f"{question!r} is no orderLinkId, execId or symbol@time, such as BTCUSDT@2024-05-01T00:15")


def _at_time(journal: Journal, symbol: str, time_ms: int) -> tuple[Found, ...]:
    interval = 60_000
    for event in journal.events("opened"):
        for sleeve in event.body.get("sleeves", {}).values():  # type: ignore[attr-defined]
            if symbol in sleeve["symbols"]:
                interval = int(sleeve["interval_ms"])
    start = time_ms - time_ms % interval
    fills = [
        event
        for event in journal.events("execution")
        if event.body["symbol"] == symbol and start <= event.time_ms < start + interval
    ]
    return tuple(_found(journal, fill, _order_of(journal, fill)) for fill in fills)


def _order_of(journal: Journal, fill: Event) -> Event | None:
    link = str(fill.body["order_link_id"] or fill.body["opened_by"])
    return next((event for event in journal.about(link) if event.kind in {"intent", "rejected"}), None)


def _found(journal: Journal, fill: Event | None, order: Event | None) -> Found:
    if order is None:
        return Found(fill=fill, order=None, answer=None, decision=None, opened=None)
    answers = [event for event in journal.about(order.ref) if event.kind in {"ack", "rejected"}]
    wanted = (order.body["strategy"], order.body["bar"])
    decision = next((e for e in journal.events("decision") if (e.body["strategy"], e.body["bar"]) == wanted), None)
    runs = [e for e in journal.events("opened") if e.seq < order.seq and e.body["tag"] == order.body["tag"]]
    return Found(
        fill=fill,
        order=order,
        answer=answers[-1] if answers else None,
        decision=decision,
        opened=runs[-1] if runs else None,
    )


def _time_ms(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time; write epoch ms or 2024-05-01T00:15") from error
