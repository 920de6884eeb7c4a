"""Find in a journal what a question speaks of: order, fill, position, halt, hand-over, a symbol at a time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from autarch.errors import UsageError
from live.journal import Event, Journal

_AT = re.compile(r"(?P<symbol>[A-Za-z0-9]{2,24})@(?P<time>.+)\Z")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_LINK = re.compile(r"\bat-[a-z2-7]{32}\b")
NEAREST_MAX = 3
ORDERS = ("intent", "rejected", "missed")
"""Kinds of events that hold an order's whole body; the last two only where a limit or the clock stopped it."""
ANSWERS = ("ack", "resent", "rejected", "missed", "done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing to explain: a fill with the order behind it, an order, a decision, a state, or a hand-over.

    Attributes:
        fill: An execution; its order may be unknown.
        order: The order asked about, or behind the fill or the state.
        answer: The last word on the order.
        decision: What asked for it.
        opened: The run it belongs to; of a hand-over, the run that began with it.
        state: A halt, or the end of one.
        before: Of a hand-over, the run that ended.
    """

    fill: Event | None = None
    order: Event | None = None
    answer: Event | None = None
    decision: Event | None = None
    opened: Event | None = None
    state: Event | None = None
    before: Event | None = None

    @property
    def subject(self) -> Event | None:
        """The event that names strategy and tag, if one does."""
        return self.order or self.decision

    @property
    def newest(self) -> Event | None:
        """The event that the question was about."""
        return self.fill or self.state or self.order or self.decision or self.opened


def find(journal: Journal, question: str) -> tuple[Found, ...]:
    """Return everything in `journal` that `question` names.

    An orderLinkId, an execId, the venue's orderId; a symbol: what made its present position, and why it is halted; the
    account: its present state; a tag: the runs and hand-overs that began with it; symbol@time, where a time is epoch
    ms or ISO 8601 (UTC when it says nothing) and means the bar it lies in.

    Raises:
        UsageError: `question` has none of these forms, or its time cannot be read.
    """
    moment = _moment(question)
    if moment is not None:
        return _at_time(journal, *moment)
    about = journal.about(question) or journal.about(_link_of(journal, question))
    if about:
        return _about(journal, about)
    if question == journal.account:
        return _states(journal, newest=True)
    return _of_symbol(journal, question.upper()) or _of_tag(journal, question)


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
    raise UsageError(
        f"{question!r} is no orderLinkId, orderId, execId, symbol, account, tag or symbol@time, such as "
        "BTCUSDT@2024-05-01T00:15"
    )


def _link_of(journal: Journal, order_id: str) -> str:
    """Return our name of the order that the venue calls `order_id`, or nothing."""
    return next((event.ref for event in journal.events("ack") if event.body["order_id"] == order_id), "")


def _about(journal: Journal, about: tuple[Event, ...]) -> tuple[Found, ...]:
    fills = [event for event in about if event.kind in {"execution", "foreign"}]
    if not fills:
        link = about[0].ref
        fills = [e for e in journal.events("execution") if e.body["order_link_id"] == link]
    if not fills:
        return (_found(journal, None, _order_in(about) or about[0]),)
    return tuple(_found(journal, fill, _order_of(journal, fill)) for fill in fills)


def _at_time(journal: Journal, symbol: str, time_ms: int) -> tuple[Found, ...]:
    """Return the fills of the bar, then states; where there are none, what had been decided for it."""
    interval = _interval_ms(journal, symbol)
    start = time_ms - time_ms % interval
    inside = range(start, start + interval)
    fills = [
        event
        for event in journal.events("execution", "foreign")
        if event.body["symbol"] == symbol and event.time_ms in inside
    ]
    found = tuple(_found(journal, fill, _order_of(journal, fill)) for fill in fills)
    found += tuple(one for one in _states(journal, symbol) if one.state is not None and one.state.time_ms in inside)
    return found or _decided(journal, symbol, start - interval)


def _decided(journal: Journal, symbol: str, bar: int) -> tuple[Found, ...]:
    decisions = [e for e in journal.events("decision") if e.body["bar"] == bar and symbol in _symbols(e)]
    return tuple(Found(decision=one, opened=_run_of(journal, one)) for one in decisions)


def _symbols(decision: Event) -> dict[str, Any]:
    body: Any = decision.body["symbols"]
    return dict(body)


def _interval_ms(journal: Journal, symbol: str) -> int:
    interval = 60_000
    for event in journal.events("opened"):
        for sleeve in event.body.get("sleeves", {}).values():  # type: ignore[attr-defined]
            if symbol in sleeve["symbols"]:
                interval = int(sleeve["interval_ms"])
    return interval


def _of_symbol(journal: Journal, symbol: str) -> tuple[Found, ...]:
    """Return why a symbol is halted, if it is, and the fills that made its position; when flat, the one that closed it.

    A position that a human adopted begins with that.
    """
    making: list[Event] = []
    size = Decimal(0)
    for event in journal.events("execution", "adopted"):
        if event.body["symbol"] != symbol or event.body.get("exec_type") == "Funding":
            continue
        before = size
        if event.kind == "adopted":
            size, making = Decimal(str(event.body["size"])), []
            continue
        size += Decimal(str(event.body["qty"])) * (1 if event.body["side"] == "Buy" else -1)
        begins = before == 0 or before * size < 0 or size == 0
        making = [event] if begins else [*making, event]
    states = _states(journal, symbol, newest=True)
    halted = tuple(one for one in states if one.state is not None and one.state.body["state"] != "ACTIVE")
    return halted + tuple(_found(journal, fill, _order_of(journal, fill)) for fill in making)


def _states(journal: Journal, symbol: str = "", *, newest: bool = False) -> tuple[Found, ...]:
    """Return the states of the account, and of `symbol` where one is named; only the newest of each on demand."""
    events = [e for e in journal.events("state") if str(e.body.get("symbol", "")) in {"", symbol}]
    if newest:
        by_whom = {str(event.body.get("symbol", "")): event for event in events}
        events = sorted(by_whom.values(), key=lambda event: event.seq)
    return tuple(_of_state(journal, event) for event in events)


def _of_state(journal: Journal, state: Event) -> Found:
    """Return a state with the order its reason names, if it names one."""
    named = _LINK.search(str(state.body["reason"]))
    order = None if named is None else _order_in(journal.about(named[0]))
    if order is None:
        return Found(state=state, opened=_last(e for e in journal.events("opened") if e.seq < state.seq))
    behind = _found(journal, None, order)
    return Found(state=state, order=order, answer=behind.answer, decision=behind.decision, opened=behind.opened)


def _of_tag(journal: Journal, tag: str) -> tuple[Found, ...]:
    """Return the runs that a tag began: each hand-over, or else the newest start."""
    runs = list(journal.events("opened"))
    of_tag = [(before, run) for before, run in zip([None, *runs], runs, strict=False) if run.body.get("tag") == tag]
    handed = [(before, run) for before, run in of_tag if "handover" in run.body]
    return tuple(Found(opened=run, before=before) for before, run in (handed or of_tag[-1:]))


def _order_of(journal: Journal, fill: Event) -> Event | None:
    return _order_in(journal.about(str(fill.body["order_link_id"] or fill.body["opened_by"])))


def _order_in(about: Iterable[Event]) -> Event | None:
    return next((event for event in about if event.kind in ORDERS and "leg" in event.body), None)


def _found(journal: Journal, fill: Event | None, order: Event | None) -> Found:
    if order is None or "strategy" not in order.body:
        return Found(fill=fill)
    wanted = (order.body["strategy"], order.body["bar"])
    decision = _last(e for e in journal.events("decision") if (e.body["strategy"], e.body["bar"]) == wanted)
    return Found(
        fill=fill,
        order=order,
        answer=_last(event for event in journal.about(order.ref) if event.kind in ANSWERS),
        decision=decision,
        opened=_run_of(journal, order),
    )


def _run_of(journal: Journal, event: Event) -> Event | None:
    """Return the run that an order or a decision belongs to: the last one before it of its own release."""
    return _last(e for e in journal.events("opened") if e.seq < event.seq and e.body["tag"] == event.body["tag"])


def _last(events: Iterable[Event]) -> Event | None:
    found = None
    for found in events:  # noqa: B007  the last one is what is wanted
        pass
    return found


def _time_ms(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time; write epoch ms or 2024-05-01T00:15") from error
