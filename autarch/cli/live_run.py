"""`autarch live run`: trade a verified release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.live_parts import (
    Account,
    Json,
    bar_progress,
    deployer,
    find_workspace,
    host_of,
    pin,
    remote_of,
    unread_text,
)
from autarch.cli.live_status import status_text
from autarch.cli.telling import tell
from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.workspace import Workspace


def add(live: typer.Typer) -> None:
    """Add the command `run`."""
    live.command("run")(run)


def run(
    *,
    tag: Annotated[
        str | None, typer.Option(help="The release to trade; default: what this host chose, see `live switch`.")
    ] = None,
    account: Account = None,
    feed: Annotated[
        str | None, typer.Option(help="recorded or bybit-public, on paper; default: as the portfolio says.")
    ] = None,
    bars: Annotated[
        int | None, typer.Option(min=1, help="Stop after deciding on this many bars; a later run goes on.")
    ] = None,
    stepwise: Annotated[
        bool, typer.Option("--stepwise", help="Ask the strategy at every bar, as live, not once a block: slower.")
    ] = False,
    local_dev: Annotated[
        bool, typer.Option("--local-dev", help="Go on without full confinement; stamped so in the journal.")
    ] = False,
    key_fd: Annotated[
        int | None, typer.Option(help="Descriptor of a pipe or sealed memfd that holds the account's key.")
    ] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Serve metrics on this port of 127.0.0.1.")] = None,
    real_money: Annotated[
        bool, typer.Option("--i-understand-real-money", help="Without it nothing trades on mainnet.")
    ] = False,
    json_: Json = False,
) -> int:
    """Trade a release on its account's venue, from where the account's journal ends.

    Verifies the release first unless this runtime did so before. Stop it at any time; the next run goes on without a
    lost or doubled order. On Bybit, and on paper by its public bars, it runs until `live stop`, and takes what `live
    watch`, `switch` or `rollback` choose at a bar boundary. Recorded bars are decided on in blocks and asked again.

    Example: autarch live run --tag v0.1.0
    """
    from autarch.sandbox.worker import Worker

    pin()
    workspace = find_workspace()
    with Worker(allow_weak=local_dev) as worker:  # it imports while the release is verified, and knows nothing of it
        installed = _installed(workspace, tag)
        options = {"account": account, "bars_max": bars, "allow_weak": local_dev, "worker": worker}
        if _feed(installed.portfolio.account(account), feed) == "recorded":
            found = _on_recorded(installed, workspace, stepwise=stepwise, options=options)
        else:
            options |= {"key_fd": key_fd, "real_money": real_money, "metrics_port": metrics_port}
            found = _on_happening(installed, workspace, options)
    print(json.dumps(found) if json_ else status_text(found))
    return 0


def _on_recorded(installed: Any, workspace: Workspace, *, stepwise: bool, options: dict[str, Any]) -> Any:
    from autarch.cli.main import load

    running = load("live.running")
    how = running.RunOptions(stepwise=stepwise, progress=bar_progress, **options)
    return running.run_release(installed, host_of(workspace), workspace.stores(), how)


def _on_happening(installed: Any, workspace: Workspace, options: dict[str, Any]) -> Any:
    from autarch.cli.main import load

    operating = load("live.operating")
    how = operating.LiveOptions(workspace=workspace.root, told=tell, **options)
    return operating.operate(installed, host_of(workspace), how)


def _installed(workspace: Workspace, tag: str | None) -> Any:
    """Verify the release to trade: the one named, which this host chooses with it, or the one it chose before."""
    from autarch.cli.main import load

    host = host_of(workspace)
    if tag is None:
        choice = load("live.watching.choice").Choices(host).read()
        if choice is None:
            raise UsageError("no release was chosen on this host; name one with --tag, or `autarch live watch --once`")
        tag = choice.tag
        named = False
    else:
        named = True
    installed = deployer(workspace).verify(tag)
    if installed.unread:
        tell(f"{tag}: {unread_text(installed)}")
    if named:
        known = load("live.revoking").known_tags(workspace.repo, remote_of(workspace), host)
        load("live.watching.choosing").switch_to(host, installed, known)
    return installed


def _feed(account: Any, asked: str | None) -> str:
    """Return where the account's bars come from; a real venue is its own feed."""
    if account.venue != "paper" and asked is not None:
        raise UsageError(f"account {account.name!r} trades on Bybit's own bars; leave --feed away")
    found = asked or account.feed
    if found not in {"recorded", "bybit-public"}:
        raise UsageError(f"feed {found!r} is not one to run on; choose recorded or bybit-public")
    return str(found)
