"""A proposal becomes one commit on a branch of its own, with its trailers and its study beside it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from agents.proposal import Proposal, open_pull_request, write_commit
from autarch.canonical import sha256_hex
from autarch.errors import RefusedError
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.runner import Remote

WHO = Person(name="tuner", email="agent@autarch.invalid", when_s=1_700_000_000)


class FakeForge:
    """The one call a proposal makes of the forge."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, str, str]] = []

    def create_pull(self, *, head: str, title: str, body: str) -> int:
        self.opened.append((head, title, body))
        return len(self.opened)


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "work.git"], check=True)
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "forge.git"], check=True)
    found = GitRepo(tmp_path / "work.git")
    tree = found.with_files(None, {"strategies/hill/manifest.toml": b"a = 1\n", "strategies/hill/strategy.py": b"x\n"})
    commit = found.commit_tree(tree, parents=[], message="Start\n", author=WHO)
    found.update_ref("refs/heads/main", commit, old=None)
    return found


def proposal(repo: GitRepo, **changes: object) -> Proposal:
    made = Proposal(
        agent="tuner",
        slug="hill",
        base=repo.rev_parse("main"),
        files={"manifest.toml": b"a = 2\n"},
        title="Tune hill",
        body="Hypothesis: two is better.\n\nNote: not a trailer.",
        trailers=(("Agent", "tuner"), ("Trials", "25")),
        study=b'{"trials":[]}',
    )
    return replace(made, **changes)


def test_a_commit_changes_the_named_files_only_and_ends_with_its_trailers(repo: GitRepo) -> None:
    made = proposal(repo)

    head = write_commit(made, repo=repo, author=WHO)

    changed = repo.diff_tree(made.base, head)
    assert [entry.path for entry in changed] == ["strategies/hill/manifest.toml"]
    assert repo.blob_at(head, "strategies/hill/manifest.toml") == b"a = 2\n"
    assert repo.read_commit(head).trailers == {"Agent": "tuner", "Trials": "25"}


def test_a_proposal_equal_to_main_is_refused(repo: GitRepo) -> None:
    with pytest.raises(RefusedError, match="equals what main has"):
        write_commit(proposal(repo, files={"manifest.toml": b"a = 1\n"}), repo=repo, author=WHO)


def test_branch_and_study_arrive_together_and_the_next_proposal_takes_the_next_number(
    repo: GitRepo, tmp_path: Path
) -> None:
    forge, remote = FakeForge(), Remote(url=str(tmp_path / "forge.git"))
    other = GitRepo(tmp_path / "forge.git")

    _, first = open_pull_request(proposal(repo), repo=repo, remote=remote, forge=forge, when_s=1_700_000_001)
    second_made = proposal(repo, files={"manifest.toml": b"a = 3\n"})
    _, second = open_pull_request(second_made, repo=repo, remote=remote, forge=forge, when_s=1_700_000_002)

    assert [head for head, _, _ in forge.opened] == ["agent/tuner/hill-1", "agent/tuner/hill-2"]
    assert other.read_ref("refs/heads/agent/tuner/hill-1") == first
    assert other.read_ref("refs/heads/agent/tuner/hill-2") == second
    study = b'{"trials":[]}'
    oid = other.read_ref(f"refs/autarch/studies/{sha256_hex(study)}")
    assert oid is not None
    assert other.cat_blob(oid) == study
