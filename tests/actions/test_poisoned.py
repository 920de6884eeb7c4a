"""A parcel forged with care: its numbers fit its decisions, and still another fresh runner decides otherwise."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from autarch.evidence.claim import claimed_check
from autarch.repo.engine import engine_digest_at
from autarch.verdict import CheckResult
from ci import inputs
from ci.actions import restoring
from ci.actions.evaluating import evaluate
from ci.actions.hidden import NOT_ASKED, Vaulted, answer_text, ask_hidden
from ci.actions.parcel import PARCEL_NAME, Parcel, pack_decisions, results_of, unpack_decisions
from ci.actions.publishing import Handed, publish_run
from ci.actions.reserving import reserve_run
from ci.target import candidate_of_commits
from ci.workers import started_workers

from .benching import bench_of
from .ground import strategy
from .stage import staged_once

pytestmark = pytest.mark.slow


stage = staged_once("ground")


@pytest.fixture(scope="module")
def workers():
    with started_workers() as started:
        yield started


@pytest.fixture(autouse=True)
def _this_process(ground, monkeypatch):
    """Let this process pass for one that runs main's code, whoever edits the project meanwhile."""
    ours = engine_digest_at(ground.repo, ground.repo.rev_parse("main"))
    monkeypatch.setattr(inputs, "engine_digest", lambda: ours)


def test_a_forgery_whose_numbers_fit_its_decisions_is_found_by_another_runner(stage, workers, tmp_path):
    number, head = stage.propose(strategy())
    bench = bench_of(stage, "pull_request", stage.pull_event(number, head))
    evaluate(bench, workers, tmp_path)
    told = msgspec.msgpack.decode((tmp_path / PARCEL_NAME).read_bytes(), type=Parcel)
    candidate = candidate_of_commits(bench.repo, base=stage.main, head=head)
    forged = _fitting(told, candidate, bench.inputs(stage.main), workers)
    (tmp_path / PARCEL_NAME).write_bytes(msgspec.msgpack.encode(forged))
    run = stage.run_event(number, head)
    vaulted = Vaulted(workers=workers, key=stage.ground.key)

    early = ask_hidden(bench_of(stage, "workflow_run", run), stage.forge("ci"), vaulted, tmp_path)
    reserve_run(bench_of(stage, "workflow_run", run), stage.forge("ci"), stage.ground.key)
    asked = ask_hidden(bench_of(stage, "workflow_run", run), stage.forge("ci"), vaulted, tmp_path)
    outcome = publish_run(
        bench_of(stage, "workflow_run", run),
        stage.forge("ci"),
        stage.ground.key,
        Handed(parcel=tmp_path, words=answer_text(asked)),
        workers.referee,
    )

    assert early == NOT_ASKED  # nothing was reserved yet
    assert (asked.decisions, asked.look) == ("others", None)
    assert outcome.verdict == "undecided"
    assert "another machine decides train otherwise" in outcome.checks[0].detail
    assert stage.kinds() == [("reservation", None)]
    assert set(stage.checks(head).values()) == {"action_required"}


def _fitting(told: Parcel, candidate, given, workers) -> Parcel:
    """Return the parcel with other decisions, and with the very numbers that follow from them."""
    manifest = candidate.source.manifest
    decisions = unpack_decisions(told.decisions, manifest, rows=told.decisions.rows)
    other = dataclasses.replace(decisions, exposure=np.roll(decisions.exposure, -1, axis=0))
    parcel = msgspec.structs.replace(told, decisions=pack_decisions(other))
    results = results_of(parcel, given.policy.classes)
    again = restoring._again(parcel, candidate, given, results, workers.referee)
    checks = []
    for check in parcel.checks:
        answer = again.answers.get(check.name)
        if answer is not None:
            result = CheckResult(
                name=check.name,
                klass=check.klass,
                verdict=answer.verdict,
                measures=answer.measures,
                detail=answer.detail,
            )
            checks.append(claimed_check(result))
        else:
            checks.append(check)
    return msgspec.structs.replace(parcel, checks=tuple(checks))
