"""Every workflow for real, by act on this host, with the local forge as platform: green, and red where it should be."""

from __future__ import annotations

import dataclasses
import shutil
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from autarch.evidence.released import Released, render_release
from autarch.manifest import parse_source
from autarch.repo import signing
from ci.actions.parcel import PARCEL_NAME, Parcel, pack_decisions, unpack_decisions
from ci.actions.patch import PATCH_NAME, Patch

from .ground import HONEST, MANIFEST, PEEKS, PORTFOLIO, SOMEBODY, strategy
from .stage import Acted, staged_once

pytestmark = pytest.mark.slow


stage = staged_once("theatre")


@pytest.fixture(scope="module")
def judged(stage):
    """One honest strategy through both halves as GitHub starts them, first with a parcel that somebody replaced."""
    number, head = stage.propose(strategy())
    evaluated = stage.act("gate.yml", "pull_request", stage.pull_event(number, head))
    reserved = stage.act("reserve.yml", "workflow_run", stage.run_event(number, head, conclusion=None))
    before = stage.kinds(), stage.checks(head)
    path = stage.folder / "artifacts" / "parcel" / PARCEL_NAME
    whole = path.read_bytes()
    path.write_bytes(forged(whole))
    poisoned = stage.act("publish.yml", "workflow_run", stage.run_event(number, head))
    after = stage.kinds(), stage.checks(head)
    path.write_bytes(whole)
    published = stage.act("publish.yml", "workflow_run", stage.run_event(number, head))
    return Judged(number, head, evaluated, reserved, before, poisoned, after, published, stage.checks(head))


class Judged(NamedTuple):
    number: int
    head: str
    evaluated: Acted
    reserved: Acted
    before: tuple
    poisoned: Acted
    after: tuple
    published: Acted
    checks: dict


def forged(whole: bytes) -> bytes:
    """Return a parcel whose decisions come a bar too early: each of them acts on what it could not know."""
    told = msgspec.msgpack.decode(whole, type=Parcel)
    manifest = parse_source(
        slug="a_trend", manifest_bytes=MANIFEST.format(slug="a_trend").encode(), code=HONEST.encode()
    ).manifest
    decisions = unpack_decisions(told.decisions, manifest, rows=told.decisions.rows)
    early = dataclasses.replace(decisions, exposure=np.roll(decisions.exposure, -1, axis=0))
    return msgspec.msgpack.encode(msgspec.structs.replace(told, decisions=pack_decisions(early)))


def test_an_honest_strategy_is_evaluated_reserved_asked_and_published(stage, judged):
    assert (judged.evaluated.code, judged.evaluated.jobs) == (0, {"evaluate": "success"}), judged.evaluated.said
    assert (judged.reserved.code, judged.reserved.jobs) == (0, {"reserve": "success"}), judged.reserved.said
    assert judged.published.jobs == {"holdout": "success", "publish": "success"}, judged.published.said
    assert judged.before == ([("reservation", None)], {})  # counted, and nothing told, before anything was published
    assert [kind for kind, _ in stage.kinds()][:4] == ["reservation", "epoch", "look", "result"]
    assert set(judged.checks.values()) == {"success"}
    assert "Accepted" in stage.forge("ci").comments(judged.number)[0].body


def test_the_untrusted_half_s_log_holds_no_score_and_no_verdict(judged):
    for word in ("passed after", "failed after", "sharpe", "accepted", "rejected", "drawdown"):
        assert word not in judged.evaluated.log.lower(), word


def test_a_parcel_with_other_decisions_does_not_get_through(judged):
    assert judged.poisoned.code == 0, judged.poisoned.said
    assert "computed again it is" in judged.poisoned.log
    assert judged.after[0] == [("reservation", None)]  # no look was spent on it, and no result is recorded
    assert set(judged.after[1].values()) == {"action_required"}


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
    event = stage.run_event(judged.number, judged.head, path=".github/workflows/mine.yml")

    reserved = stage.act("reserve.yml", "workflow_run", event)

    assert reserved.jobs == {"reserve": "failure"}
    assert "only runs of" in reserved.log


@pytest.fixture(scope="module")
def merged(stage, judged):
    before = stage.main
    oid = stage.forge("human").merge_pull(judged.number, sha=judged.head)
    recorded = stage.act("record.yml", "push", stage.push_event("refs/heads/main", before, oid))
    stage.move_main({"live/portfolio.toml": PORTFOLIO})
    return recorded


def test_what_a_merge_brought_is_derived_again(merged):
    assert (merged.code, merged.jobs) == (0, {"record": "success"}), merged.said
    assert "a_trend  found again" in merged.log


def test_an_agent_proposes_without_a_token_and_another_job_opens_it(stage, merged):
    assert merged.code == 0
    event = {"inputs": {"strategy": "a_trend", "trials": "2", "seed": "3"}, "repository": stage.repository}

    proposed = stage.act("propose.yml", "workflow_dispatch", event, login="tuner")

    assert proposed.jobs == {"agent": "success", "open": "success"}, proposed.said
    assert stage.forge("ci").pulls()[0].head_ref == "agent/tuner/a_trend-2"


def test_an_errand_runs_with_the_job_s_own_key(stage, merged):
    assert merged.code == 0
    event = {"inputs": {"errand": "forward", "target": "", "asked_by": "alice"}, "repository": stage.repository}

    done = stage.act("errands.yml", "workflow_dispatch", event)

    assert done.jobs == {"errand": "success"}, done.said
    assert stage.kinds()[-1][0] == "forward"


def test_a_signed_tag_is_verified_and_its_evidence_stands_beside_it(stage, merged):
    assert merged.code == 0
    signed = stage.autarch("release", "v0.1.0")
    assert signed.returncode == 0, signed.stderr[-2000:]
    tag = stage.bare.read_ref("refs/tags/v0.1.0")

    released = stage.act("release.yml", "push", stage.push_event("refs/tags/v0.1.0", None, tag))

    assert released.jobs == {"verify": "success", "assets": "success"}, released.said
    names = {asset.name.partition("-")[0] for asset in stage.forge("ci").release("v0.1.0").assets}
    assert names == {"sbom.cdx.json", "evidence"}


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
    shutil.rmtree(folder, ignore_errors=True)  # of an honest run before it
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
