"""The `autarch` command: one module a verb, each loaded only when it is asked for.

A verb's module lives in `autarch.cli`, and reaches `ci`, `agents` and `live` by name at run time,
so that a host without one of them still has the rest.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from autarch.errors import AutarchError, ConfigError

INTERRUPTED_EXIT = 130
PIPE_EXIT = 141  # what a shell reports of SIGPIPE: neither yes nor no

COMPLETE = "_AUTARCH_COMPLETE"
"""Set by the script that a shell sources to complete; its value says what the shell wants."""


def load(name: str) -> Any:
    """Import one of `ci`, `agents`, `live` (or a module of theirs) by name.

    Raises:
        ConfigError: this installation does not carry it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in {"ci", "agents", "live"}:
            package = error.name.split(".")[0]
            raise ConfigError(
                f"this installation has no package {package!r}; run from a clone of the project"
            ) from error
        raise


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 yes, 1 no, 2 misuse, 3 could not tell.

    130 when it was interrupted, 141 when nobody read its answer to the end. An error that nobody foresaw is
    3, in one paragraph: autarch.cli.fault.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        if argv is None and (arguments[:1] == ["backtest"] or arguments[:2] == ["live", "run"]):
            _pin(arguments)
        code = _run(arguments)
        sys.stdout.flush()
    except AutarchError as error:
        sys.stderr.write(f"autarch: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("autarch: interrupted; nothing half-written was kept\n")
        return INTERRUPTED_EXIT
    except BrokenPipeError:
        _forget_stdout()
        return PIPE_EXIT
    except Exception as error:  # noqa: BLE001  Python would exit with 1, which is our "no", and show a traceback
        from autarch.cli.fault import FAULT_EXIT, fault_text

        sys.stderr.write(f"autarch: {fault_text(error)}\n")
        return FAULT_EXIT
    return code


def _run(arguments: list[str]) -> int:
    """Run a command line; without a verb, say where the user stands, which needs no parser."""
    if arguments in ([], ["--json"]) and COMPLETE not in os.environ:
        from autarch.cli.standing import standing

        return standing(json_=bool(arguments))
    from autarch.cli.app import run

    return run(arguments)


def _pin(arguments: Sequence[str]) -> None:
    """Become pinned before the command line is even parsed: a second start costs less the less came first."""
    from autarch.numerics import ensure_pinned

    ensure_pinned(arguments)


def _forget_stdout() -> None:
    """Let what is still buffered for a reader who left go nowhere, or Python complains of it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
