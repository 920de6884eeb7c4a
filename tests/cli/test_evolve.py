"""What `autarch evolve` and `autarch review` refuse before they do anything, and that a study is counted once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agents.study import Study, Trial
from autarch.cli.evolve_gate import append_study
from autarch.cli.main import main
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_count import count_trials
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.runner import Remote
from autarch.repo.signers import SIGNERS_PATH, signers_file, trust_at
from autarch.repo.signing import generate_key

WHO = Person(name="human", email="human@example.invalid", when_s=1_700_000_000)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evolve", "--agent", " , "], "names nobody"),
        (["evolve", "--rounds", "0"], "rounds"),
        (["evolve", "--jobs", "0"], "jobs"),
        (["review"], "name a pull request"),
        (["review", "3", "--red-team"], "name a pull request"),
    ],
)
def test_what_cannot_be_meant_is_misuse(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTARCH_WORKSPACE", raising=False)

    code = main(arguments)

    told = capsys.readouterr().err
    assert code == 2
    assert says in told or "workspace" in told or ".autarch" in told


def test_a_runs_trials_are_in_the_ledger_once_whoever_asks_how_often(tmp_path: Path) -> None:
    for name in ("work.git", "forge.git"):
        subprocess.run(["git", "init", "-q", "--bare", tmp_path / name], check=True)
    public = generate_key(tmp_path / "ci", comment="ci")
    repo, remote = GitRepo(tmp_path / "work.git"), Remote(url=str(tmp_path / "forge.git"))
    tree = repo.with_files(None, {SIGNERS_PATH["ci"]: signers_file("ci", (public,))})
    base = repo.commit_tree(tree, parents=[], message="Begin\n", author=WHO)
    trials = tuple(Trial(params={"n": n}, score=1.0, sharpe=float(n), decisions=None) for n in range(5))
    study = Study(
        strategy="evolution", parent="main@0", dataset="d@1", objective="o", sampler="s", seed=1, trials=trials
    )

    for _ in range(2):
        append_study(repo, remote, tmp_path / "ci", base=base, study=study, now_ms=1_700_000_000_000)

    ledger = Ledger(repo, trust=trust_at(repo, base, "ci"), remote=remote)
    entries = ledger.verify(ledger.sync())
    assert [(s.entry.kind, s.entry.dataset, s.entry.inner.count) for s in entries] == [("study", "d@1", 5)]
    assert entries[0].entry.inner.sidecar == study.digest
    assert count_trials(entries) == 5
