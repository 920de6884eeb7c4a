"""The verbs, each loaded when it is asked for: help on all of them imports none of them."""

from __future__ import annotations

import importlib
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from autarch.cli.main import COMPLETE

USAGE_EXIT = 2
_UsageProblem: Any = typer.BadParameter.__mro__[2]  # typer exports its leaves, not this base of all usage errors

VERBS = {
    "demo": "Walk the whole path in a workspace of its own.",
    "init": "Make this clone a workspace: keys, tokens, a local forge.",
    "data": "Make, import, download, verify and list data sets.",
    "backtest": "Play a strategy, or the portfolio, and measure it.",
    "sweep": "Play many parameter sets and rank them.",
    "gate": "Judge one strategy and say why.",
    "verify": "Re-derive a verdict bit for bit.",
    "propose": "Let an agent open a pull request.",
    "evolve": "Let agents try many strategies and open the best.",
    "mcp": "Give your own agent session the loop's tools.",
    "costs": "Show what agents have spent, and for what.",
    "review": "Have a second model read a pull request.",
    "pr": "Read, wait for, merge and close pull requests.",
    "doctor": "Compare what is in force with what should be.",
    "desk": "Serve the review desk: queue, reports, merging, live.",
    "report": "Write the report of a verdict as one HTML file.",
    "calibrate-me": "Practise on pull requests made up to test you.",
    "policy": "Show the limits that judge, and choose another preset.",
    "waive": "Let a limit be missed, by a human's hand and for a while.",
    "judge": "Test a strategy for promotion, at a price.",
    "forward": "Score main's strategies on bars since then.",
    "ledger": "Show and verify the record of every attempt.",
    "leaderboard": "Rank every candidate, deflated by all tries.",
    "release": "Re-judge the portfolio and sign a tag.",
    "live": "Verify, trade and watch a release.",
    "why": "Explain a fill or an order back to its proposal.",
    "sim": "Serve a simulated Bybit to trade against.",
    "forge": "Serve the local forge.",
    "manual": "Print the reference of commands, limits and formats.",
    "ci": "Run a step of a workflow.",
}
"""Verb -> its line in `autarch --help`. Module `autarch.cli.<verb>` defines `register(app)`."""


class LazyGroup(TyperGroup):
    """A command group that knows its verbs by name and imports the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  click's signature
        """Return the verbs in the order help shows them."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  click's signature
        """Import one verb and return its command, or None when there is no such verb."""
        return load_verb(cmd_name) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` begin with; one that is none is answered with those like it."""
        try:
            return super().resolve_command(ctx, args)
        except _UsageProblem as error:
            from difflib import get_close_matches

            if near := get_close_matches(args[0], VERBS):  # typer knows of no verb that is not loaded
                error.message = f"{error.message.rstrip('.')}. Did you mean {' or '.join(map(repr, near))}?"
            raise

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return the verbs that begin so, importing none, and the options beside them."""
        from autarch.cli.completing import named

        return [*named(VERBS, incomplete), *super(TyperGroup, self).shell_complete(ctx, incomplete)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  click's signature
        """Write the verbs without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def load_verb(verb: str) -> Any:
    """Import `autarch.cli.<verb>` and return its click command."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_root)  # with a callback, even one command makes a group
    importlib.import_module(f"autarch.cli.{verb.replace('-', '_')}").register(app)
    group: Any = typer.main.get_command(app)
    return group.commands[verb]


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; a usage error is 2, with its usage line on stderr."""
    app = typer.Typer(
        name="autarch",
        cls=LazyGroup,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    command: Any = typer.main.get_command(app)
    if COMPLETE in os.environ:
        from autarch.cli.completing import answer

        return answer(command)
    try:
        # click's own main() would turn Ctrl-C into silence and a closed pipe into exit code 1, our "no".
        with command.make_context("autarch", list(arguments)) as context:
            outcome = command.invoke(context)
    except _UsageProblem as error:
        error.show()
        return USAGE_EXIT
    except typer.Exit as error:
        return error.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    return outcome if isinstance(outcome, int) else 0


def _install(wanted: bool) -> None:  # noqa: FBT001  typer's signature
    """Install completion, say where, and end."""
    if wanted:
        from autarch.cli.completing import install

        shell, path = install()
        print(f"completion for {shell} is in {path}; it works from the next shell on")
        raise typer.Exit


def _show(wanted: bool) -> None:  # noqa: FBT001  likewise
    """Print the completion script and end."""
    if wanted:
        from autarch.cli.completing import script

        print(script())
        raise typer.Exit


def _root(
    *,
    install_completion: Annotated[
        bool,
        typer.Option(
            "--install-completion", is_eager=True, callback=_install, help="Let the shell complete commands, and exit."
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        typer.Option(
            "--show-completion", is_eager=True, callback=_show, help="Print the shell's completion script, and exit."
        ),
    ] = False,
) -> None:
    """Agents write strategies. CI proves them. A human merges. A signed tag goes live."""
