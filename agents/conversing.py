"""A proposer that talks to a model until it hands in a folder: one loop for every vendor.

Everything it was told and everything its tools answered is kept by turn, so that the same brief, asked again after a
crash, goes through the same conversation without paying or trying twice, and on from where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from agents.paying import Answers, Till, answer_name
from agents.ports import Brief, NoProposalError, Proposal, VendorError
from agents.prompting import SYSTEM, first_word
from agents.tools.box import Finished, ToolAnswer, Toolbox
from agents.tools.offered import TOOLS
from agents.vendors.wire import Answer, Talk, ToolCall, ToolResult, Wire
from autarch.canonical import Sha256, canonical_digest

TURNS_MAX = 60
WORDS_MAX = 3
"""Answers without a tool before a conversation is over: a model that only talks is reminded so often."""
CALLS_A_TURN_MAX = 16
ANSWER_BYTES_MAX = 600_000
"""Of one answer with what it calls: twice the three files a strategy may have."""
SUMMARY_BYTES_MAX = 2_000
_REMINDER = "Go on with your tools, and end with finish or give_up; words outside of them are read by nobody."
_CUT = "Your answer was cut at its length. Say less at once: one file in one call."


class _Kept(msgspec.Struct, frozen=True):
    text: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """What a conversing proposer is made of.

    Attributes:
        kind: Of agent, as in the branch's name.
        name: The vendor's id of the model.
        till: Pays, records and recalls, within the brief's budget too.
        wire: The vendor.
        furnish: Gives a brief its tools.
        market: Says in lines what there is to trade.
        keep_transcript: Stores a redacted transcript and returns its digest.
    """

    kind: str
    name: str
    till: Callable[[Brief], Till]
    wire: Wire
    furnish: Callable[[Brief], Toolbox]
    market: Callable[[], str]
    keep_transcript: Callable[[bytes], Sha256]
    turns_max: int = TURNS_MAX


class ModelProposer:
    """Asks a vendor's model for one strategy."""

    def __init__(self, seat: Seat) -> None:
        """Sit down; nothing is asked yet."""
        self._seat = seat

    @property
    def kind(self) -> str:
        """As in `Proposal.agent`."""
        return self._seat.kind

    @property
    def model(self) -> str:
        """The vendor's id of the model."""
        return self._seat.name

    def propose(self, brief: Brief) -> Proposal:
        """Return a proposal; see `agents.ports.Proposer.propose`."""
        seat, box = self._seat, self._seat.furnish(brief)
        till = seat.till(brief)
        clean = till.clean
        first = clean(first_word(brief, market=seat.market(), trials=box.bounds.trials, calls=box.bounds.calls))
        talk = Talk(system=SYSTEM, first=first, tools=TOOLS)
        name = conversation(brief, kind=seat.kind, model=seat.name)
        ended = self._converse(talk, box, till, name)
        spent = till.purse.spent(name)
        trials = box.counter.trials()
        study = box.counter.study(
            slug=brief.slug, parent=parents_of(brief), agent=f"{seat.kind} {seat.name}", seed=brief.seed
        )
        if box.finished is None:
            why = box.gave_up if box.gave_up is not None else ended
            raise NoProposalError(
                f"{seat.name} handed in nothing for {brief.slug}: {why}. Its {len(trials)} trials count",
                usage=spent,
                trials=trials,
                study=study,
            )
        return Proposal(
            agent=seat.kind,
            model=seat.name,
            brief=brief,
            **said_of(box.finished),
            usage=spent,
            trials=trials,
            study=study,
            prompt=canonical_digest([talk.system, talk.first]),
            transcript=seat.keep_transcript(_transcript(talk, clean)),
            summary=_summary(talk, clean),
            cutoff=till.model.cutoff,
        )

    def _converse(self, talk: Talk, box: Toolbox, till: Till, brief: str) -> str:
        """Go on until the box is closed; return why it was not, where it was not."""
        seat, silent = self._seat, 0
        for turn in range(1, seat.turns_max + 1):
            body = seat.wire.body(talk, output_max=till.output_max())
            answer, was_stored = till.buy(seat.wire, body, brief=brief, turn=turn)
            till.progress(f"{seat.kind}: turn {turn}{' (kept)' if was_stored else ''}: {_shown(answer)}")
            if len(answer.pack()) > ANSWER_BYTES_MAX:  # sent back with every turn, it would pass any budget
                return f"an answer had {len(answer.pack()):,} bytes, and no strategy takes {ANSWER_BYTES_MAX:,}"
            if answer.stop == "refused":
                talk.turns.append((answer, (), ""))
                return f"the model declined: {' '.join(till.clean(answer.text).split())[:200]}"
            results = tuple(
                self._call(box, till.answers, answer_name(brief, turn), number, call)
                for number, call in enumerate(answer.calls)
            )
            silent = 0 if results else silent + 1
            word = "" if results else (_CUT if answer.stop == "limit" else _REMINDER)
            talk.turns.append((answer, results, word))
            if box.is_over:
                return "it is over"
            if silent >= WORDS_MAX:
                return f"{WORDS_MAX} answers in a row used no tool"
            if box.calls > box.bounds.calls:
                return f"all {box.bounds.calls} calls were used"
        return f"{seat.turns_max} turns were used"

    def _call(self, box: Toolbox, answers: Answers, turn: str, number: int, call: ToolCall) -> ToolResult:
        if number >= CALLS_A_TURN_MAX:
            told = f"at most {CALLS_A_TURN_MAX} calls in one answer; ask again"
            return ToolResult(id=call.id, text=told, failed=True)
        name = f"result of {turn} {number}"
        stored = answers.recall(name)
        answer = box.call(
            call.name, call.arguments
        )  # again too: it rebuilds the folder; trials are found, not repeated
        if stored is not None:
            kept = msgspec.json.decode(stored, type=_Kept)
            answer = ToolAnswer(text=kept.text, failed=kept.failed)
        else:
            answers.keep(name, msgspec.json.encode(_Kept(answer.text, answer.failed)))
        return ToolResult(id=call.id, text=answer.text, failed=answer.failed)


def ask(  # noqa: PLR0913  a question and whom it is put to
    till: Till, wire: Wire, *, system: str, prompt: str, schema: Mapping[str, Any], name: str = "answer"
) -> tuple[dict[str, Any], Sha256]:
    """Ask a model one question and return its answer as an object of `schema`, with the digest of the question.

    The answer is the arguments of the one tool that it has; budgets, records and kept answers are as in a proposal.

    Raises:
        BudgetError, VendorError: as `Till.buy`; VendorError too where two answers in a row are no such object.
    """
    from agents.vendors.wire import Tool  # noqa: PLC0415  named here alone

    tool = Tool(name=name, description="Give your answer. Call this once and say nothing else.", schema=schema)
    talk = Talk(system=till.clean(system), first=till.clean(prompt), tools=(tool,))
    digest = canonical_digest([system, prompt, dict(schema), till.name])
    for turn in (1, 2, 3):
        answer, _ = till.buy(wire, wire.body(talk, output_max=till.output_max()), brief=digest, turn=turn)
        for call in answer.calls:
            if call.name == name and call.arguments is not None and not _missing(schema, call.arguments):
                return call.arguments, digest
        results = tuple(
            ToolResult(id=c.id, text=f"not such an object; missing: {_missing(schema, c.arguments or {})}", failed=True)
            for c in answer.calls
        )
        talk.turns.append((answer, results, "" if results else f"Answer by calling {name}."))
        if answer.stop == "refused":
            break
    raise VendorError(f"{till.name} gave no answer of the form asked for; ask another model, or ask anew")


def _missing(schema: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    types: Mapping[str, type | tuple[type, ...]] = {
        "string": str,
        "array": list,
        "object": dict,
        "number": (int, float),
        "integer": int,
        "boolean": bool,
    }
    properties = schema.get("properties", {})
    return [
        name
        for name in schema.get("required", [])
        if not isinstance(found.get(name), types.get(properties.get(name, {}).get("type"), object))
    ]


def conversation(brief: Brief, *, kind: str, model: str) -> str:
    """Return the name under which one agent's attempts, answers and trials for a brief are kept."""
    return f"{brief.digest}/{kind}/{model}"


def said_of(finished: Finished) -> dict[str, Any]:
    """Return the fields of a proposal that a model hands in."""
    return {name: getattr(finished, name) for name in ("files", "hypothesis", "mechanism", "falsifier", "expected")}


def parents_of(brief: Brief) -> str:
    """Return what a study says of where a strategy comes from."""
    return ", ".join(f"{parent.slug}@{parent.commit}" for parent in brief.parents) or f"none@{brief.base}"


def _shown(answer: Answer) -> str:
    names = ", ".join(call.name for call in answer.calls)
    return names or answer.stop


def _summary(talk: Talk, clean: Callable[[str], str]) -> str:
    lines = []
    for number, (answer, results, _) in enumerate(talk.turns, start=1):
        failed = sum(result.failed for result in results)
        lines.append(f"{number}. {_shown(answer)}" + (f" ({failed} refused)" if failed else ""))
    return clean("\n".join(lines))[:SUMMARY_BYTES_MAX]


_Role = Literal["system", "user", "model", "tool"]


def _transcript(talk: Talk, clean: Callable[[str], str]) -> bytes:
    """Return the conversation as lines of JSON, secrets taken out."""
    lines: list[tuple[_Role, str]] = [("system", talk.system), ("user", talk.first)]
    for answer, results, word in talk.turns:
        called = [f"{call.name} {call.raw or msgspec.json.encode(call.arguments).decode()}" for call in answer.calls]
        lines.append(("model", "\n".join([answer.text, *called])))
        lines += [("tool", ("refused: " if result.failed else "") + result.text) for result in results]
        lines += [("user", word)] if word else []
    return b"".join(msgspec.json.encode({"role": role, "text": clean(text)}) + b"\n" for role, text in lines)
