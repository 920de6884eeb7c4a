"""`autarch live watch`, `switch` and `rollback`: which release this host trades next."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import Annotated, Any

import typer

from autarch.cli.live_parts import Json, deployer, find_workspace, host_of, pin, remote_of, unread_text
from autarch.cli.telling import tell

EVERY_S_MIN = 5


def add(live: typer.Typer) -> None:
    """Add the commands `watch`, `switch` and `rollback`."""
    live.command("watch")(watch)
    live.command("switch")(switch)
    live.command("rollback")(rollback)


def watch(
    *,
    every: Annotated[int, typer.Option(min=EVERY_S_MIN, help="Seconds between two looks at the forge.")] = 60,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    json_: Json = False,
) -> int:
    """Follow the forge: verify newer signed releases and make the newest that holds the next one.

    Runs beside the executors, with no trade key; they switch at a bar boundary. A release that does not verify is
    told and changes nothing; without the forge, what is installed goes on. With --once: exit code 0 whatever stands
    now is the newest, 1 a newer one was refused, 3 the forge did not answer.

    Example: autarch live watch --every 60
    """
    from autarch.cli.main import load

    pin()
    workspace = find_workspace()
    watcher = load("live.watching.watcher").Watcher(
        deployer=lambda: deployer(workspace),
        host=host_of(workspace),
        alerts=_Narrated(),
        now_ms=lambda: time.time_ns() // 1_000_000,
    )
    if once:
        look = watcher.look()
        _show(look, json_=json_)
        return 1 if look.refused else 3 if look.unreachable else 0
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    load("live.watching.looping").keep_looking(
        watcher, ended, every_s=every, told=lambda look: _show(look, json_=json_)
    )
    return 0


def switch(
    tag: Annotated[str, typer.Argument(help="A release, newer or older.")],
    *,
    json_: Json = False,
) -> int:
    """Verify a release and make it the next one, whichever it is; `live watch` then takes only newer ones.

    Running executors take it at their next bar, each sleeve as its hand-over says. Works without the forge for a
    release that was verified here before. Exit code 0 chosen, 1 refused, 2 misuse, 3 undecided.

    Example: autarch live switch v0.1.0
    """
    from autarch.cli.main import load

    pin()
    workspace = find_workspace()
    host = host_of(workspace)
    installed = deployer(workspace).verify(tag)
    if installed.unread:
        tell(f"{tag}: {unread_text(installed)}")
    known = load("live.revoking").known_tags(workspace.repo, remote_of(workspace), host)
    choice = load("live.watching.choosing").switch_to(host, installed, known)
    return _chosen(choice, json_=json_)


def rollback(*, json_: Json = False) -> int:
    """Make the release before the present one the next, from what this host verified before; no forge is asked.

    Exit code 0 chosen, 1 there is none that stands, 2 misuse.

    Example: autarch live rollback
    """
    from autarch.cli.main import load
    from autarch.repo.engine import engine_digest

    host = host_of(find_workspace())
    choice, _ = load("live.watching.choosing").roll_back(host, engine=engine_digest())
    return _chosen(choice, json_=json_)


class _Narrated:
    """Alerts as lines on stderr."""

    def tell(self, severity: str, subject: str, text: str) -> None:
        """Write one."""
        tell(f"{severity}: {subject}: {text}")


def _chosen(choice: Any, *, json_: bool) -> int:
    if json_:
        print(json.dumps({"next": choice.tag, "passed_over": choice.passed_over, "history": list(choice.history)}))
        return 0
    print(f"next      {choice.tag}; executors take it at their next bar")
    if choice.passed_over:
        print(f"held      `autarch live watch` takes only releases newer than {choice.passed_over}")
    return 0


def _show(look: Any, *, json_: bool) -> None:
    tag = None if look.choice is None else look.choice.tag
    if json_:
        refused = [{"tag": name, "why": why} for name, why in look.refused]
        answer = {"next": tag, "taken": look.taken, "dropped": look.dropped, "refused": refused}
        print(json.dumps({**answer, "unreachable": look.unreachable}), flush=True)
    else:
        print(f"next      {tag or 'none yet'}{' (new)' if look.taken else ''}", flush=True)
