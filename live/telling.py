"""What a journal says of one thing, as steps of a chain: fill, order, decision, halt, hand-over. Pure.

Each step names a thing that can be checked; the steps that lead on into Git are `live.provenance`'s.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from live.found import Found
from live.journal import Event

_CAUSES = {
    "": "the venue's settlement of funding",
    "CreateByUser": "our order",
    "CreateByStopLoss": "the stop that came with our order",
    "CreateByTakeProfit": "the take-profit that came with our order",
    "CreateByLiq": "liquidation by the venue",
    "CreateBySettle": "settlement by the venue, at the delisting",
}
_LEGS = {"enter": "open or raise the position", "reduce": "lower the position", "close": "close the position"}
_ACTIONS = {
    "start": "the new release starts flat",
    "adopt": "the new release takes the position over",
    "drain": "the old release runs its position down",
    "flatten": "the position is closed first",
    "leave": "nobody trades it any more; its position is closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link of the chain: what it is, its name, facts in reading order.

    `missing` says why it is not here; `contradicts` where the journal says something else than what is signed.
    """

    what: str
    name: str
    facts: tuple[tuple[str, str], ...] = ()
    missing: str | None = None
    contradicts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch why --json`."""
        said = {"what": self.what, "name": self.name, "facts": dict(self.facts), "missing": self.missing}
        return {**said, "contradicts": list(self.contradicts)}


def journal_steps(found: Found) -> tuple[Step, ...]:
    """Return what the journal itself says, newest thing first."""
    steps = []
    if found.fill is not None:
        steps.append(_fill_step(found.fill))
    if found.state is not None:
        steps.append(_state_step(found.state))
    if found.order is not None:
        steps.append(_order_step(found.order, found.answer))
        steps.append(_decision_step(found.order, found.decision))
    elif found.decision is not None:
        steps.append(_decided_step(found.decision))
    elif found.fill is not None:
        steps.append(Step(what="order", name="unknown", missing="the journal has no order behind this execution"))
    elif found.state is None and found.opened is not None:
        steps.append(_run_step(found.opened, found.before))
    return tuple(steps)


def headline(event: Event) -> str:
    """Return one line about the event a question may mean."""
    body = event.body
    if event.kind in {"execution", "foreign"}:
        return fill_text(event)
    if event.kind == "state":
        return f"{body['state']} {body.get('symbol') or 'the account'}: {body['reason']}"
    if event.kind == "opened":
        return f"{'hand-over to' if 'handover' in body else 'run of'} {body['tag']}"
    if event.kind == "decision":
        return f"{body['strategy']} decided, and nothing was filled"
    return f"{event.kind} {body.get('side', '')} {body.get('qty', '')} {body.get('symbol', '')}".strip()


def _fill_step(fill: Event) -> Step:
    body = fill.body
    create = str(body["create_type"])
    cause = f"{_CAUSES.get(create, create)}{f' ({create})' if create else ''}"
    if fill.kind == "foreign":
        cause = f"nothing of ours explains it ({create}); the symbol was halted with it"
    elif str(body["order_link_id"]).startswith("ak-"):
        cause = f"kill or dead-man, by order {body['order_link_id']}"
    return Step(
        what="fill",
        name=str(body["exec_id"]),
        facts=(
            ("what", fill_text(fill)),
            ("cause", cause),
            ("fee", f"{body['fee']} USDT"),
            *_when_and_where(fill),
        ),
    )


def _state_step(state: Event) -> Step:
    body = state.body
    return Step(
        what="state",
        name=f"{body['state']} {body.get('symbol') or 'of the account'}",
        facts=(("reason", str(body["reason"])), ("by", str(body["by"])), *_when_and_where(state)),
    )


def _run_step(opened: Event, before: Event | None) -> Step:
    body: Mapping[str, Any] = opened.body
    former = "nothing" if before is None else str(before.body["tag"])
    if "handover" not in body:
        return Step(what="run", name=f"of {body['tag']}", facts=_when_and_where(opened))
    actions = tuple((symbol, _ACTIONS.get(action, action)) for symbol, action in sorted(body["handover"].items()))
    return Step(what="hand-over", name=f"{former} to {body['tag']}", facts=(*actions, *_when_and_where(opened)))


def _decided_step(decision: Event) -> Step:
    body: Mapping[str, Any] = decision.body
    wanted = tuple((f"wanted {symbol}", f"exposure {one['exposure']}") for symbol, one in body["symbols"].items())
    name = f"{body['strategy']} at bar {time_text(int(body['bar']))}"
    note = ("orders", "none was filled in that bar")
    return Step(what="decision", name=name, facts=(*wanted, note, *_decision_facts(decision)))


def _decision_facts(decision: Event) -> tuple[tuple[str, str], ...]:
    return (
        ("equity", f"{decision.body['equity']} USDT at the bar's close"),
        ("inputs", f"{decision.body['inputs']} (SHA-256 of code and bars up to this one)"),
        ("check", "autarch live replay decides it again"),
        ("journal", f"event {decision.seq} {decision.hash[:12]}"),
    )


def _when_and_where(event: Event) -> tuple[tuple[str, str], ...]:
    return ("time", time_text(event.time_ms)), ("journal", f"event {event.seq} {event.hash[:12]}")


def fill_text(fill: Event) -> str:
    """Return what happened in one execution: bought, sold, paid or received funding, how much, at what price."""
    body = fill.body
    if body["exec_type"] == "Funding":
        return f"funding on {body['qty']} {body['symbol']} at mark {body['price']}"
    return f"{'bought' if body['side'] == 'Buy' else 'sold'} {body['qty']} {body['symbol']} at {body['price']}"


def time_text(time_ms: int) -> str:
    """Return epoch ms as ISO 8601 in UTC, to the second unless there is more."""
    moment = dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC)
    return moment.isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds").replace("+00:00", "Z")


def _order_step(order: Event, answer: Event | None) -> Step:
    body = order.body
    stops = [
        f", {name} {body[key]} of the entry price away"
        for name, key in (("stop", "stop_loss_frac"), ("take-profit", "take_profit_frac"))
        if body[key]
    ]
    return Step(
        what="order",
        name=order.ref,
        facts=(
            ("what", f"{_LEGS[str(body['leg'])]}: {body['side']} {body['qty']} {body['symbol']}{''.join(stops)}"),
            ("venue", "no answer yet" if answer is None else _answer_text(answer)),
            *_when_and_where(order),
        ),
    )


def _answer_text(answer: Event) -> str:
    body = answer.body
    if answer.kind == "ack":
        return f"accepted as {body['order_id']}"
    if answer.kind == "resent":
        return "it never arrived and was sent again under its own name; no answer yet"
    if answer.kind == "done":
        return f"ended {body['status']} with {body['filled']} filled: {body['reason']}"
    return f"{'not sent' if answer.kind == 'missed' else 'refused'}: {body['reason']}"


def _decision_step(order: Event, decision: Event | None) -> Step:
    strategy, symbol = str(order.body["strategy"]), str(order.body["symbol"])
    name = f"{strategy} at bar {time_text(int(str(order.body['bar'])))}"
    if decision is None:
        return Step(what="decision", name=name, missing="the journal has no decision of that bar")
    symbols: Any = decision.body["symbols"]
    wanted = symbols.get(symbol, {})
    facts = (("wanted", f"exposure {wanted.get('exposure')} in {symbol}"), *_decision_facts(decision))
    return Step(what="decision", name=name, facts=facts)
