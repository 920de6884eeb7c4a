"""`autarch live conform`: ask a venue whether it does what we assume."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of
from autarch.cli.telling import tell
from autarch.errors import UsageError


def add(live: typer.Typer) -> None:
    """Add the command `conform`."""
    live.command("conform")(conform)


def conform(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Bybit's demo trading.")] = False,
    testnet: Annotated[bool, typer.Option("--testnet", help="Bybit's test network.")] = False,
    sim: Annotated[
        str | None, typer.Option(metavar="URL", help="A simulated venue, as `autarch sim` prints it.")
    ] = None,
    symbol: Annotated[str, typer.Option(help="What is traded, in the smallest quantities.")] = "BTCUSDT",
    account: Annotated[str, typer.Option(help="Whose key is taken: ACCOUNT.trade.")] = "conform",
    key_fd: Annotated[int | None, typer.Option(help="Descriptor of a pipe or sealed memfd with the key.")] = None,
    bar_wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for a confirmed bar.")] = 130.0,
    json_: Json = False,
) -> int:
    """Play every assumption about the venue with small orders, and keep a signed, dated record.

    Mainnet asks for such a record of demo trading or the test network, younger than 30 days. The account must be flat
    in the symbol. A simulated venue is taken with the key that `autarch sim` uses by default.

    Exit code 0 it holds, 1 something differs, 2 misuse, 3 what is vital could not be told.

    Example: autarch live conform --demo --symbol XRPUSDT
    """
    from autarch.cli.main import load
    from autarch.errors import VenueError

    chosen = [name for name, asked in (("demo", demo), ("testnet", testnet), ("sim", sim is not None)) if asked]
    if len(chosen) != 1:
        raise UsageError("say where: --demo, --testnet or --sim URL, one of them")
    workspace = find_workspace()
    real = load("live.conform.real")
    run = real.Run(
        place=load("live.venue.bybit.places").place_of(chosen[0], url=sim),
        credentials=_credentials(workspace.root, chosen[0], account, key_fd),
        symbol=symbol,
        bar_wait_s=bar_wait,
    )
    try:
        body, path = real.conform(run, host_of(workspace).root, clock=_Wall(), told=tell)
    except load("live.venue.bybit.ports").StreamDown as down:
        raise VenueError(f"the private stream cannot be had: {down}") from down
    print(json.dumps({**body, "record": str(path)}) if json_ else conform_text(body, str(path)))
    if body["differs"]:
        return 1
    return 0 if body["conforms"] else 3


def conform_text(body: dict[str, Any], path: str) -> str:
    """Return a record, step by step, and the sum."""
    lines = [f"{step['verdict']:9} {step['name']:18} {step['seen']}" for step in body["steps"]]
    lines += [
        f"DIFFERS   {step['name']}: expected {step['expected']}; {step['matters']}"
        for step in body["steps"]
        if step["verdict"] == "differs"
    ]
    told = f"{len(body['steps']) - len(body['differs']) - len(body['undecided'])} of {len(body['steps'])} held"
    lines.append(f"{told}, {len(body['undecided'])} undecided, {len(body['differs'])} differ: {path}")
    return "\n".join(lines)


def _credentials(root: Any, environment: str, account: str, key_fd: int | None) -> Any:
    from autarch.cli.main import load
    from autarch.errors import ConfigError

    credentials = load("live.credentials")
    source = credentials.KeySource.of_process(root, descriptor=key_fd)
    try:
        return credentials.load_credentials(account, source, environment=environment)
    except ConfigError:
        if environment != "sim" or key_fd is not None:
            raise
        return credentials.Credentials("simulated-key", "simulated-secret")


class _Wall:
    """The wall clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
