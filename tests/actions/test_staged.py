"""What is staged is looked at before it is committed: as the gate will, and in the index, not the work tree."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from autarch.repo.git import GitRepo
from ci.actions.staged import problems, secrets_in, staged_slugs

from .ground import HONEST, REACHES, ROOT, clean_environment, strategy


@pytest.fixture
def clone(tmp_path):
    env = clean_environment(tmp_path)

    def git(*command: str) -> None:
        subprocess.run(["git", *command], cwd=tmp_path, env=env, check=True, capture_output=True)

    def stage(files: dict[str, bytes]) -> GitRepo:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        git("add", "--all")
        return GitRepo(tmp_path)

    git("init", "--quiet", "--initial-branch=main")
    return stage


def test_an_honest_strategy_has_no_problem(clone):
    repo = clone(strategy())

    assert staged_slugs(repo) == ("a_trend",)
    assert problems(repo) == ()


def test_each_staged_fault_is_named_with_its_place(clone):
    leaky = HONEST.replace("gap =", 'key = "AKIAIOSFODNN7EXAMPLE"  # noqa\n    gap =')
    files = {
        **strategy("a_reach", REACHES),
        **strategy("b_leak", leaky),
        **strategy("c_untidy", HONEST.replace("gap = ", "gap  =  ")),
        **strategy("d_schema"),
    }
    place = "strategies/d_schema/manifest.toml"
    files[place] = files[place].replace(b"[params]", b"speed = 1\n[params]")

    found = [(problem.path, problem.what) for problem in problems(clone(files))]

    paths = [path for path, _ in found]
    assert any(path == "strategies/a_reach" and "os" in what for path, what in found)
    assert any(path.startswith("strategies/b_leak/strategy.py:") and "secret" in what for path, what in found)
    assert "strategies/c_untidy/strategy.py" in paths
    assert any(path == "strategies/d_schema" and "speed" in what for path, what in found)
    assert not any("AKIA" in what and "secret" in what for _, what in found)


def test_a_folder_in_a_strategy_is_a_problem_and_no_failure_of_the_hook(clone):
    found = problems(clone({**strategy(), "strategies/a_trend/more/helper.py": b"x = 1\n"}))

    assert [problem.path for problem in found] == ["strategies/a_trend"]
    assert "more" in found[0].what


def test_the_index_is_read_and_not_the_work_tree(clone, tmp_path):
    repo = clone(strategy())
    (tmp_path / "strategies/a_trend/strategy.py").write_text(REACHES)

    assert problems(repo) == ()


def test_a_private_key_in_a_readme_is_found():
    found = list(secrets_in("strategies/x/README.md", b"fine\n-----BEGIN RSA PRIVATE KEY-----\n"))

    assert [problem.path for problem in found] == ["strategies/x/README.md:2"]


def test_hooks_need_no_network_and_run_the_verb():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())

    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    (hook,) = config["repos"][0]["hooks"]
    assert (hook["language"], hook["entry"]) == ("system", ".venv/bin/python -m autarch ci staged")


@pytest.mark.slow
def test_the_hook_refuses_a_commit(clone, tmp_path):
    clone({**strategy("a_reach", REACHES), ".pre-commit-config.yaml": (ROOT / ".pre-commit-config.yaml").read_bytes()})
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    python.chmod(0o755)

    answer = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--config", ".pre-commit-config.yaml"],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1
    assert "a_reach" in answer.stdout
