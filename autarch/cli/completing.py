"""Shell completion, by typer's own machinery: loaded only by a shell that asks, so that no other start pays for it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autarch.cli.main import COMPLETE
from autarch.errors import ConfigError, UsageError

PROGRAM = "autarch"
SHELLS = ("bash", "zsh", "fish")


def answer(command: Any) -> int:
    """Print what may stand where the cursor is; the exit code is typer's."""
    completion = _typers()
    completion.completion_init()
    return int(completion.shell_complete(command, {}, PROGRAM, COMPLETE, os.environ[COMPLETE]))


def named(verbs: dict[str, str], incomplete: str) -> list[Any]:
    """Return the verbs that begin so, each with its line of help, without importing any."""
    item = _typers().shell_completion.CompletionItem
    return [item(verb, help=line) for verb, line in verbs.items() if verb.startswith(incomplete)]


def script() -> str:
    """Return the script for the shell this was started from.

    Raises:
        UsageError: it is none of `SHELLS`.
    """
    return str(_typers().get_completion_script(prog_name=PROGRAM, complete_var=COMPLETE, shell=shell_around()))


def install() -> tuple[str, Path]:
    """Write the script where the shell finds it, and return the shell and the path.

    Raises:
        UsageError: the shell is none of `SHELLS`.
        ConfigError: its files cannot be written.
    """
    try:
        shell, path = _typers().install(shell=shell_around(), prog_name=PROGRAM, complete_var=COMPLETE)
    except OSError as error:
        raise ConfigError(
            f"completion cannot be written to {error.filename}: {error.strerror}; "
            "print the script instead and source it: autarch --show-completion"
        ) from error
    return shell, path


def shell_around(seen: Sequence[str] | None = None) -> str:
    """Return the shell that this command was typed into, else the login shell.

    Args:
        seen: Names to go by instead, the nearest first.

    Raises:
        UsageError: it is none of `SHELLS`.
    """
    found = _seen() if seen is None else seen
    for name in found:
        if name in SHELLS:
            return name
    raise UsageError(
        f"the shell is {' or '.join(found) or 'unknown'}; completion is there for {', '.join(SHELLS)}: "
        "set SHELL to one of them, as in SHELL=/bin/bash autarch --show-completion"
    )


def _typers() -> Any:
    """Return the part of typer that completes; it exports to itself alone, and has no other door."""
    return importlib.import_module("typer.completion")


def _seen() -> list[str]:
    shellingham: Any = importlib.import_module("shellingham")  # typer's own dependency
    try:
        names = [shellingham.detect_shell()[0]]
    except shellingham.ShellDetectionFailure:
        names = []
    return [*names, *([Path(os.environ["SHELL"]).name] if os.environ.get("SHELL") else [])]
