"""A disk that outlives processes, and the journal a process keeps on it: what `append` returned from is durable.

A process can die before an append is durable, or after it and before it hears so. The disk can be full, for a while
or for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from autarch.errors import ConfigError
from live.journal import BarClaim, Draft, Event
from live.stopping.latch import Halted, Latched, MemoryLatch, Release
from live.trading.memory import MemoryJournal

from .loop import Process


@dataclass(slots=True, kw_only=True)
class Disk:
    """What is durable. `on_append` is called with ("before" | "after") around each append, and may kill."""

    kept: MemoryJournal
    latch: MemoryLatch = field(default_factory=MemoryLatch)
    full: bool = False
    dead: bool = False
    reserve: bool = True
    appends: int = 0
    unsafe: int | None = None
    on_append: Callable[[str], None] = lambda _when: None

    def lazily(self, drafts: Sequence[Draft], claims: Sequence[BarClaim]) -> tuple[Event, ...]:
        """Append as a disk does that lies about what is durable: the newest append is lost when its writer dies."""
        self.unsafe = self.kept.head[0]
        return self.kept.append(drafts, claims=claims)

    def lose(self) -> None:
        """Lose what was not durable."""
        if self.unsafe is not None:
            for event in self.kept.events(after=self.unsafe):
                self.kept._refs.pop(event.ref, None)
            del self.kept._events[self.unsafe :]
            self.unsafe = None

    def repair(self) -> None:
        """Let a human clear the disk and put a reserve by."""
        self.full = self.dead = False
        self.reserve = True


class DiskJournal:
    """One process's journal on a disk."""

    def __init__(self, disk: Disk, process: Process) -> None:
        """Open it."""
        self.account = disk.kept.account
        self._disk = disk
        self._process = process

    @property
    def head(self) -> tuple[int, str]:
        """See `live.ports.journal.JournalPort`."""
        return self._disk.kept.head

    def append(self, drafts: Sequence[Draft], *, claims: Sequence[BarClaim] = ()) -> tuple[Event, ...]:
        """See `live.ports.journal.JournalPort`."""
        disk = self._disk
        self._process.must_live()
        disk.appends += 1
        disk.on_append("before")
        self._process.must_live()
        if disk.full:
            raise ConfigError("the disk is full; nothing of it was written")
        made = disk.kept.append(drafts, claims=claims)
        disk.on_append("after")
        self._process.must_live()
        return made

    def events(self, *kinds: str, after: int = 0) -> Iterator[Event]:
        """See `live.ports.journal.JournalPort`."""
        return self._disk.kept.events(*kinds, after=after)

    def about(self, ref: str) -> tuple[Event, ...]:
        """See `live.ports.journal.JournalPort`."""
        return self._disk.kept.about(ref)

    def last(self, *kinds: str) -> Event | None:
        """See `live.ports.journal.JournalPort`."""
        return self._disk.kept.last(*kinds)

    def tag_of(self, symbol: str, bar: int) -> str | None:
        """See `live.journal.Journal`."""
        return self._disk.kept.tag_of(symbol, bar)

    def verify(self) -> int:
        """See `live.ports.journal.JournalPort`."""
        return self._disk.kept.verify()

    def close(self) -> None:
        """Do nothing: the disk stays."""


class DiskReserve:
    """Space put by: enough for a disk that is only full, not for a dead one."""

    def __init__(self, disk: Disk, process: Process) -> None:
        """Belong to a disk."""
        self._disk = disk
        self._process = process

    def free(self) -> bool:
        """See `live.ports.reserve.Reserve`."""
        self._process.must_live()
        had, self._disk.reserve = self._disk.reserve, False
        if had and not self._disk.dead:
            self._disk.full = False
        return had


class DiskLatch:
    """The halt latch as one process sees it."""

    def __init__(self, disk: Disk, process: Process) -> None:
        """Belong to a disk."""
        self._disk = disk
        self._process = process

    def read(self) -> Latched:
        """See `live.stopping.latch.Latch`."""
        return self._disk.latch.read()

    def halt(self, halted: Halted) -> None:
        """See `live.stopping.latch.Latch`."""
        self._process.must_live()
        self._disk.latch.halt(halted)

    def ask(self, release: Release) -> None:
        """See `live.stopping.latch.Latch`."""
        self._process.must_live()
        self._disk.latch.ask(release)

    def released(self, done: Release) -> bool:
        """See `live.stopping.latch.Latch`."""
        self._process.must_live()
        return self._disk.latch.released(done)
