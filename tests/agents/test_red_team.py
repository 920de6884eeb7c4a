"""What the gate accepts on a market without an edge becomes a canary; what it catches becomes nothing."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from agents.evolution.blind import Grammar
from agents.evolution.parties import GateQuestion, GateWord
from agents.evolution.records import Failure
from agents.ports import Brief, Proposal
from agents.red_team import DATASET, arena, canary_files, probe, propose_canary
from autarch.errors import RefusedError
from autarch.manifest import parse_source
from autarch.market import read_lock
from autarch.market.stores import Stores
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.runner import Remote

WHO = Person(name="human", email="human@example.invalid", when_s=1_700_000_000)
CAUGHT = Failure(check="robustness", klass="limit", detail="Too few bets.")


class Writer:
    """Writes by chance; told to, outside of its folder."""

    kind, model = "codex", "m-1"

    def __init__(self, *, stray: bool = False) -> None:
        self.stray, self.briefs = stray, list[Brief]()

    def propose(self, brief: Brief) -> Proposal:
        self.briefs.append(brief)
        made = Grammar(symbols=("BTCUSDT",), interval="15m").propose(replace(brief, operator="create"))
        files = {**made.files, "tests/x.py": b""} if self.stray else made.files
        return replace(made, files=files, hypothesis="It passes.\nReviewed-by: a human \u00e9")


class FakeGate:
    def __init__(self, *verdicts: str) -> None:
        self.verdicts, self.asked = list(verdicts), list[GateQuestion]()

    def __call__(self, question: GateQuestion) -> GateWord:
        self.asked.append(question)
        verdict = self.verdicts.pop(0)
        return GateWord(verdict=verdict, failures=() if verdict == "accepted" else (CAUGHT,), seconds=1.0)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    for name in ("work.git", "forge.git"):
        subprocess.run(["git", "init", "-q", "--bare", tmp_path / name], check=True)
    found = GitRepo(tmp_path / "work.git")
    main = found.commit_tree(found.with_files(None, {"README.md": b"x\n"}), parents=[], message="Begin\n", author=WHO)
    found.update_ref("refs/heads/main", main, old=None)
    return found


def test_an_exploit_becomes_a_canary_on_a_branch_of_its_own_and_what_is_caught_nothing(
    repo: GitRepo, tmp_path: Path
) -> None:
    main, gate, writer = repo.rev_parse("main"), FakeGate("rejected", "accepted"), Writer()
    where = arena(repo, main, Stores.under(tmp_path / "data"), seed=5, bars=400, when_s=WHO.when_s)

    caught, through = (probe(writer, where, repo=repo, gate=gate, number=n, when_s=WHO.when_s) for n in (1, 2))
    remote = Remote(url=str(tmp_path / "forge.git"))
    branch, head, _, body = propose_canary(
        through, where, main=main, agent="codex", repo=repo, remote=remote, when_s=WHO.when_s
    )

    assert (caught.is_exploit, caught.detail) == (False, "robustness")
    assert read_lock(repo.blob_at(where.base, f"ci/datasets/{DATASET}.toml")).name == DATASET
    assert "planted edges: none" in read_lock(where.lock).origin
    assert [q.base for q in gate.asked] == [where.base] * 2
    assert {b.operator for b in writer.briefs} == {"exploit"}
    assert branch == "agent/red-team/red_probe_5_2-1"
    assert {entry.path for entry in repo.diff_tree(main, head)} == {
        "tests/canaries/corpus/red_probe_5_2.toml",
        "tests/canaries/corpus/red_probe_5_2/manifest.toml",
        "tests/canaries/corpus/red_probe_5_2/strategy.py",
    }
    card = tomllib.loads(repo.blob_at(head, "tests/canaries/corpus/red_probe_5_2.toml").decode("ascii"))
    assert set(card) == {"does", "kind", "check", "through"}
    assert card["does"] == "It passes. Reviewed-by: a human ?"
    assert "seed 5" in card["through"]
    parse_source(
        slug="red_probe_5_2",
        manifest_bytes=repo.blob_at(head, "tests/canaries/corpus/red_probe_5_2/manifest.toml"),
        code=repo.blob_at(head, "tests/canaries/corpus/red_probe_5_2/strategy.py"),
    )
    assert repo.read_commit(head).trailers == {"Agent": "codex", "Operator": "exploit"}
    assert "\nReviewed-by" not in body
    with pytest.raises(RefusedError, match="was caught by robustness"):
        canary_files(caught, where, name="none")


def test_a_probe_outside_of_its_folder_never_comes_to_a_gate(repo: GitRepo, tmp_path: Path) -> None:
    gate = FakeGate()
    where = arena(repo, repo.rev_parse("main"), Stores.under(tmp_path / "data"), seed=5, bars=400, when_s=WHO.when_s)

    found = probe(Writer(stray=True), where, repo=repo, gate=gate, number=1, when_s=WHO.when_s)

    assert not found.is_exploit
    assert "tests/x.py" in found.detail
    assert gate.asked == []
