"""`autarch live kill`, `deadman` and `listen`: stop an account from beside its executor, from afar, from a phone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of, pin
from autarch.cli.live_stop import (
    AccountName,
    Environment,
    KeyFd,
    Url,
    Wall,
    Why,
    asker,
    find_account,
    latch_of,
    now_ms,
    open_to_stop,
)
from autarch.cli.telling import tell
from autarch.errors import AutarchError, UndecidedError

if TYPE_CHECKING:
    from autarch.workspace import Workspace


def add(live: typer.Typer) -> None:
    """Add the commands `kill`, `deadman` and `listen`."""
    live.command("kill")(kill)
    live.command("deadman")(deadman)
    live.command("listen")(listen)


def kill(
    account: AccountName,
    *,
    why: Why = "killed by hand",
    key_fd: KeyFd = None,
    environment: Environment = None,
    url: Url = "",
    limit: Annotated[float, typer.Option(min=1.0, help="Seconds to pursue a flat account.")] = 180.0,
    json_: Json = False,
) -> int:
    """Stop an account at once, with a key of its own, whether or not its executor answers or the forge does.

    Sets the halt latch, kills the executor, cancels entries and keeps stops, closes every position reduce-only until
    the venue reads flat, waits until nothing in flight can arrive any more, reads again, and then removes the stops.
    Run it as often as you like. Every step is shown and kept in a record. Exit code 0 latched, ended and flat,
    3 something is left: the text says what.

    Example: autarch live kill paper --why "orders I did not expect"
    """
    from autarch.cli.main import load

    workspace = find_workspace()
    host = host_of(workspace)
    if environment is None:
        _pin_for_paper(host, account)
    killing, flattening = load("live.stopping.killing"), load("live.stopping.flattening")
    places = load("live.stopping.places").Places(root=host.root, account=account)
    run = f"{account}|{now_ms()}|{os.getpid()}"
    record = load("live.stopping.record").KillRecord(
        path=places.kills / f"{now_ms()}-{os.getpid()}.json",
        account=account,
        by="kill",
        who=asker(),
        why=why,
        clock=Wall(),
        tell=tell,
    )

    async def opened() -> Any:
        return await open_to_stop(workspace, find_account(host, account, environment, url), key_fd)()

    with _telling(host, account, places) as teller:
        teller.tell("critical", f"kill {account}", f"{account} is being killed by {asker()}: {why}")
        killed = asyncio.run(
            killing.Kill(
                account=account,
                journal=host.journal_path(account),
                latch=_latch_if_possible(host, account),
                record=record,
                open_venue=opened,
                run=run,
                patience=flattening.Patience(limit_s=limit),
            ).carry_out()
        )
        text = _killed_text(account, killed, record.path)
        left = "; ".join(killed.problems) or "see the record"
        said = "killed: latched, ended and proven flat" if killed.done else f"the kill is NOT DONE: {left}"
        teller.tell("critical", f"killed {account}", f"{account}: {said}")
    print(json.dumps({"account": account, **killed.body}) if json_ else text)
    return 0 if killed.done else UndecidedError.exit_code


def deadman(
    account: AccountName,
    *,
    heartbeat: Annotated[str, typer.Option(help="http://HOST:PORT/heartbeat of the executor's metrics, or a file.")],
    silent: Annotated[float, typer.Option(help="Seconds without a heartbeat until the venue is asked.")] = 60.0,
    grace: Annotated[float, typer.Option(help="Seconds from the warning to the flattening.")] = 30.0,
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 2.0,
    key_fd: KeyFd = None,
    environment: Environment = None,
    url: Url = "",
    state: Annotated[Path | None, typer.Option(help="Folder of its own files; default: in the workspace.")] = None,
) -> int:
    """Flatten an account whose executor has fallen silent. Runs on a second host, with the kill key, until Ctrl-C.

    Silence alone is not enough: the venue must answer, and a warning comes first. While neither can be reached the
    fault may be this host's, and nothing is done. It arms with the first heartbeat and stays armed over restarts.
    The heartbeat has no secret in it and no signature: reach it by a tunnel or a private network.

    Example: autarch live deadman main --heartbeat http://10.0.0.5:9464/heartbeat --environment mainnet
    """
    from autarch.cli.main import load

    _quiet_http()
    workspace = find_workspace()
    host = host_of(workspace)
    machine, guarding = load("live.stopping.deadman"), load("live.stopping.guarding")
    places = load("live.stopping.places").Places(root=state or host.root, account=account)
    places.make()
    armed = guarding.Armed(path=places.folder / "armed")
    man = machine.Deadman(
        account=account,
        rules=machine.Rules(silent_s=silent, grace_s=grace, every_s=every),
        armed=armed.read(),
    )
    opening = open_to_stop(workspace, find_account(host, account, environment, url), key_fd)
    tell(f"{account}: {'armed' if man.armed else 'waiting for the first heartbeat'} at {heartbeat}")

    async def watch(teller: Any) -> None:
        import httpx

        async with httpx.AsyncClient(trust_env=False) as http:
            pulses = (
                guarding.HttpPulses(url=heartbeat, account=account, http=http)
                if heartbeat.startswith(("http://", "https://"))
                else guarding.FilePulses(path=Path(heartbeat), account=account)
            )
            await guarding.Guard(
                deadman=man,
                pulses=pulses,
                open_venue=opening,
                alerts=teller,
                note=tell,
                run=f"{account}|{now_ms()}|{os.getpid()}",
                armed=armed,
                flattened=lambda found: _keep(places, account, found),
            ).watch()

    with _telling(host, account, places) as teller:
        asyncio.run(_until_asked(watch(teller)))
    return 0


def listen(*, once: Annotated[bool, typer.Option("--once", help="Listen once and end.")] = False) -> int:
    """Hear a halt from a phone: the word `halt` in a chat, or a label `halt` on the forge. Runs until Ctrl-C.

    Beside the executors, with no trade key. Both only set the latch, of every account or with a name after it of one
    (`halt main`, label `halt-main`); the chat also answers `status`. Nothing heard can resume, trade or close.
    Chats are named in phone.toml in the host folder.

    Example: autarch live listen
    """
    from autarch.cli.main import load

    _quiet_http()
    workspace = find_workspace()
    host = host_of(workspace)
    phone = load("live.stopping.phone").read_phone(host.root / "phone.toml")
    accounts = load("live.stopping.accounts").known_accounts(host)
    latches = {account: latch_of(host, account) for account in accounts}
    tell(f"listening for {', '.join(accounts) or 'no account yet'}: {len(phone.chat)} chats")
    telling = load("live.stopping.telling").teller
    kept = host.root / "phone" / "alerts.jsonl"
    with telling(host, "phone", path=kept, clock=Wall(), note=tell) as teller:
        listener = load("live.stopping.listening").Listener(
            latches=latches,
            status=lambda account: _status_line(host, account),
            clock=Wall(),
            alerts=teller,
            note=tell,
        )
        asyncio.run(_until_asked(_listen(workspace, host, phone, listener, turns=1 if once else None)))
    return 0


async def _listen(workspace: Workspace, host: Any, phone: Any, listener: Any, *, turns: int | None) -> None:
    import httpx

    from autarch.cli.main import load
    from autarch.paths import private_directory

    listening, module = load("live.stopping.listening"), load("live.stopping.phone")
    source = load("live.credentials").KeySource.of_process(workspace.root)
    folder = private_directory(host.root / "phone")
    async with httpx.AsyncClient(trust_env=False) as http:
        channels = module.channels_of(phone, http=http, source=source, folder=folder, clock=Wall())
        polls = [listening.poll_chat(listener, channel, every_s=phone.every_s, turns_max=turns) for channel in channels]
        if phone.forge:
            polls.append(
                listening.poll_labels(listener, _labelled(workspace), every_s=phone.every_s * 3, turns_max=turns)
            )
        await asyncio.gather(*polls)


def _labelled(workspace: Workspace) -> Any:
    """Return a function that asks the forge; each time anew, since it may not be there yet."""
    from autarch.forge.connect import open_forge

    def ask(label: str) -> tuple[int, ...]:
        with open_forge(workspace, "deployer") as forge:
            return forge.labelled(label)

    return ask


async def _until_asked(work: Any) -> None:
    """Run `work` to its end, or until SIGTERM or Ctrl-C cancels it."""
    import signal

    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        tell("ended")


def _telling(host: Any, account: str, places: Any) -> Any:
    from autarch.cli.main import load

    kept = places.folder / "alerts.jsonl"
    return load("live.stopping.telling").teller(host, account, path=kept, clock=Wall(), note=tell)


def _pin_for_paper(host: Any, account: str) -> None:
    """Become pinned where the venue is our own arithmetic: its next executor computes the same fills again."""
    try:
        is_paper = find_account(host, account, None, "").venue == "paper"
    except AutarchError:
        return  # the kill goes as far as it can and says so itself
    if is_paper:
        pin()


def _latch_if_possible(host: Any, account: str) -> Any:
    """Return the latch; where its folder cannot be made the kill goes on and says so."""
    from autarch.cli.main import load

    try:
        return latch_of(host, account)
    except AutarchError as error:
        tell(str(error))
        places = load("live.stopping.places").Places(root=host.root, account=account)
        return load("live.stopping.latch").FileLatch(path=places.latch, account=account)


def _keep(places: Any, account: str, found: Any) -> None:
    """Keep what a dead-man did."""
    body = {
        "at_ms": now_ms(),
        "account": account,
        "by": "deadman",
        "flat": found.flat,
        "before": {symbol: format(size, "f") for symbol, size in found.before.items()},
        "orders_sent": found.sent,
        "problems": list(found.problems),
    }
    with (places.folder / "deadman.jsonl").open("a") as file:
        file.write(json.dumps(body) + "\n")


def _killed_text(account: str, killed: Any, record: Path) -> str:
    body = killed.body
    before = ", ".join(f"{symbol} {size}" for symbol, size in body["before"].items()) or "nothing"
    if killed.flattened is None:
        before = "what could not be read"
    left = "unknown" if body["after"] is None else ", ".join(f"{s} {q}" for s, q in body["after"].items()) or "nothing"
    lines = [
        f"account   {account}  {'killed' if killed.done else 'NOT DONE'}",
        f"latch     {'set' if killed.latched else 'NOT SET'}",
        f"executor  {killed.executor}",
        f"venue     held {before}; now {left}; {'proven flat' if body['flat'] else 'NOT PROVEN FLAT'}",
        *(f"problem   {problem}" for problem in killed.problems),
        f"record    {record}",
    ]
    if killed.done:
        lines.append(f"next      autarch live resume {account} --from flat")
    return "\n".join(lines)


def _status_line(host: Any, account: str) -> str:
    """Return an account's state in a line, from its latch and its journal."""
    from autarch.cli.main import load

    held = latch_of(host, account).read().blocks("")
    try:
        with load("live.journal").Journal(host.journal_path(account), account=account, read_only=True) as journal:
            found = load("live.observing.status").status_of(journal)
    except AutarchError as error:
        return held or str(error)
    positions = ", ".join(f"{symbol} {size}" for symbol, size in found["positions"].items()) or "flat"
    return f"{held or found['state']}; {found['tag']}; {positions}"


def _quiet_http() -> None:
    """Keep the HTTP library from logging addresses: a chat's holds its token."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
