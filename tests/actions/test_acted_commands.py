"""Commands by comment, by act: what a code owner's word sets in motion on a platform that has workflows."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from autarch.canonical import sha256_hex
from autarch.cli.ci_commands import obey
from autarch.errors import RefusedError
from autarch.evidence.attestation import Attestation, Machine, evidence_ref, sign_attestation, store_evidence
from autarch.evidence.claim import claim_bytes
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.evidence.waiver import parse_waivers, waiver_path
from autarch.repo.signers import trust_at

from ..forge.test_cli_waive import CLAIM  # noqa: TID252  folders of tests are no packages that could be named
from .benching import bench_of
from .ground import strategy
from .relay import relaying
from .stage import Stage, staged_once

pytestmark = pytest.mark.slow


stage = staged_once("theatre")


@pytest.fixture(scope="module")
def platform(stage):
    """The stage's forge with a platform's workflows in front of it."""
    with relaying(stage.url) as relay:
        behind, stage.url = stage.url, relay.url
        yield relay
        stage.url = behind


def comment(stage: Stage, number: int, body: str, *, login: str = "human"):
    event = stage.comment_event(number, body, login=login)
    return stage.act("commands.yml", "issue_comment", event, login="human")


def last_word(stage: Stage, number: int) -> str:
    return stage.forge("ci").comments(number)[-1].body


def test_a_code_owner_has_a_head_judged_again(stage, platform):
    number, head = stage.propose(strategy("a_rerun"), branch="agent/tuner/a_rerun-1")
    other = {"id": 40, "head_sha": stage.main, "status": "completed", "path": ".github/workflows/gate.yml"}
    platform.runs = [
        {**other, "id": 42, "head_sha": head, "status": "in_progress"},
        {**other, "id": 41, "head_sha": head},
    ]

    done = comment(stage, number, "/rerun")

    assert (done.code, done.jobs) == (0, {"command": "success"}), done.said
    assert [what for what, _ in platform.started] == ["runs/41/rerun"]  # the one that ended
    assert f"Judging {head[:12]} again" in last_word(stage, number)


def test_a_code_owner_asks_for_a_judgement_by_the_errand_that_waits_for_a_reviewer(stage, platform):
    number, _ = stage.propose(strategy("a_judge"), branch="agent/tuner/a_judge-1")
    platform.started.clear()

    done = comment(stage, number, "/judge")

    assert (done.code, done.jobs) == (0, {"command": "success"}), done.said
    inputs = {"errand": "judge", "target": str(number), "asked_by": "human"}
    assert platform.started == [("workflows/errands.yml/dispatches", {"ref": "main", "inputs": inputs})]
    assert "waits for approval" in last_word(stage, number)

    before = stage.kinds()
    started = {"inputs": platform.started[0][1]["inputs"], "repository": stage.repository}
    asked = stage.act("errands.yml", "workflow_dispatch", started)  # what a reviewer lets run: nothing was merged

    assert asked.jobs == {"errand": "failure"}
    assert f"the ledger knows no proposal in pull request {number}" in asked.log
    assert stage.kinds() == before  # and so no level was spent


def record_verdict(stage: Stage, number: int, slug: str) -> None:
    """Publish, as CI, a verdict by which the strategy missed a limit."""
    claim = msgspec.structs.replace(CLAIM, strategy=msgspec.structs.replace(CLAIM.strategy, name=slug))
    name = sha256_hex(claim_bytes(claim))
    machine = Machine(system="Linux", kernel="6", cpu="x86-64", python="3.11")
    told = Attestation(
        schema=1, evidence=name, machine=machine, sandbox="full", wall_s={}, judged_ms=1, signer="ci@autarch"
    )
    store_evidence(stage.clone, claim, sign_attestation(told, key=stage.ground.key))
    ref, remote = evidence_ref(name), stage.forge("ci").git_remote()
    stage.clone.push(remote, {ref: stage.clone.read_ref(ref)}, leases={ref: None})
    ledger = Ledger(stage.clone, trust=trust_at(stage.bare, stage.main, "ci"), remote=remote)
    ledger.sync()
    entry = LedgerEntry(
        schema=1,
        seq=1,
        prev=None,
        kind="reservation",
        recorded_ms=1,
        head="a" * 40,
        base="b" * 40,
        slug=slug,
        pr=number,
    )
    reserved = ledger.append(entry, key=stage.ground.key)
    answer = {"kind": "result", "verdict": "rejected", "evidence": name, "reservation": reserved.digest}
    ledger.append(msgspec.structs.replace(entry, **answer), key=stage.ground.key)


@pytest.mark.usefixtures("platform")
def test_a_code_owner_s_waiver_is_a_pull_request_and_an_agent_s_is_nothing(stage):
    number, _ = stage.propose(strategy("a_waive"), branch="agent/tuner/a_waive-1")
    record_verdict(stage, number, "a_waive")
    before = len(stage.forge("ci").pulls(state="all"))
    words = "/waive risk 14 half of it is hedged elsewhere"

    refused = comment(stage, number, words, login="tuner")
    between = len(stage.forge("ci").pulls(state="all")), stage.forge("ci").comments(number)
    done = comment(stage, number, words)

    assert refused.jobs == {"command": "failure"}
    assert "does not own" in refused.log
    assert between == (before, ())  # not even a word: a stranger makes us write nothing
    assert (done.code, done.jobs) == (0, {"command": "success"}), done.said
    opened = stage.forge("ci").pulls()[0]
    path = waiver_path("a_waive")
    (waiver,) = parse_waivers(stage.bare.blob_at(opened.head_sha, path) or b"", path=path)
    assert (waiver.check, waiver.who, (waiver.expires - waiver.granted).days) == ("risk", "human", 14)
    assert [file.path for file in stage.forge("ci").pull_files(opened.number)] == [path]


def test_nobody_but_a_person_who_owns_the_code_commands(stage, platform):
    number, _ = stage.propose(strategy("a_mute"), branch="agent/tuner/a_mute-1")
    words = ("/rerun", "/close", "/judge", "/waive risk 14 half of it is hedged elsewhere")
    platform.started.clear()
    before = stage.bare.refs("refs/")

    for word, (login, kind) in itertools.product(words, (("tuner", "User"), ("human", "Bot"), ("human ", "User"))):
        event = stage.comment_event(number, word, login=login)
        event["comment"]["user"]["type"] = kind
        with pytest.raises(RefusedError, match="does not own"):
            obey(bench_of(stage, "issue_comment", event, login="human"), stage.forge("human"))

    assert platform.started == []
    assert stage.bare.refs("refs/") == before
