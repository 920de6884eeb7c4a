"""`autarch live run`: trade a verified release."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from autarch.cli.live_parts import (
    Account,
    Json,
    bar_progress,
    deployer,
    find_workspace,
    host_of,
    pin,
    progress,
    unread_text,
)
from autarch.cli.live_status import status_text
from autarch.errors import UsageError


def add(live: typer.Typer) -> None:
    """Add the command `run`."""
    live.command("run")(run)


def run(
    *,
    tag: Annotated[str, typer.Option(help="The release to trade.")],
    account: Account = None,
    feed: Annotated[str, typer.Option(help="Recorded bars to trade on: forward.")] = "forward",
    bars: Annotated[
        int | None, typer.Option(min=1, help="Stop after deciding on this many bars; a later run goes on.")
    ] = None,
    stepwise: Annotated[
        bool, typer.Option("--stepwise", help="Ask the strategy at every bar, as live, not once a block: slower.")
    ] = False,
    local_dev: Annotated[
        bool, typer.Option("--local-dev", help="Go on without full confinement; stamped so in the journal.")
    ] = False,
    json_: Json = False,
) -> int:
    """Trade a release on the paper venue, from where the account's journal ends.

    Verifies the release first unless this runtime did so before. Stop it at any time; the next run
    continues without a lost or doubled order. Recorded bars are decided on in whole blocks, and decisions
    that change something are asked again without the bars after them: one difference, and nothing trades.

    Example: autarch live run --tag v0.1.0
    """
    from autarch.cli.main import load

    pin()
    if feed != "forward":
        raise UsageError(f"feed {feed!r} is not known; replays for eyes use --feed forward")
    running, workspace = load("live.running"), find_workspace()
    installed = deployer(workspace).verify(tag)
    if installed.unread:
        progress(f"{tag}: {unread_text(installed)}")
    options = running.RunOptions(
        account=account, bars_max=bars, stepwise=stepwise, allow_weak=local_dev, progress=bar_progress
    )
    found = running.run_release(installed, host_of(workspace), workspace.stores(), options)
    print(json.dumps(found) if json_ else status_text(found))
    return 0
