"""`autarch live replay`: decide a journal's bars again."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of, pin
from autarch.cli.telling import tell


def add(live: typer.Typer) -> None:
    """Add the command `replay`."""
    live.command("replay")(replay)


def replay(
    *,
    account: Annotated[str, typer.Option(help="Whose journal to decide again.")] = "paper",
    since: Annotated[
        float | None, typer.Option(min=0.0, help="Only the newest decisions: of so many hours before the newest.")
    ] = None,
    halt: Annotated[
        bool, typer.Option("--halt", help="Halt the account and alert where anything differs: for a daily timer.")
    ] = False,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
    json_: Json = False,
) -> int:
    """Decide every bar of an account's journal again, and name the first difference.

    From the data set's bars where it traded a recording, from the bars as they were seen where it traded a live feed.
    It runs beside an executor; with --since 24 --halt it is the daily re-gate of live decisions: a strategy that
    decides otherwise today than it did yesterday does not trade on.
    Exit code 0 all the same, 1 one differs or the journal was changed, 2 misuse, 3 bars are missing.

    Example: autarch live replay --account paper --since 24 --halt
    """
    from autarch.cli.main import load
    from autarch.sandbox.worker import Worker

    pin()
    workspace = find_workspace()
    host = host_of(workspace)
    journal = load("live.journal").Journal(host.journal_path(account), account=account, read_only=True)
    replaying = load("live.replaying")
    with journal, Worker(allow_weak=local_dev, demands=_demands(host, journal)) as worker:
        since_ms = replaying.newest_ms(journal) - int(since * 3_600_000) if since is not None else 0
        stores = workspace.stores()
        found = replaying.replay(journal, host, stores, worker=worker, progress=tell, since_ms=since_ms)
    first = None if found.first is None else found.first.to_json()
    text = replay_text(account, found.decisions, first)
    if halt and first is not None:
        load("live.observing.regating").halt(host, account, text, now_ms=time.time_ns() // 1_000_000)
    if json_:
        answer = {"same": first is None, "account": account, "decisions": found.decisions, "differs": first}
        print(json.dumps(answer))
    else:
        print(text)
    return 0 if first is None else 1


def _demands(host: Any, journal: Any) -> Any:
    """Return the layers that the newest release and this host demand; the code's own before anything traded."""
    from autarch.cli.main import load
    from autarch.sandbox.layers import DEMANDS

    opened = journal.last("opened")
    if opened is None:
        return DEMANDS
    installed = load("live.installed").read_installed(host.releases / str(opened.body["tag"]))
    limits = host.limits_path.read_bytes() if host.limits_path.exists() else None
    return load("live.confinement").demanded(installed.policy, limits)


def replay_text(account: str, decisions: int, first: dict[str, Any] | None) -> str:
    """Say that every decision came out again, or where the first did not and what to do."""
    if first is None:
        return f"same: all {decisions} decisions of {account} and the digests of their inputs came out again"
    from autarch.repo.engine import engine_digest

    ours, theirs = engine_digest()[:12], first["engine"][:12]
    cure = "keep the journal and find out whether it or the bars were changed"
    if ours != theirs:
        cure = f"engine {theirs} wrote it and this is {ours}: replay it with that runtime before you conclude anything"
    where = f"{first['strategy']} of {first['tag']} at bar {first['bar']} (journal event {first['event']})"
    return (
        f"DIFFERS: {where}: {first['field']} is recorded {json.dumps(first['recorded'])}, found "
        f"{json.dumps(first['found'])}; {cure}"
    )
