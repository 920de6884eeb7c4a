"""The holdout says its word into the ledger before a verdict has it, once for the same decisions, after all else."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.errors import RefusedError
from autarch.evaluation import decide_blocks
from autarch.evidence.ledger_entry import LedgerEntry, Sealed
from autarch.market.load import load_market
from autarch.verdict import LAWS, CheckResult
from ci.candidate import Incumbent
from ci.concluding import conclude
from ci.counting import counted_at
from ci.inputs import counted_in
from ci.outcome import GateOutcome
from ci.publish_hidden import looked_at
from ci.rederive import Sources, quoted

from .test_hidden import MAIN, Bench, bench
from .test_vault_look import SEES, SEES_AND_LOSES

__all__ = ["bench"]


def decisions_of(bench: Bench, body: str) -> Decisions:
    market = load_market(
        bench.inputs.lock, split="train", symbols=("BTCUSDT",), interval="15m", stores=bench.inputs.stores
    )
    return decide_blocks(bench.workers.main, bench.kit.candidate(body).source, market)


def measured(bench: Bench, body: str, **changes: object) -> tuple[Sealed, GateOutcome]:
    """Reserve, and answer as if train had measured so: all green but what `changes` says."""
    bench.asked += 1
    tree = f"{bench.asked:040x}"
    entry = LedgerEntry(
        schema=1, seq=0, prev=None, kind="reservation", recorded_ms=bench.asked, pr=1, head=tree, base="b" * 40,
        slug="probe", tree=tree, dataset=bench.inputs.lock.ref, epoch="1",
    )  # fmt: skip
    reserved = bench.ledger.reserve(entry, key=bench.key)
    inputs = counted_in(bench.inputs, counted_at(bench.ledger, reserved.commit), tree=tree, base="b" * 40)
    main = Incumbent(slug="probe", tree="m" * 40, source=bench.kit.candidate(MAIN).source)
    candidate = dataclasses.replace(bench.kit.candidate(body), tree=tree, incumbent=main)
    checks = [CheckResult(name=name, klass="law", verdict="passed") for name in sorted(LAWS)]
    checks.append(
        CheckResult(name="evidence", klass=changes.pop("klass", "limit"), verdict="passed", detail="few tries")
    )
    outcome = GateOutcome(
        verdict=changes.pop("verdict", "accepted"), candidate=candidate, policy=inputs.policy, engine=inputs.engine,
        trials=inputs.trials, checks=tuple(checks), measured=tuple(checks), whole=True, metrics={}, claim=None,
        decisions=decisions_of(bench, body), counted=inputs.counted, **changes,
    )  # fmt: skip
    return reserved, outcome


def judged(bench: Bench, body: str, **changes: object) -> GateOutcome:
    reserved, outcome = measured(bench, body, **changes)
    inputs = counted_in(bench.inputs, counted_at(bench.ledger, reserved.commit))
    return looked_at(bench.desk(), reserved, outcome, inputs)


def looks(bench: Bench) -> list[str]:
    return [s.entry.look.word for s in bench.ledger.verify() if s.entry.look is not None]


@pytest.mark.parametrize(
    ("body", "word", "verdict"), [(SEES, "improved", "accepted"), (SEES_AND_LOSES, "worse", "rejected")]
)
def test_the_word_decides_and_is_durable(bench: Bench, body, word, verdict) -> None:
    found = judged(bench, body)

    assert (found.verdict, found.look, looks(bench)) == (verdict, word, [word])
    assert found.claim is not None
    assert (found.claim.look, found.claim.ledger) == (word, bench.ledger.head())
    assert [s.entry.kind for s in bench.ledger.entries()] == ["reservation", "epoch", "look"]


def test_the_same_train_decisions_are_told_the_first_word_again_without_a_look(bench: Bench, monkeypatch) -> None:
    first = judged(bench, SEES)
    monkeypatch.setattr("ci.publish_hidden.look", lambda *_: pytest.fail("the holdout was opened again"))

    assert judged(bench, SEES).look == first.look
    assert looks(bench) == [first.look, first.look]


@pytest.mark.parametrize(
    "change", [{"verdict": "rejected"}, {"verdict": "undecided"}, {"lane": "same"}, {"klass": "advice"}]
)
def test_nobody_looks_before_all_else_is_green_or_where_nothing_hangs_on_it(bench: Bench, change) -> None:
    judged(bench, SEES, **change)

    assert looks(bench) == []


def test_an_epoch_s_terms_are_fixed_by_its_first_look(bench: Bench) -> None:
    judged(bench, SEES)
    lock = bench.inputs.lock
    changed = msgspec.structs.replace(lock, epoch=msgspec.structs.replace(lock.epoch, alpha=lock.epoch.alpha / 2))
    bench.inputs = dataclasses.replace(bench.inputs, lock=changed)

    with pytest.raises(RefusedError, match="began with alpha"):
        judged(bench, SEES_AND_LOSES)
    assert looks(bench) == ["improved"]


def test_a_closed_epoch_answers_nothing(bench: Bench) -> None:
    judged(bench, SEES)
    opening = next(s.entry.opening for s in bench.ledger.entries() if s.entry.opening is not None)
    closing = LedgerEntry(
        schema=1, seq=0, prev=None, kind="epoch", recorded_ms=9, dataset=bench.inputs.lock.ref, epoch="1",
        opening=msgspec.structs.replace(opening, revealed="00"),
    )  # fmt: skip
    bench.ledger.append(closing, key=bench.key)

    with pytest.raises(RefusedError, match="is closed"):
        judged(bench, SEES_AND_LOSES)


def test_a_claim_s_word_is_the_ledger_s(bench: Bench) -> None:
    claim = judged(bench, SEES_AND_LOSES).claim
    assert claim is not None
    forged = msgspec.structs.replace(claim, look="improved", tried=("x",), variance=9.0)
    sources = Sources(repo=bench.repo, stores=bench.inputs.stores, ledger_trust=bench.trust)

    again = quoted(forged, sources, bench.inputs)

    assert (again.look, again.tried, again.variance) == ("worse", (), None)
    assert quoted(claim, dataclasses.replace(sources, ledger_trust=None), bench.inputs).look == "worse"


def test_an_undecided_word_leaves_the_verdict_undecided(bench: Bench) -> None:
    reserved, outcome = measured(bench, SEES)
    inputs = counted_in(bench.inputs, counted_at(bench.ledger, reserved.commit))

    found = conclude(outcome, dataclasses.replace(inputs, look="not computed"))

    assert found.verdict == "undecided"
    assert found.claim is None


def test_decisions_of_the_two_probes_differ_on_train(bench: Bench) -> None:
    assert not np.array_equal(decisions_of(bench, SEES).exposure, decisions_of(bench, SEES_AND_LOSES).exposure)
