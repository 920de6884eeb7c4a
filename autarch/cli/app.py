"""Assemble the verbs into one typer application without rich help, completion on request."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer

_UsageProblem: Any = typer.BadParameter.__mro__[2]  # typer exports its leaves, not this base of all usage errors

VERBS: tuple[str, ...] = (
    "init",
    "data",
    "ledger",
    "gate",
    "verify",
    "propose",
    "pr",
    "forge",
    "release",
    "live",
    "why",
    "demo",
)
"""Modules of `autarch.cli` that each define `register(app)`; in the order `--help` shows them."""


@dataclass(frozen=True, slots=True)
class App:
    """The assembled command line."""

    typer_app: typer.Typer

    def run(self, arguments: list[str]) -> int:
        """Run one command line; click's own complaints become exit code 2 with their usage line."""
        command = typer.main.get_command(self.typer_app)
        try:
            outcome = command.main(args=arguments, prog_name="autarch", standalone_mode=False)
        except _UsageProblem as error:
            error.show()
            return 2
        except typer.Exit as error:
            return error.exit_code
        except typer.Abort:
            raise KeyboardInterrupt from None
        return outcome if isinstance(outcome, int) else 0


def build_app() -> App:
    """Return the application with every verb registered."""
    app = typer.Typer(
        name="autarch",
        help="Agents write strategies. CI proves them. A human merges. A signed tag goes live.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for verb in VERBS:
        importlib.import_module(f"autarch.cli.{verb}").register(app)
    return App(app)


def _root() -> None:
    """Agents write strategies. CI proves them. A human merges. A signed tag goes live."""
