"""docs/github.md: every command it shows exists with those options, and what needs no account is run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from autarch.cli.app import VERBS, load_verb
from autarch.forge.serve import serving
from autarch.forge.state import ForgeState

from ..docs.pages import run_page  # noqa: TID252  folders of tests are no packages that could be named
from .ground import ROOT, clean_environment

PAGE = ROOT / "docs/github.md"


def commands() -> list[list[str]]:
    """Return each `autarch` command of the page's blocks and sentences, split."""
    text = PAGE.read_text()
    lines = re.findall(r"^(autarch [^\n]+)$", text, flags=re.MULTILINE) + re.findall(r"`(autarch [^`]+)`", text)
    return [shlex.split(line) for line in dict.fromkeys(lines) if not line.endswith("autarch ci")]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_command_of_the_page_exists_with_its_options(command):
    _, verb, *rest = command
    assert verb in VERBS, command
    found = load_verb(verb)
    while rest and hasattr(found, "commands") and rest[0] in found.commands:
        found, rest = found.commands[rest[0]], rest[1:]
    known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in rest if word.startswith("--")} <= known | {"--help"}, command


def test_environments_of_the_page_are_those_that_protection_makes():
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), flags=re.MULTILINE))

    assert named == {path.stem for path in (ROOT / ".github/environments").glob("*.json")} - {"live"}


@pytest.mark.slow
def test_the_page_s_commands_run_in_a_fresh_clone_against_a_local_forge(tmp_path):
    clone = tmp_path / "clone"
    tools = Path(sys.executable).parent
    environment = clean_environment(tmp_path) | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "AUTARCH_CACHE": str(tmp_path / "cache"),
    }
    subprocess.run(["git", "clone", "--quiet", "--no-local", str(ROOT), str(clone)], env=environment, check=True)
    subprocess.run(["git", "checkout", "--quiet", "-B", "main"], cwd=clone, env=environment, check=True)
    subprocess.run(["autarch", "init"], cwd=clone, env=environment, check=True, capture_output=True)

    with serving(ForgeState(clone / ".autarch/forge")):
        held = run_page(PAGE, folder=clone, environment=environment)

    assert held == 3
