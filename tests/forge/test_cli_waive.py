"""`autarch waive`: the newest verdict's values become a human's pull request; everybody else is refused."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from autarch.canonical import sha256_hex
from autarch.cli.main import main
from autarch.evidence.claim import (
    Claim,
    ClaimedCheck,
    ClaimedDataset,
    ClaimedDigests,
    ClaimedMeasure,
    ClaimedPolicy,
    ClaimedStrategy,
    claim_bytes,
)
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.evidence.waiver import day_of, grant, parse_waivers, render_waivers, waiver_path
from autarch.repo import signing
from autarch.repo.git import GitRepo

from .conftest import Keys, Yard, make_workspace, make_yard

REASON = "half of the sleeve is hedged"


def measured(name: str, value: float | None, limit: float | None) -> ClaimedMeasure:
    return ClaimedMeasure(name=name, value=value, op="<=" if limit is not None else None, limit=limit, unit="")


def check(name: str, klass: str, verdict: str, *measures: ClaimedMeasure) -> ClaimedCheck:
    return ClaimedCheck(name=name, klass=klass, verdict=verdict, measures=measures, detail="because")  # type: ignore[arg-type]


CLAIM = Claim(
    schema=1,
    kind="strategy",
    strategy=ClaimedStrategy(name="ema_trend", tree="a" * 40, manifest_sha256="1" * 64, code_sha256="2" * 64),
    base="b" * 40,
    engine="e" * 64,
    policy=ClaimedPolicy(path="ci/policy.toml", sha256="f" * 64, walkthrough=False, preset="standard"),
    dataset=ClaimedDataset(name="synthetic", digest="0" * 64),
    ledger=None,
    trials=0,
    digests=ClaimedDigests(numerics="3" * 64, decisions="4" * 64, fills=None, equity=None),
    checks=(
        check("backtest", "law", "failed", measured("ruined", 1.0, 0.0)),
        check("risk", "limit", "failed", measured("max_drawdown", 0.41, 0.35), measured("worst_day", 0.01, 0.15)),
        check("warmup", "limit", "passed", measured("differing", 0.0, 0.1)),
        check("memory", "limit", "failed"),
        check("robustness", "limit", "failed", measured("bets", None, 30.0)),
    ),
    metrics={},
    verdict="rejected",
    waived=(),
    as_of=None,
    lane=None,
)


@pytest.fixture(scope="module")
def yard(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("waive"), project, keys) as made:
        make_workspace(made)
        record_verdict(made)
        yield made


def record_verdict(yard: Yard) -> None:
    """Publish CLAIM as CI does: evidence, and the ledger's result that names it."""
    content = claim_bytes(CLAIM)
    name = sha256_hex(content)
    code, said = yard.push("ci", f"{yard.evidence_tree(content)}:refs/autarch/evidence/{name}")
    assert code == 0, said
    trust = signing.Trust(signers=yard.bare.blob_at(yard.main, "ci/signers/ci") or b"", principal=signing.CI_PRINCIPAL)
    ledger = Ledger(yard.clone, trust=trust, remote=yard.remote("ci"))
    entry = LedgerEntry(
        schema=1, seq=1, prev=None, kind="reservation", recorded_ms=1, head="a" * 40, base="b" * 40, slug="ema_trend"
    )
    reserved = ledger.append(entry, key=yard.keys.ci)
    answer = msgspec.structs.replace(
        entry, kind="result", verdict="rejected", evidence=name, reservation=reserved.digest
    )
    ledger.append(answer, key=yard.keys.ci)


@pytest.fixture
def here(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(yard.state.root.parent))
    return yard


def test_the_newest_verdicts_values_become_a_humans_pull_request(here: Yard, capsys) -> None:
    command = ["waive", "ema_trend", "--check", "risk", "--reason", REASON, "--days", "14", "--json"]

    assert main(command) == 0

    said = json.loads(capsys.readouterr().out)
    pull = here.client("human").pull(said["pull"])
    content = here.bare.blob_at(pull.head_sha, waiver_path("ema_trend"))
    (waiver,) = parse_waivers(content or b"", path=waiver_path("ema_trend"))
    assert (waiver.check, waiver.decisions, waiver.measured) == ("risk", "4" * 64, {"max_drawdown": 0.41})
    assert (waiver.who, waiver.reason, (waiver.expires - waiver.granted).days) == ("human", REASON, 14)
    assert said["branch"].startswith("human/waive-ema_trend-risk-")
    assert [file.path for file in here.client("human").pull_files(said["pull"])] == ["ci/waivers/ema_trend.toml"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["ema_trend", "--check", "backtest", "--reason", REASON], 1, "backtest is law, and only limits are waived"),
        (["ema_trend", "--check", "warmup", "--reason", REASON], 1, "is passed in the newest verdict"),
        (["ema_trend", "--check", "memory", "--reason", REASON], 1, "without a value that a waiver could be held to"),
        (["ema_trend", "--check", "robustness", "--reason", REASON], 1, "without a value"),
        (["ema_trend", "--check", "luck", "--reason", REASON], 2, "there is no check 'luck'"),
        (["unheard_of", "--check", "risk", "--reason", REASON], 2, "no verdict on a strategy 'unheard_of'"),
        (["../etc", "--check", "risk", "--reason", REASON], 2, "is no strategy's name"),
        (["ema_trend", "--check", "risk", "--reason", REASON, "--days", "91"], 2, "less than or equal to 90"),
        (["ema_trend", "--check", "risk", "--reason", "short"], 2, "fewer than 10 characters"),
        (["ema_trend", "--check", "risk", "--reason", "not \x1b[2J printable"], 2, "printable ASCII"),
    ],
)
def test_what_may_not_be_waived_is_refused_and_nothing_is_proposed(here: Yard, capsys, arguments, code, told) -> None:
    before = here.bare.refs("refs/heads/")

    assert main(["waive", *arguments]) == code

    assert told in capsys.readouterr().err
    assert here.bare.refs("refs/heads/") == before


def test_an_agents_token_in_a_humans_place_is_refused(here: Yard, capsys) -> None:
    token = here.state.root.parent / ".autarch/tokens/human"
    before, refs = token.read_text(), here.bare.refs("refs/heads/")
    token.write_text(here.tokens["agent"])
    try:
        assert main(["waive", "ema_trend", "--check", "risk", "--reason", REASON]) == 1
    finally:
        token.write_text(before)

    assert "agent has role agent; only a human does this" in capsys.readouterr().err
    assert here.bare.refs("refs/heads/") == refs


@pytest.mark.usefixtures("here")
def test_a_claim_of_another_strategy_is_not_taken(capsys, tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    path.write_bytes(claim_bytes(CLAIM))

    assert main(["waive", "other_one", "--check", "risk", "--reason", REASON, "--claim", str(path)]) == 2
    assert "a verdict on ema_trend" in capsys.readouterr().err
    assert main(["waive", "ema_trend", "--check", "risk", "--reason", REASON, "--claim", str(tmp_path)]) == 2
    assert "there is no claim" in capsys.readouterr().err


def test_a_second_waiver_replaces_its_check_and_keeps_the_others(here: Yard, capsys) -> None:
    repo = GitRepo(here.state.repo)
    today = day_of(time.time_ns() // 1_000_000)
    old = grant(CLAIM, "risk", who="somebody", reason="the first reason", today=today, days=1)
    other = msgspec.structs.replace(old, check="warmup", expires=today + dt.timedelta(days=9))
    stale = msgspec.structs.replace(old, check="memory", granted=dt.date(2020, 1, 1), expires=dt.date(2020, 1, 2))
    tip = repo.commit_tree(
        repo.with_files(repo.tree_of(here.main), {waiver_path("ema_trend"): render_waivers([old, other, stale])}),
        parents=[here.main],
        message="x\n",
        author=here.bare.read_commit(here.main).author,
    )
    repo.update_ref("refs/heads/main", tip, old=here.main)

    assert main(["waive", "ema_trend", "--check", "risk", "--reason", REASON, "--json"]) == 0

    head = here.client("human").pull(json.loads(capsys.readouterr().out)["pull"]).head_sha
    found = parse_waivers(here.bare.blob_at(head, waiver_path("ema_trend")) or b"", path=waiver_path("ema_trend"))
    assert [(waiver.check, waiver.reason) for waiver in found] == [("risk", REASON), ("warmup", "the first reason")]
