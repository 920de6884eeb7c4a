"""Ask hidden bars one thing, and write the word into the ledger before anybody hears it: a lane's, or the holdout's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from autarch.errors import UndecidedError
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_count import lanes_asked, look_of
from autarch.evidence.ledger_entry import SCHEMA, LedgerEntry, Look, Sealed
from autarch.verdict import LaneWord
from ci.concluding import conclude
from ci.context import Clock, GateInputs, Progress
from ci.counting import counted_at
from ci.inputs import counted_in
from ci.lanes import laws_hold
from ci.outcome import GateOutcome
from ci.promotion.account import begin_epoch
from ci.vault.lane import hidden_word
from ci.vault.looking import Question, look
from ci.vault.opening import Vault
from ci.workers import Workers, started_workers

Said = TypeVar("Said")

DETERMINISMS = 2.0
"""A look takes this many times what determinism took on train, on this machine, under its present load, and more.

That time is known before any hidden bar is opened, so that how long a look takes says nothing of them.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What hidden bars said to a machine that keeps no key of ours; None: that was not asked."""

    lane: LaneWord | None = None
    look: Look | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HiddenDesk:
    """What asking takes: the ledger, CI's key, clocks (`clock_ms` epoch ms), how to wait, workers.

    `words` are those that another machine was told, where the hidden bars are not here.
    """

    ledger: Ledger
    key: Path
    clock: Clock
    clock_ms: Callable[[], int]
    sleep: Callable[[float], None]
    progress: Progress
    workers: Workers | None
    words: Words | None = None


def in_lane(desk: HiddenDesk, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> GateOutcome:
    """Return the verdict with the lane's word, if train bars allow to ask and every law holds; else `outcome`.

    The reservation is durable already and counts. The word is in the ledger before it is in the verdict:
    a lane that holds takes the reservation back, one that does not makes it count by itself.

    Raises:
        LedgerError, PushRefusedError: the word cannot be recorded.
    """
    if not may_ask_lane(outcome):
        return outcome

    def word() -> LedgerEntry:
        found = lane_of(desk, reserved, outcome, inputs) if desk.words is None else _said(desk.words.lane)
        return msgspec.structs.replace(_entry(desk, reserved, "lane"), lane=found)

    return _concluded(desk, desk.ledger.word(reserved, "lane", word, key=desk.key), outcome, inputs)


def looked_at(desk: HiddenDesk, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> GateOutcome:
    """Return the verdict with the holdout's word, when all else is green and no lane holds; else `outcome`.

    A data set without holdout bars is not asked, and cannot promote anything.

    Raises:
        LedgerError, PushRefusedError: the word cannot be recorded.
        RefusedError: the epoch is closed, or its terms were changed.
    """
    if not may_look(outcome, inputs):
        return outcome
    begin_epoch(desk.ledger, inputs.lock, key=desk.key, now_ms=desk.clock_ms())

    def word() -> LedgerEntry:
        found = look_at(desk, reserved, outcome, inputs) if desk.words is None else _said(desk.words.look)
        return msgspec.structs.replace(_entry(desk, reserved, "look"), look=found, decisions=_digest(outcome))

    return _concluded(desk, desk.ledger.word(reserved, "look", word, key=desk.key), outcome, inputs)


def may_ask_lane(outcome: GateOutcome) -> bool:
    """Return whether train bars allow to ask for a lane, and every law holds."""
    return outcome.may_ask is not None and laws_hold(outcome.measured)


def may_look(outcome: GateOutcome, inputs: GateInputs) -> bool:
    """Return whether all else is green, no lane holds, and there is a holdout that the policy judges by."""
    start, end = inputs.lock.splits.span("holdout")
    is_judged = any(check.name == "evidence" and check.klass == "limit" for check in outcome.measured)
    return outcome.verdict == "accepted" and outcome.lane not in {"same", "less"} and is_judged and end > start


def _said(word: Said | None) -> Said:
    if word is None:
        raise UndecidedError(
            "the machine with the hidden bars was not asked what this verdict needs; run the workflow again"
        )
    return word


def _concluded(desk: HiddenDesk, sealed: Sealed, outcome: GateOutcome, inputs: GateInputs) -> GateOutcome:
    entry = sealed.entry
    counted = counted_at(desk.ledger, sealed.commit)
    return conclude(outcome, counted_in(inputs, counted, tree=entry.tree, base=entry.base))


def _entry(desk: HiddenDesk, reserved: Sealed, kind: Literal["lane", "look"]) -> LedgerEntry:
    """Return an entry that speaks of what `reserved` reserved, its word left out; its place is the ledger's to fill."""
    before = reserved.entry
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind=kind,
        recorded_ms=desk.clock_ms(),
        pr=before.pr,
        head=before.head,
        base=before.base,
        slug=before.slug,
        tree=before.tree,
        dataset=before.dataset,
        epoch=before.epoch,
        reservation=reserved.digest,
    )


def lane_of(desk: HiddenDesk, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> LaneWord:
    """Return the word; "ordinary" without looking where the epoch's questions about this strategy are used up."""
    candidate, entry = outcome.candidate, reserved.entry
    entries = desk.ledger.entries(desk.ledger.sync())
    asked = lanes_asked(entries, slug=str(entry.slug), dataset=str(entry.dataset), epoch=str(entry.epoch))
    if asked >= inputs.policy.lanes.asked_per_epoch_max:
        return "ordinary"
    if candidate.source is None or candidate.incumbent is None or outcome.may_ask is None:
        return "ordinary"
    desk.progress("comparing with main's version on hidden bars, for one word")
    with _vault(desk, inputs) as vault:
        return hidden_word(
            vault,
            inputs.lock,
            candidate=candidate.source,
            incumbent=candidate.incumbent.source,
            wanted=outcome.may_ask,
        )


def look_at(desk: HiddenDesk, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> Look:
    """Return what the holdout says; what it said of the same train decisions before, without looking again.

    Else a proposal that decides the same on train and asks again from another base would be told for free.
    """
    entries = desk.ledger.entries(desk.ledger.sync())
    known = look_of(entries, decisions=_digest(outcome), dataset=inputs.lock.name, epoch=str(inputs.lock.epoch.number))
    if known is not None:
        return known
    candidate = outcome.candidate
    if candidate.source is None:
        raise ValueError("a proposal without a strategy was accepted and is to be looked at")
    desk.progress("looking at the holdout, for one word")
    question = Question(
        lock=inputs.lock,
        candidate=candidate.source,
        incumbent=None if candidate.incumbent is None else candidate.incumbent.source,
        capital=inputs.policy.backtest.capital,
        place=reserved.digest,
        seconds=inputs.policy.evidence.look_seconds + DETERMINISMS * outcome.elapsed_s.get("determinism", 0.0),
    )
    with _vault(desk, inputs) as vault:
        return look(vault, question)


def _digest(outcome: GateOutcome) -> str:
    if outcome.decisions is None:
        raise ValueError("a proposal without decisions was accepted and is to be looked at")
    return outcome.decisions.digest()


@contextmanager
def _vault(desk: HiddenDesk, inputs: GateInputs) -> Iterator[Vault]:
    if desk.workers is not None:
        yield Vault(stores=inputs.stores, worker=desk.workers.main, key=desk.key, clock=desk.clock, sleep=desk.sleep)
        return
    with started_workers() as workers:
        yield Vault(stores=inputs.stores, worker=workers.main, key=desk.key, clock=desk.clock, sleep=desk.sleep)
