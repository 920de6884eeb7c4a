"""`autarch policy use`: a preset becomes a human's pull request that shows every limit it moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from autarch.cli.main import main
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.signers import signers_file
from ci.policy import PRESETS, parse_policy, preset_of

from .conftest import PERSON, Keys, Yard, make_workspace, make_yard, plain_git


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory, root: Path, keys: Keys) -> Iterator[Yard]:
    """A workspace whose main has the presets, and standard with its own data set for a policy."""
    folder = tmp_path_factory.mktemp("policy")
    plain_git("init", "--quiet", "--bare", "--initial-branch=main", str(folder / "project.git"))
    repo = GitRepo(folder / "project.git")
    standard = (root / PRESETS["standard"]).read_bytes()
    files: dict[str, bytes | None] = {path: (root / path).read_bytes() for path in PRESETS.values()}
    files |= {
        "ci/policy.toml": standard.replace(b'datasets = ["synthetic"]', b'datasets = ["mine"]'),
        "ci/signers/ci": signers_file("ci", (signing.public_key(keys.ci),)),
        "ci/signers/release": signers_file("release", (signing.public_key(keys.release),)),
    }
    commit = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=PERSON)
    repo.update_ref("refs/heads/main", commit, old=None)
    with make_yard(folder, repo, keys) as made:
        make_workspace(made)
        yield made


@pytest.fixture
def here(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(yard.state.root.parent))
    return yard


def test_a_preset_becomes_a_humans_pull_request_that_keeps_the_data_sets(here: Yard, capsys) -> None:
    assert main(["policy", "use", "strict", "--reason", "real money from here on", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    pull = here.client("human").pull(said["pull"])
    content = here.bare.blob_at(pull.head_sha, "ci/policy.toml") or b""
    policy = parse_policy(content, path="ci/policy.toml")
    assert preset_of(policy, lambda path: here.bare.blob_at(pull.head_sha, path)) == "strict"
    assert policy.data.datasets == ("mine",)
    assert said["branch"].startswith("human/policy-strict-")
    assert [file.path for file in here.client("human").pull_files(said["pull"])] == ["ci/policy.toml"]
    assert {"key": "risk.leverage_max", "was": 3.0, "now": 1.5} in said["differs"]


def test_the_pull_request_says_what_it_moves_and_why(here: Yard, capsys) -> None:
    assert main(["policy", "use", "research", "--reason", "looking at ideas"]) == 0

    told = capsys.readouterr().out
    for line in ("  risk.leverage_max  3.0 -> 5.0", "  paper_only  false -> true", "  classes.robustness"):
        assert line in told
    number = int(told.split("pull request ")[1].split(":")[0])
    body = here.client("human").pull(number).body
    assert body.startswith("looking at ideas\n")
    assert "risk.leverage_max  3.0 -> 5.0" in body


@pytest.mark.parametrize(
    ("preset", "code", "told"),
    [
        ("standard", 1, "main has exactly that already"),
        ("lax", 2, "there are: research, standard, strict"),
        ("walkthrough", 2, "there is no preset 'walkthrough'"),
    ],
)
def test_what_changes_nothing_and_what_is_no_preset_is_refused(
    here: Yard, capsys, preset: str, code: int, told: str
) -> None:
    assert main(["policy", "use", preset]) == code
    assert told in capsys.readouterr().err
    assert here.state


def test_an_agents_token_proposes_no_policy(here: Yard, capsys) -> None:
    token = here.state.root.parent / ".autarch" / "tokens" / "human"
    mine = token.read_text()
    token.write_text(here.tokens["agent"])
    try:
        assert main(["policy", "use", "research"]) == 1
    finally:
        token.write_text(mine)
    assert "only a human does this" in capsys.readouterr().err
