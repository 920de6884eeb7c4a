"""`autarch live stop`, `halt` and `resume`: ask a running executor, or set and release its latch."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.live_parts import Json, find_workspace, host_of
from autarch.cli.telling import tell
from autarch.errors import AutarchError, ConfigError, RefusedError, UndecidedError, UsageError

if TYPE_CHECKING:
    from autarch.workspace import Workspace

POLL_S = 0.2

AccountName = Annotated[str, typer.Argument(help="The account.")]
Why = Annotated[str, typer.Option(help="Said in the latch, the journal and the alerts.")]
KeyFd = Annotated[int | None, typer.Option(help="Descriptor of a pipe or sealed memfd that holds the kill key.")]
Environment = Annotated[
    str | None, typer.Option(help="mainnet, testnet, demo or sim; default: as the account's release says.")
]
Url = Annotated[str, typer.Option(help="The simulator's address, with --environment sim.")]


def add(live: typer.Typer) -> None:
    """Add the commands `stop`, `halt` and `resume`."""
    live.command("stop")(stop)
    live.command("halt")(halt)
    live.command("resume")(resume)


def stop(
    account: AccountName,
    *,
    flatten: Annotated[
        bool | None, typer.Option("--flatten/--keep", help="Close every position first, or leave them to their stops.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the executor's end.")] = 300.0,
    json_: Json = False,
) -> int:
    """End a running executor in good order. One that does not answer is ended by `live kill`.

    With --keep the positions stay and the venue's stops protect them; a dead-man process flattens them unless it is
    ended first. Exit code 0 ended, 3 not within the wait.

    Example: autarch live stop paper --flatten
    """
    from autarch.cli.main import load

    if flatten is None:
        raise UsageError("say what becomes of the positions: --flatten or --keep")
    host = host_of(find_workspace())
    answer = _ask(host, account, load("live.stopping.commands").Stop(flatten=flatten))
    tell(answer.text)
    if not answer.ok:
        raise RefusedError(answer.text)
    ended = _wait_for_end(host, account, wait)
    text = "ended" if ended else f"still at work after {wait:g} s; look with `autarch live status`, or kill it"
    print(json.dumps({"account": account, "ended": ended, "text": answer.text}) if json_ else f"{account}: {text}")
    return 0 if ended else UndecidedError.exit_code


def halt(
    account: AccountName,
    symbol: Annotated[str, typer.Argument(help="Only this symbol; default: the whole account.")] = "",
    *,
    why: Why = "halted by hand",
    json_: Json = False,
) -> int:
    """Set the halt latch: nothing more is sent until `live resume`. Positions stay, with their stops at the venue.

    Works whether or not an executor runs; a running one obeys within a second, and before anything it would send.

    Example: autarch live halt paper BTCUSDT --why "funding looks wrong"
    """
    from autarch.cli.main import load

    latch, module = latch_of(host_of(find_workspace()), account), load("live.stopping.latch")
    halted = module.Halted(by="human", who=asker(), why=why, at_ms=now_ms(), symbol=symbol)
    latch.halt(halted)
    print(json.dumps(_latched(latch)) if json_ else str(halted))
    return 0


def resume(
    account: AccountName,
    *,
    start: Annotated[str, typer.Option("--from", help="flat or adopt.")],
    key_fd: KeyFd = None,
    environment: Environment = None,
    url: Url = "",
    json_: Json = False,
) -> int:
    """Release the halt latch, from flat or by adopting what is there.

    flat: the venue must hold nothing, and no symbol is entered again until its exposure has been zero or changed
    sign. adopt: positions, orders and what our journal says otherwise are shown, and become ours when you type the
    account's name. A running executor goes on at once; without one the release waits for its next start, and is void
    when another halt comes first. Exit code 0 released or waiting, 1 refused.

    Example: autarch live resume paper --from flat
    """
    from autarch.cli.main import load

    if start not in {"flat", "adopt"}:
        raise UsageError(f"--from {start!r}: expected flat or adopt")
    workspace = find_workspace()
    host = host_of(workspace)
    latch, module = latch_of(host, account), load("live.stopping.latch")
    for halted in latch.read().halts:
        tell(str(halted))
    seen = "" if start == "flat" else _confirmed(_look(workspace, account, key_fd, environment, url))
    release = module.Release(start=start, who=asker(), at_ms=now_ms(), seen=seen)
    latch.ask(release)
    text, done = _carried_out(host, account, latch, release)
    print(json.dumps({"account": account, "text": text, **_latched(latch)}) if json_ else f"{account}: {text}")
    return 0 if done else 1


def latch_of(host: Any, account: str) -> Any:
    """Return an account's latch, its folder made."""
    from autarch.cli.main import load

    places = load("live.stopping.places").Places(root=host.root, account=account)
    places.make()
    return load("live.stopping.latch").FileLatch(path=places.latch, account=account)


def asker() -> str:
    """Name who asks: user and machine, as the system knows them."""
    import pwd

    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "?"
    return f"{name} (uid {uid}) at {os.uname().nodename}"


def now_ms() -> int:
    """Return the wall clock's time."""
    return time.time_ns() // 1_000_000


class Wall:
    """The wall clock as `live.ports.clock.Clock`."""

    def now_ms(self) -> int:
        """Return the present time."""
        return now_ms()


def find_account(host: Any, account: str, environment: str | None, url: str) -> Any:
    """Return the account that a command line names, by its words or by what this host has installed."""
    from autarch.cli.main import load

    accounts = load("live.stopping.accounts")
    if environment is not None:
        return accounts.account_named(account, environment, url)
    return accounts.installed_account(host, account)[0]


def open_to_stop(workspace: Workspace, account: Any, key_fd: int | None) -> Any:
    """Return an async function that opens the account's venue with the kill key; a paper venue needs none."""
    from autarch.cli.main import load

    if account.venue == "paper":

        async def open_paper() -> Any:
            paper = load("live.stopping.paper")
            return await paper.open_paper(host_of(workspace), account.name, workspace.stores(), clock=Wall())

        return open_paper
    credentials = load("live.credentials").KeySource.of_process(workspace.root, descriptor=key_fd)
    venues = load("live.venues")
    key = venues.credentials_of(account, credentials, use="kill")

    async def open_bybit() -> Any:
        venue = venues.open_venue(account, key, clock=Wall())
        await venue.start((), {})
        return venue

    return open_bybit


def _ask(host: Any, account: str, command: Any) -> Any:
    from autarch.cli.main import load

    places = load("live.stopping.places").Places(root=host.root, account=account)
    return load("live.stopping.control").ask(places.socket, command)


def _wait_for_end(host: Any, account: str, wait_s: float) -> bool:
    """Wait until nobody holds the account's journal any more."""
    from autarch.cli.main import load

    journal = host.journal_path(account)
    lock, process = journal.with_name(journal.name + ".lock"), load("live.stopping.process")
    ends = time.monotonic() + wait_s
    while (held := process.hold(lock, role=None)) is None:
        if time.monotonic() >= ends:
            return False
        time.sleep(POLL_S)
    held.release()
    return True


def _look(workspace: Workspace, account: str, key_fd: int | None, environment: str | None, url: str) -> Any:
    """Return what the venue holds beside what the journal says: by the executor, or without one by the kill key."""
    import asyncio
    from decimal import Decimal

    from autarch.cli.main import load

    host, seen = host_of(workspace), load("live.stopping.seen")
    try:
        answer = _ask(host, account, load("live.stopping.commands").Look())
    except ConfigError:
        tell("no executor runs; reading the venue with the kill key")
    else:
        if not answer.ok:
            raise RefusedError(answer.text)
        return seen.parse_seen(answer.body)
    with load("live.journal").Journal(host.journal_path(account), account=account, read_only=True) as journal:
        booked = load("live.observing.status").status_of(journal)["positions"]
    opening = open_to_stop(workspace, find_account(host, account, environment, url), key_fd)

    async def read() -> Any:
        venue = await opening()
        try:
            return await venue.snapshot(())
        finally:
            await venue.close()

    return seen.look(account, asyncio.run(read()), {symbol: Decimal(size) for symbol, size in booked.items()})


def _confirmed(seen: Any) -> str:
    """Show what would be adopted and return its digest once the account's name was typed."""
    for position in seen.positions:
        differs = "  DIFFERS" if position in seen.differences else ""
        tell(
            f"position  {position.symbol}  venue {position.venue}  journal {position.journal}  "
            f"stop {position.stop_loss or 'none'}{differs}"
        )
    for order in seen.orders:
        tell(
            f"order     {order.symbol}  {order.side} {order.qty}  {order.trigger or 'open'}  {order.link or 'unnamed'}"
        )
    if not seen.positions and not seen.orders:
        tell("the account holds nothing")
    typed = typer.prompt("Type the account's name to adopt exactly this", err=True)
    if typed != seen.account:
        raise RefusedError(f"you typed {typed!r}, the account is {seen.account!r}; nothing was released")
    return str(seen.digest)


def _carried_out(host: Any, account: str, latch: Any, release: Any) -> tuple[str, bool]:
    """Ask a running executor to carry the release out now; it may have seen it by itself already."""
    from autarch.cli.main import load

    try:
        answer = _ask(host, account, load("live.stopping.commands").Resume())
    except ConfigError:
        return f"the release waits for the executor's next start, from {release.start}", True
    except AutarchError as error:
        return f"the release lies in the latch, and the executor did not answer: {error}", False
    left = latch.read()
    if answer.ok or (left.release is None and not left.halts):
        return f"resumed from {release.start}", True
    if answer.body.get("waits"):
        return answer.text, True
    latch.withdraw(release)
    return answer.text, False


def _latched(latch: Any) -> dict[str, object]:
    left = latch.read()
    return {"halts": [str(halted) for halted in left.halts], "waiting": left.release is not None}
