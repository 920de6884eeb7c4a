"""`autarch live status`: what an account's journal holds."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of


def add(live: typer.Typer) -> None:
    """Add the command `status`."""
    live.command("status")(status)


def status(
    *, account: Annotated[str, typer.Option(help="Whose journal to read.")] = "paper", json_: Json = False
) -> int:
    """Say what an account's journal holds: release, state, equity, open positions.

    Example: autarch live status --json
    """
    from autarch.cli.main import load

    journal = load("live.journal").Journal(
        host_of(find_workspace()).journal_path(account), account=account, read_only=True
    )
    with journal:
        journal.verify()
        found = load("live.running").status_of(journal)
    print(json.dumps(found) if json_ else status_text(found))
    return 0


def status_text(found: dict[str, Any]) -> str:
    """Return what `live.running.status_of` found, line by line."""
    events = found["events"]
    lines = [
        f"account   {found['account']}  {found['state']}{': ' + found['reason'] if found['reason'] else ''}",
        f"release   {found['tag']}",
        (
            f"bars      {events.get('decision', 0)} decided, {events.get('intent', 0)} orders, "
            f"{events.get('execution', 0)} executions, {events.get('rejected', 0)} refused"
        ),
        *(f"equity    {strategy}  {equity:.2f} USDT" for strategy, equity in found["equity"].items()),
        *(f"position  {symbol}  {qty}" for symbol, qty in found["positions"].items()),
        f"journal   {found['journal']['path']}  {found['journal']['seq']} events  {found['journal']['head'][:12]}",
    ]
    return "\n".join(lines)
