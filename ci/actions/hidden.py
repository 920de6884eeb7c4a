"""The job beside the hidden bars: it holds the key of their store and no other, and hands on words of fixed lists.

It takes the strategy's bytes from the objects, as data, decides train again in a child of its own, and goes on only
where that gives the decisions of the parcel. So a machine that a strategy broke out of cannot choose what is judged.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from autarch.errors import AutarchError, UndecidedError
from autarch.evaluation import decide_blocks
from autarch.evidence.epoch import account_of
from autarch.evidence.ledger_count import find_reservation
from autarch.evidence.ledger_entry import Look, Sealed
from autarch.forge.client import ForgeClient
from autarch.market.load import load_market
from autarch.verdict import LaneWord, LookWord
from ci.actions.bench import Bench, subject_of, wanted_of
from ci.actions.events import parse_gate_run
from ci.actions.parcel import StaleError, read_file, unwrap
from ci.actions.restoring import restored, runs_nothing
from ci.concluding import conclude
from ci.context import GateInputs
from ci.counting import counted_at
from ci.inputs import counted_in
from ci.lanes import relation
from ci.outcome import GateOutcome
from ci.publish_hidden import HiddenDesk, Words, lane_of, look_at, may_ask_lane, may_look
from ci.publish_records import Subject, reservation
from ci.target import candidate_of_commits
from ci.workers import Workers

WORDS_CHARS_MAX = 4_000


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that leaves the job. `decisions`: whether train, decided here, is what the parcel says.

    `seal` binds the numbers behind a look under the store's key; it is opened when the epoch closes.
    """

    decisions: Literal["confirmed", "others", "not asked"]
    lane: LaneWord | None = None
    look: LookWord | None = None
    seal: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}:[A-Za-z0-9+/=]{0,2800}\Z")] | None = None

    def words(self) -> Words:
        """Return the words as whoever writes the ledger takes them."""
        look = None if self.look is None or self.seal is None else Look(word=self.look, sealed=self.seal)
        return Words(lane=self.lane, look=look)


NOT_ASKED = Answer(decisions="not asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vaulted:
    """What the job has beside the bench: warm workers, and a file with the key that seals."""

    workers: Workers
    key: Path


def answer_text(answer: Answer) -> str:
    """Return the answer as a job's output."""
    return msgspec.json.encode(answer).decode("ascii")


def parse_answer(text: str) -> Answer:
    """Return what the job beside the hidden bars handed on.

    Raises:
        UndecidedError: it is none of the words it may say.
    """
    if not text:
        return NOT_ASKED
    try:
        return msgspec.json.decode(text[:WORDS_CHARS_MAX], type=Answer, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecidedError("the job beside the hidden bars said what it may not say; nothing is told") from error


def ask_hidden(bench: Bench, forge: ForgeClient, vaulted: Vaulted, parcel: Path) -> Answer:
    """Ask hidden bars what the event's judgement needs of them, if anything.

    Nothing is asked before the reservation is on the forge, every other check is green by the ledger as it is now,
    and train decides here as the parcel says. Whatever goes wrong later is one of the words.

    Raises:
        UndecidedError: this process is not main's code.
        UsageError: the run is none of ours.
    """
    run = parse_gate_run(bench.site.event())
    subject = subject_of(bench, run, forge)
    candidate = candidate_of_commits(bench.repo, base=subject.base, head=subject.head)
    if runs_nothing(candidate):
        return NOT_ASKED
    inputs = bench.inputs(subject.base)
    try:
        told = unwrap(read_file(parcel), wanted_of(subject, inputs))
        outcome = restored(told, candidate, inputs, vaulted.workers.referee)
    except (UndecidedError, StaleError) as error:
        bench.progress(f"nothing is asked: {error}")
        return NOT_ASKED
    reserved = _reserved(bench, subject, outcome, inputs)
    if reserved is None:
        bench.progress("nothing is asked: the ledger holds no reservation of this judgement")
        return NOT_ASKED
    return _asked(bench, vaulted, reserved, outcome, inputs)


def _reserved(bench: Bench, subject: Subject, outcome: GateOutcome, inputs: GateInputs) -> Sealed | None:
    ledger = bench.ledger(subject.base)
    like = reservation(subject, outcome.candidate, lock=inputs.lock, inner=None, now_ms=0)
    return find_reservation(ledger.entries(ledger.sync()), like)


def _asked(bench: Bench, vaulted: Vaulted, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> Answer:
    ledger = bench.ledger(str(reserved.entry.base))
    head = ledger.sync()
    inputs = counted_in(inputs, counted_at(ledger, head), tree=outcome.candidate.tree, base=reserved.entry.base)
    outcome = conclude(outcome, inputs)
    asks_lane = may_ask_lane(outcome) and inputs.lane is None
    if not asks_lane and outcome.verdict != "accepted":
        return NOT_ASKED
    started = bench.clock()
    if not _confirmed(vaulted, outcome, inputs):
        return Answer(decisions="others")
    outcome = dataclasses.replace(outcome, elapsed_s={"determinism": 2.0 * (bench.clock() - started)})
    desk = HiddenDesk(
        ledger=ledger,
        key=vaulted.key,
        clock=bench.clock,
        clock_ms=bench.clock_ms,
        sleep=bench.sleep,
        progress=bench.progress,
        workers=vaulted.workers,
    )
    lane = lane_of(desk, reserved, outcome, inputs) if asks_lane else None
    if lane is not None:
        inputs = dataclasses.replace(inputs, lane=lane)
        outcome = conclude(outcome, inputs)
    if not may_look(outcome, inputs) or _is_closed(ledger.entries(head), inputs):
        return Answer(decisions="confirmed", lane=lane)
    seen = look_at(desk, reserved, outcome, inputs)
    return Answer(decisions="confirmed", lane=lane, look=seen.word, seal=seen.sealed)


def _is_closed(entries: tuple[Sealed, ...], inputs: GateInputs) -> bool:
    return account_of(entries, dataset=inputs.lock.name, epoch=inputs.lock.epoch).is_closed


def _confirmed(vaulted: Vaulted, outcome: GateOutcome, inputs: GateInputs) -> bool:
    """Return whether a fresh child decides train as the parcel says, and stands to main's version as it says."""
    candidate, market, told = outcome.candidate, outcome.market, outcome.decisions
    if candidate.source is None or market is None or told is None:
        return False
    with vaulted.workers.under(inputs.policy.sandbox):
        try:
            if decide_blocks(vaulted.workers.main, candidate.source, market).digest() != told.digest():
                return False
            if outcome.may_ask is None or candidate.incumbent is None:
                return True
            before = candidate.incumbent.source
            manifest = before.manifest
            seen = load_market(  # its context may be another
                inputs.lock,
                split="train",
                symbols=(*manifest.symbols, *manifest.context),
                interval=manifest.interval,
                stores=inputs.stores,
            )
            incumbent = decide_blocks(vaulted.workers.other, before, seen)
        except AutarchError:
            return False
    return relation(told, incumbent) == outcome.may_ask
