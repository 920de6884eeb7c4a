"""A shell's Tab is answered with verbs, options and commands below verbs; no other start loads what answers it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autarch.cli.app import VERBS
from autarch.cli.completing import shell_around
from autarch.cli.main import main
from autarch.errors import UsageError

SHOWN = "import sys; from autarch.cli.main import main; code = main(sys.argv[1:]); "


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("autarch cal", ["calibrate-me"]),
        ("autarch live sta", ["status"]),
        ("autarch gate --loc", ["--local-dev"]),
        ("autarch --show", ["--show-completion"]),
        ("autarch nothing", []),
    ],
)
def test_tab_completes_verbs_options_and_what_is_below_a_verb(typed, found, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split(" ")) - 1))
    monkeypatch.setenv("_AUTARCH_COMPLETE", "complete_bash")

    assert main([]) == 0
    assert capsys.readouterr().out.split() == found


def test_a_real_bash_completes_by_the_script_that_is_shown(tmp_path: Path) -> None:
    env = {**os.environ, "SHELL": "/bin/bash", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = """
        source <(autarch --show-completion)
        COMP_WORDS=(autarch ledg); COMP_CWORD=1; _autarch_completion autarch; echo "${COMPREPLY[@]}"
    """
    answer = subprocess.run(["bash", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["ledger"]


def test_installing_writes_below_home_and_says_where(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "SHELL": "/bin/bash"}
    answer = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m autarch --install-completion; exit $?"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip

    installed = tmp_path / ".bash_completions/autarch.sh"
    assert str(installed) in answer.stdout
    assert "_AUTARCH_COMPLETE" in installed.read_text()
    assert str(installed) in (tmp_path / ".bashrc").read_text()


def test_the_nearest_known_shell_is_taken_and_an_unknown_one_named() -> None:
    assert shell_around(["zsh", "bash"]) == "zsh"
    assert shell_around(["python3", "fish"]) == "fish"
    with pytest.raises(UsageError, match=r"the shell is tcsh; .* SHELL=/bin/bash"):
        shell_around(["tcsh"])


def test_help_loads_neither_a_verb_nor_what_completes() -> None:
    code = SHOWN + "print([m for m in sys.modules if m.startswith('autarch.cli.') or 'shellingham' in m])"
    answer = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)

    assert "--install-completion" in answer.stdout
    loaded = answer.stdout.splitlines()[-1]
    assert not [verb for verb in VERBS if f"'autarch.cli.{verb}'" in loaded]
    assert "completing" not in loaded
