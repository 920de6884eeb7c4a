"""`autarch live verify`: a release against this host's trust."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from autarch.cli.live_parts import Json, deployer, find_workspace, pin, unread_text


def add(live: typer.Typer) -> None:
    """Add the command `verify`."""
    live.command("verify")(verify)


def verify(tag: Annotated[str, typer.Argument(help="A release, such as v0.1.0.")], *, json_: Json = False) -> int:
    """Verify a release against this host's trust, re-derive its evidence, install it under releases/.

    Exit code 0 verified, 1 refused, 2 misuse, 3 undecided.

    Example: autarch live verify v0.1.0
    """
    import msgspec

    pin()
    installed = deployer(find_workspace()).verify(tag)
    if json_:
        print(json.dumps({**msgspec.to_builtins(installed.record), "not_read_again": list(installed.unread)}))
        return 0
    record = installed.record
    if installed.unread:
        print(f"{tag}: {unread_text(installed)}")
    print(f"verified  {tag}  commit {record.released.commit[:12]}  signed by {record.signer}")
    for item in record.released.strategies:
        print(f"  {item.account}: {item.strategy}  {item.tier}  weight {item.weight}  evidence {item.evidence[:12]}")
    if record.walkthrough:
        print(f"  judged under {record.released.policy_path}, which is for paper only")
    return 0
