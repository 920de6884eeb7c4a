"""`autarch leaderboard` in a clone that is no workspace: from the ledger's branch alone."""

from __future__ import annotations

import json

import pytest

from autarch.cli.leaderboard import _page
from autarch.cli.main import main
from autarch.evidence.board import Board, Killed, Row
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signing import CI_PRINCIPAL, NS_LEDGER, Trust, allowed_signer, generate_key

SOMEBODY = Person(name="Somebody", email="somebody@example.invalid", when_s=1)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone with a main that lists CI's signer, and a ledger with one candidate stopped by the policy."""
    key = tmp_path / "key"
    generate_key(key, comment="test")
    line = f"{allowed_signer(CI_PRINCIPAL, (NS_LEDGER,), key.with_name('key.pub').read_text().strip())}\n".encode()
    (tmp_path / "clone").mkdir()
    repo = GitRepo(tmp_path / "clone")
    repo.run("init", "--quiet", "--initial-branch=main", ".")
    tree = repo.with_files(None, {"ci/signers/ci": line})
    repo.update_ref("refs/heads/main", repo.commit_tree(tree, parents=[], message="Begin\n", author=SOMEBODY), old=None)
    ledger = Ledger(repo, trust=Trust(signers=line, principal=CI_PRINCIPAL))
    ledger.begin()
    about = {"schema": 1, "seq": 0, "prev": None, "recorded_ms": 1, "pr": 4, "head": "a" * 40, "base": "b" * 40}
    reserved = ledger.append(LedgerEntry(kind="reservation", slug="greedy", **about), key=key)
    ledger.append(
        LedgerEntry(kind="closed", slug="greedy", stopped="policy", reservation=reserved.digest, **about), key=key
    )
    monkeypatch.delenv("AUTARCH_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path / "clone")
    return repo


@pytest.mark.usefixtures("clone")
def test_a_plain_clone_tells_what_was_refused(capsys):
    assert main(["leaderboard", "--rejected", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["kills"] == {"policy": 1}
    assert [(one["slug"], one["pr"], one["checks"]) for one in told["rejected"]] == [("greedy", 4, ["policy"])]


@pytest.mark.usefixtures("clone")
def test_a_board_without_a_score_says_so(capsys):
    assert main(["leaderboard"]) == 0

    assert "trials 0 registered, 0 families" in capsys.readouterr().out


def test_outside_a_clone_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("AUTARCH_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)

    assert main(["leaderboard"]) == 2
    assert "autarch init" in capsys.readouterr().err


def test_nothing_a_candidate_says_becomes_markup():
    row = Row(slug="<b>x</b>", family="<i>", is_incumbent=True, sharpe=1.25, low=-0.5, high=3.0, dsr=0.4, days=500)
    board = Board(dataset="m", head=None, trials=7, effective=2, compared=5, variance=None, rows=(row,))
    killed = (Killed(seq=3, recorded_ms=0, pr=1, slug="y", checks=("risk",), why="<script>alert(1)</script>"),)

    page = _page(board, killed)

    assert "<b>x</b>" not in page
    assert "<script>alert(1)" not in page
    assert "-0.50 to 3.00" in page
    assert "risk 1" in page
