"""Ask the hidden bars whether a lane holds, and write the word into the ledger before anybody hears it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_count import lanes_asked
from autarch.evidence.ledger_entry import SCHEMA, LedgerEntry, Sealed
from autarch.verdict import LaneWord
from ci.concluding import conclude
from ci.context import Clock, GateInputs, Progress
from ci.counting import counted_at
from ci.inputs import counted_in
from ci.lanes import laws_hold
from ci.outcome import GateOutcome
from ci.vault.lane import hidden_word
from ci.vault.opening import Vault
from ci.workers import Workers, started_workers


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LaneDesk:
    """What asking takes: the ledger, CI's key, clocks (`clock_ms` epoch ms), how to wait, workers."""

    ledger: Ledger
    key: Path
    clock: Clock
    clock_ms: Callable[[], int]
    sleep: Callable[[float], None]
    progress: Progress
    workers: Workers | None


def in_lane(desk: LaneDesk, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> GateOutcome:
    """Return the verdict with the lane's word, if train bars allow to ask and every law holds; else `outcome`.

    The reservation is durable already and counts. The word is in the ledger before it is in the verdict:
    a lane that holds takes the reservation back, one that does not makes it count by itself.

    Raises:
        LedgerError, PushRefusedError: the word cannot be recorded.
    """
    if outcome.may_ask is None or not laws_hold(outcome.measured):
        return outcome
    sealed = desk.ledger.lane(reserved, lambda: _entry(desk, reserved, outcome, inputs), key=desk.key)
    counted = counted_at(desk.ledger, sealed.commit)
    return conclude(outcome, dataclasses.replace(counted_in(inputs, counted), lane=sealed.entry.lane))


def _entry(desk: LaneDesk, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> LedgerEntry:
    before = reserved.entry
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="lane",
        recorded_ms=desk.clock_ms(),
        pr=before.pr,
        head=before.head,
        base=before.base,
        slug=before.slug,
        tree=before.tree,
        dataset=before.dataset,
        epoch=before.epoch,
        reservation=reserved.digest,
        lane=_word(desk, reserved, outcome, inputs),
    )


def _word(desk: LaneDesk, reserved: Sealed, outcome: GateOutcome, inputs: GateInputs) -> LaneWord:
    """Return the word; "ordinary" without looking where the epoch's questions about this strategy are used up."""
    candidate, entry = outcome.candidate, reserved.entry
    entries = desk.ledger.entries(desk.ledger.sync())
    asked = lanes_asked(entries, slug=str(entry.slug), dataset=str(entry.dataset), epoch=str(entry.epoch))
    if asked >= inputs.policy.lanes.asked_per_epoch_max:
        return "ordinary"
    if candidate.source is None or candidate.incumbent is None or outcome.may_ask is None:
        return "ordinary"
    desk.progress("comparing with main's version on hidden bars, for one word")
    with ExitStack() as stack:
        workers = desk.workers or stack.enter_context(started_workers())
        vault = Vault(stores=inputs.stores, worker=workers.main, key=desk.key, clock=desk.clock, sleep=desk.sleep)
        return hidden_word(
            vault,
            inputs.lock,
            candidate=candidate.source,
            incumbent=candidate.incumbent.source,
            wanted=outcome.may_ask,
        )
