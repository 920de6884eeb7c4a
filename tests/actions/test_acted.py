"""Every workflow for real, by act on this host, with the local forge as platform: green, and red where it should be."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from autarch.evidence.released import Released, render_release
from autarch.manifest import parse_source
from autarch.repo import signing
from ci.actions.parcel import PARCEL_NAME, Parcel, pack_decisions, unpack_decisions
from ci.actions.patch import PATCH_NAME, Patch

from .stage import HONEST, MANIFEST, PEEKS, SOMEBODY, staged, strategy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(theatre, tmp_path_factory):
    with staged(theatre, tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture(scope="module")
def judged(stage):
    """One honest strategy through both halves, as GitHub starts them."""
    number, head = stage.propose(strategy())
    evaluated = stage.act("gate.yml", "pull_request", stage.pull_event(number, head))
    reserved = stage.act("reserve.yml", "workflow_run", stage.run_event(number, head, conclusion=None))
    before = stage.kinds(), stage.checks(head)
    published = stage.act("publish.yml", "workflow_run", stage.run_event(number, head))
    return number, head, evaluated, reserved, published, before


def test_an_honest_strategy_is_evaluated_reserved_asked_and_published(stage, judged):
    number, head, evaluated, reserved, published, before = judged

    assert (evaluated.code, evaluated.jobs) == (0, {"evaluate": "success"}), evaluated.said
    assert (reserved.code, reserved.jobs) == (0, {"reserve": "success"}), reserved.said
    assert (published.code, published.jobs) == (0, {"holdout": "success", "publish": "success"}), published.said
    assert before == ([("reservation", None)], {})  # counted, and nothing told, before anything was published
    assert [kind for kind, _ in stage.kinds()] == ["reservation", "epoch", "look", "result"]
    assert stage.trials == 1
    assert set(stage.checks(head).values()) == {"success"}
    assert "Accepted" in stage.forge("ci").comments(number)[0].body


def test_the_untrusted_half_s_log_holds_no_score_and_no_verdict(judged):
    _, _, evaluated, *_ = judged

    for word in ("passed after", "failed after", "sharpe", "accepted", "rejected", "drawdown"):
        assert word not in evaluated.log.lower(), word


def test_a_parcel_with_other_decisions_does_not_get_through(stage, judged):
    """Not even one whose numbers fit its decisions: another machine decides train otherwise."""
    number, head, *_ = judged
    path = stage.folder / "artifacts" / "parcel" / PARCEL_NAME
    whole = path.read_bytes()
    told = msgspec.msgpack.decode(whole, type=Parcel)
    manifest = parse_source(
        slug="a_trend", manifest_bytes=MANIFEST.format(slug="a_trend").encode(), code=HONEST.encode()
    ).manifest
    decisions = unpack_decisions(told.decisions, manifest, rows=told.decisions.rows)
    forged = dataclasses.replace(decisions, exposure=np.roll(decisions.exposure, -1, axis=0))
    path.write_bytes(msgspec.msgpack.encode(msgspec.structs.replace(told, decisions=pack_decisions(forged))))
    entries = stage.kinds()
    try:
        published = stage.act("publish.yml", "workflow_run", stage.run_event(number, head))
    finally:
        path.write_bytes(whole)

    assert published.code == 0, published.said
    assert "computed again it is" in published.log
    assert set(stage.checks(head).values()) == {"action_required"}
    assert stage.kinds() == entries


def test_a_strategy_that_sees_the_future_turns_exactly_causality_red(stage):
    number, head = stage.propose(strategy("a_peek", PEEKS), branch="agent/tuner/a_peek-1")

    evaluated = stage.act("gate.yml", "pull_request", stage.pull_event(number, head))
    published = stage.act("publish.yml", "workflow_run", stage.run_event(number, head))

    assert evaluated.code == 0, evaluated.said
    assert published.code == 0, published.said
    checks = stage.checks(head)
    assert {name for name, said in checks.items() if said == "failure"} == {"gate", "causality"}
    assert checks["scope"] == checks["policy"] == checks["determinism"] == "success"
    assert checks["backtest"] == checks["evidence"] == "cancelled"
    assert stage.kinds()[-1] == ("closed", "causality")


def test_an_edit_outside_strategies_is_refused(stage):
    files = strategy("a_reach") | {".github/workflows/gate.yml": b"name: gate\n"}
    number, head = stage.propose(files, branch="agent/tuner/a_reach-1")

    evaluated = stage.act("gate.yml", "pull_request", stage.pull_event(number, head))
    published = stage.act("publish.yml", "workflow_run", stage.run_event(number, head))

    assert (evaluated.code, published.code) == (0, 0), published.said
    checks = stage.checks(head)
    assert {name for name, said in checks.items() if said == "failure"} == {"gate", "scope"}


def test_a_run_of_another_workflow_is_followed_by_nobody(stage, judged):
    number, head, *_ = judged

    reserved = stage.act(
        "reserve.yml", "workflow_run", stage.run_event(number, head, path=".github/workflows/mine.yml")
    )

    assert reserved.jobs == {"reserve": "failure"}
    assert "only runs of" in reserved.log


def test_what_a_merge_brought_is_derived_again(stage, judged):
    number, head, *_ = judged
    before = stage.main
    stage.act("publish.yml", "workflow_run", stage.run_event(number, head))  # green again, after the forged parcel
    merged = stage.forge("human").merge_pull(number, sha=head)

    recorded = stage.act("record.yml", "push", stage.push_event("refs/heads/main", before, merged))

    assert (recorded.code, recorded.jobs) == (0, {"record": "success"}), recorded.said
    assert "a_trend  found again" in recorded.log


@pytest.mark.parametrize("how", ["lightweight", "stranger", "off main"])
def test_a_tag_that_a_deployer_refuses_fails(stage, tmp_path, how):
    commit = stage.main
    if how == "off main":
        commit = stage.bare.commit_tree(stage.bare.tree_of(commit), parents=[commit], message="x\n", author=SOMEBODY)
    key = stage.ground.release_key
    if how == "stranger":
        key = tmp_path / "stranger"
        signing.generate_key(key, comment="stranger")
    name = {"lightweight": "v0.0.1", "stranger": "v0.0.2", "off main": "v0.0.3"}[how]
    told = Released(
        schema=1, tag=name, commit=commit, engine="e" * 64, policy="f" * 64, policy_path="ci/policy.toml",
        dataset="hills@1", ledger_head=commit, waivers=[], strategies=[],
    )  # fmt: skip
    tag = commit
    if how != "lightweight":
        tag = signing.create_tag(
            stage.bare, name=name, commit=commit, message=render_release(told), tagger=SOMEBODY, key=key
        )
    stage.bare.update_ref(f"refs/tags/{name}", tag, old=None)  # past the forge's own rules

    released = stage.act("release.yml", "push", stage.push_event(f"refs/tags/{name}", None, tag))

    assert released.jobs == {"verify": "failure"}, released.said
    why = {"lightweight": "lightweight", "stranger": "not signed by", "off main": "main"}[how]
    assert why in released.log


def test_a_forged_patch_opens_nothing(stage):
    folder = stage.folder / "artifacts" / "patch"
    folder.mkdir(parents=True)
    patch = Patch(
        schema=1, agent="tuner", slug="a_trend", base=stage.main, title="x", body="x", trailers=(),
        files={"strategy.py": b"x = 1\n"},
    )  # fmt: skip
    raw = msgspec.to_builtins(patch, builtin_types=(bytes,)) | {"files": {"../../ci/policy.toml": b""}}
    (folder / PATCH_NAME).write_bytes(msgspec.msgpack.encode(raw))
    before = len(stage.forge("ci").pulls(state="all"))

    opened = stage.act_job("propose.yml", "open", "workflow_dispatch", {}, login="tuner")

    assert opened.jobs == {"open": "failure"}
    assert "the patch writes" in opened.log
    assert len(stage.forge("ci").pulls(state="all")) == before


def test_a_code_owner_closes_by_comment_and_nobody_else(stage):
    number, _ = stage.propose(strategy("a_close"), branch="agent/tuner/a_close-1")

    refused = stage.act(
        "commands.yml", "issue_comment", stage.comment_event(number, "/close", login="tuner"), login="human"
    )
    still = stage.forge("ci").pull(number).state
    done = stage.act("commands.yml", "issue_comment", stage.comment_event(number, "/close"), login="human")

    assert refused.jobs == {"command": "failure"}
    assert "does not own" in refused.log
    assert still == "open"
    assert (done.code, done.jobs) == (0, {"command": "success"}), done.said
    assert stage.forge("ci").pull(number).state == "closed"
