"""The dead-man process: hear the heartbeat, ask the venue when it is silent, warn, and flatten with the kill key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
import msgspec

from autarch.errors import AutarchError, ConfigError, UndecidedError, VenueError
from live.host import write_whole
from live.ports.alerts import Alerts
from live.ports.venue import Venue
from live.stopping.deadman import Conclusion, Deadman, Reached
from live.stopping.flattening import Flattened, Flattening, Patience, is_at_rest

READ_WAIT_S = 5.0
BYTES_MAX = 65_536


class Pulses(Protocol):
    """Where the newest heartbeat is found."""

    async def mark(self) -> str:
        """Return what tells it from every other heartbeat.

        Raises:
            UndecidedError: it cannot be reached, or what is there is no heartbeat of this account.
        """
        ...


class _Beat(msgspec.Struct, frozen=True):
    """Of a heartbeat, what a watcher needs; a newer one may say more."""

    account: str
    pid: int
    start_ticks: int
    time_ms: int


def mark_of(content: bytes, *, account: str) -> str:
    """Return what tells this heartbeat from every other: its process and its time, whatever that clock says.

    Raises:
        UndecidedError: it is none, or another account's.
    """
    try:
        found = msgspec.json.decode(content, type=_Beat, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UndecidedError(f"what was read is no heartbeat: {error}; check the address") from error
    if found.account != account:
        raise UndecidedError(f"found a heartbeat of account {found.account!r}, expected {account!r}; check the address")
    return f"{found.pid}-{found.start_ticks}-{found.time_ms}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePulses:
    """A heartbeat file, on this host or on a shared disk."""

    path: Path
    account: str

    async def mark(self) -> str:
        """Return the file's mark."""
        try:
            content = await asyncio.to_thread(self._content)  # a network disk may hang; the watch must not
        except OSError as error:
            raise UndecidedError(f"{self.path} cannot be read: {error.strerror}") from error
        return mark_of(content, account=self.account)

    def _content(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(BYTES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPulses:
    """The `/heartbeat` of an executor's metrics port."""

    url: str
    account: str
    http: httpx.AsyncClient

    async def mark(self) -> str:
        """Return the answer's mark."""
        try:
            async with asyncio.timeout(READ_WAIT_S), self.http.stream("GET", self.url) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise UndecidedError(f"{self.url} answered {answer.status_code}")
                content = b""
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > BYTES_MAX:
                        raise UndecidedError(f"{self.url} answered more than {BYTES_MAX} bytes")
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise UndecidedError(f"{self.url} cannot be reached: {type(error).__name__} {error}") from error
        return mark_of(content, account=self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """Whether a heartbeat was ever heard, kept over restarts of the watcher; `path` None forgets it."""

    path: Path | None

    def read(self) -> bool:
        """Return it."""
        return self.path is not None and self.path.exists()

    def write(self) -> None:
        """Remember it.

        Raises:
            ConfigError: the folder cannot be written.
        """
        if self.path is not None and not self.path.exists():
            write_whole(self.path, b"armed: a heartbeat was heard; remove this file to start unarmed\n")


@dataclass(kw_only=True)
class Guard:
    """The loop around a `Deadman`. `open_venue` returns the venue, started, with the kill key.

    `run` is unique to this process. `note` is told every step of a flattening and what could not be read.
    """

    deadman: Deadman
    pulses: Pulses
    open_venue: Callable[[], Awaitable[Venue]]
    alerts: Alerts
    note: Callable[[str], None]
    run: str
    armed: Armed = field(default_factory=lambda: Armed(path=None))
    patience: Patience = field(default_factory=Patience)
    flattened: Callable[[Flattened], None] = lambda _: None
    _venue: Venue | None = None
    _acts: int = 0

    async def watch(self, *, looks_max: int | None = None) -> None:
        """Look every `rules.every_s` seconds, for ever or `looks_max` times.

        Raises:
            ConfigError: that a heartbeat was heard cannot be written down.
        """
        loop = asyncio.get_running_loop()
        before, looks = loop.time(), 0
        try:
            await self._try_key()
            while looks_max is None or looks < looks_max:
                now = loop.time()
                elapsed, before = now - before, now
                await self._look(elapsed)
                looks += 1
                await asyncio.sleep(self.deadman.rules.every_s)
        finally:
            await self._drop_venue()

    async def _look(self, elapsed_s: float) -> None:
        await self._follow(self.deadman.hear(await self._mark(), elapsed_s=elapsed_s))
        if not self.deadman.wants_venue:
            await self._drop_venue()
            return
        reached, why = await self._reached()
        await self._follow(self.deadman.reach(reached, elapsed_s=elapsed_s, why=why))

    async def _follow(self, conclusion: Conclusion) -> None:
        for said in conclusion.alerts:
            self.alerts.tell(said.severity, said.subject, said.text)
        if self.deadman.armed:
            self.armed.write()
        if conclusion.flatten:
            await self._flatten()

    async def _try_key(self) -> None:
        """Find out at once, not in the hour of need, whether this key opens the venue."""
        reached, why = await self._reached()
        await self._drop_venue()
        if reached == "unreachable":
            account = self.deadman.account
            self.alerts.tell(
                "critical", f"deadman {account} key", f"{account}: could not flatten now if need be: {why}"
            )

    async def _mark(self) -> str | None:
        try:
            return await self.pulses.mark()
        except UndecidedError as error:
            self.note(str(error))
            return None

    async def _reached(self) -> tuple[Reached, str]:
        """Ask the venue how the account stands, or say why it could not be asked: a refused key is no answer."""
        try:
            async with asyncio.timeout(self.patience.limit_s):
                if self._venue is None:
                    self._venue = await self.open_venue()
                at_rest = is_at_rest(await self._venue.snapshot(()))
        except (VenueError, ConfigError, TimeoutError) as error:
            self.note(f"the venue cannot be read: {error}")
            await self._drop_venue()
            return "unreachable", str(error)
        return ("flat" if at_rest else "held"), ""

    async def _flatten(self) -> None:
        if self._venue is None:
            return
        self._acts += 1
        flattening = Flattening(
            venue=self._venue, run=f"{self.run}|{self._acts}", note=self.note, patience=self.patience
        )
        account = self.deadman.account
        try:
            found = await flattening.bring_flat(None)
        except AutarchError as error:
            self.alerts.tell("critical", f"deadman {account} failed", f"{account}: flattening failed: {error}")
            await self._drop_venue()
            return
        self.flattened(found)
        held = ", ".join(f"{symbol} {size}" for symbol, size in found.before.items())
        what = f"flattened {held}" if found.flat else f"NOT proven flat: {'; '.join(found.problems)}"
        self.alerts.tell("critical", f"deadman {account} done", f"{account}: {what}")

    async def _drop_venue(self) -> None:
        if self._venue is not None:
            venue, self._venue = self._venue, None
            await venue.close()
