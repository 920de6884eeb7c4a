"""One run of an executor on a market that is happening: feed, venue, brains, socket, and whoever follows the host."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autarch.canonical import EpochMs
from autarch.errors import ConfigError, DeployError
from autarch.market.types import Instrument, Market
from live.assembling import costs_of
from live.feeds.bybit_public import BybitPublicBars, FeedOptions, FeedSleeve, Wire
from live.growing import Growing, Mute
from live.installed import Installed
from live.observing.vitals import WithVitals
from live.portfolio import Account
from live.ports.bars import Bars, Instant
from live.ports.brain import Brain
from live.ports.clock import Clock
from live.ports.observer import Observer
from live.ports.venue import Venue
from live.simulator.core.prices import PriceEvent
from live.stopping.commands import Answer, Asked, Stop
from live.stopping.control import control_socket
from live.stopping.latch import FileLatch
from live.stopping.places import Places
from live.trading.executor import Executor
from live.trading.release import Held, Release, Takeover, World
from live.trading.reserve import ReserveFile
from live.trust import WhenRevoked
from live.venue.bybit.places import place_of
from live.venue.bybit.pybit_http import PybitTransport
from live.venue.bybit.pybit_streams import PybitStreams
from live.venue.bybit.venue import BybitVenue
from live.venue.paper.book import RequestBook
from live.venue.paper.happening import happening_venue
from live.venues import open_venue
from live.watching.following import Following
from live.watching.seats import Seat
from live.watching.takeover import Table, held_back, require_same_margin, switch_of

if TYPE_CHECKING:
    from live.operating import Office, Sitting


@dataclass(frozen=True, slots=True)
class FeedClock:
    """The market's time as its feed knows it; what a paper account lives by. Implements `Clock`."""

    feed: BybitPublicBars

    def now_ms(self) -> EpochMs:
        """See `Clock`."""
        return self.feed.clock_ms()


@dataclass(slots=True)
class Tape:
    """Carries a feed's prices to a paper venue, once there is one."""

    move: Callable[[PriceEvent], None] | None = field(default=None)

    def __call__(self, event: PriceEvent) -> None:
        """Take one price; what comes before the venue stands is before its account did anything."""
        if self.move is not None:
            self.move(event)


class Over:
    """Bars that are at their end: what a run is handed that a hand-over ends. Implements `Bars`."""

    def market(self, strategy: str) -> Market:
        """Have none."""
        raise KeyError(strategy)

    async def next(self) -> Instant | None:
        """See `Bars`."""
        return None

    def behind(self) -> bool:
        """See `Bars`."""
        return False

    async def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the executor. `next`: the release that takes over after it, None where it is simply at its end."""

    office: Office
    sitting: Sitting
    next: Installed | None = None
    _wanted: Installed | None = None
    _executor: Executor | None = None

    async def trade(self, wanted: Installed | None, *, bars_max: int | None) -> int:
        """Start, trade, and leave everything in order; returns the bars decided on."""
        office, present = self.office, self.sitting.present
        account = office.room.account_at(present)
        async with AsyncExitStack() as stack:
            tape = Tape()
            feed = self._feed(account, tape)
            stack.push_async_callback(feed.close)
            await feed.start()
            brains = {seat.key: self._brain(seat, feed) for seat in self.sitting.seats}
            for brain in brains.values():
                stack.callback(brain.close)
            release = office.room.laid(present, self.sitting.seats, self.sitting.releases, office.more)
            venue, clock = self._venue(account, release, feed, tape, stack)
            stack.push_async_callback(venue.close)
            places = Places(root=office.room.host.root, account=account.name)
            places.make()
            world = World(
                journal=office.journal,
                venue=venue,
                bars=feed,
                brains=brains,
                clock=clock,
                alerts=office.watchman,
                observer=_observer(venue, feed, office.watchman),
                latch=FileLatch(path=places.latch, account=account.name),
                reserve=ReserveFile(office.journal.path.with_suffix(".reserve")),
                keeper=office.keeper,
            )
            self._executor = executor = Executor(release, world, progress=self._narrate)
            try:
                self._take(wanted)
            except DeployError as error:  # the present release goes on, as it would if that one came later
                office.watchman.tell("warning", "next release", str(error))
            await stack.enter_async_context(control_socket(places.socket, executor.inbox))
            stack.callback(self._on_signals())
            following = asyncio.create_task(self._following().run())
            try:
                return await executor.run(bars_max=bars_max)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    def _venue(
        self, account: Account, release: Release, feed: BybitPublicBars, tape: Tape, stack: AsyncExitStack
    ) -> tuple[Venue, Clock]:
        office, present = self.office, self.sitting.present
        if office.credentials is not None:
            return open_venue(account, office.credentials, clock=office.clock), office.clock
        book = RequestBook(office.room.host.book_path(account.name))
        stack.callback(book.close)
        listed = {one.symbol: one for i in self.sitting.releases.values() for one in _listed(i)}
        paper = happening_venue(release, tuple(listed.values()), costs_of(present, account), book, clock=feed.clock_ms)
        tape.move = paper.move
        return paper, FeedClock(feed)

    def _feed(self, account: Account, tape: Tape) -> BybitPublicBars:
        place = place_of(account.environment, url=account.url or None)
        newest = self.office.journal.last("decision")
        sleeves, instruments = {}, {}
        for seat in self.sitting.seats:
            installed = self.sitting.releases[seat.tag]
            manifest = installed.sources[seat.strategy].manifest
            sleeves[seat.key] = FeedSleeve.of(manifest)
            for symbol in (*manifest.symbols, *manifest.context):
                instruments[symbol] = installed.lock.instrument(symbol)
        if not sleeves:
            raise ConfigError(f"{self.sitting.present.tag} has nothing to trade on account {account.name!r}")
        wire = Wire(
            transport=PybitTransport(place, None),
            streams=PybitStreams(place, None),
            clock=self.office.clock,
            rng=random.Random(),  # noqa: S311  jitter of reconnections; nothing here is repeated
        )
        after = None if newest is None else newest.time_ms
        told = tape if account.venue == "paper" else None
        return BybitPublicBars(wire, sleeves, instruments, FeedOptions(after_ms=after, tape=told))

    def _brain(self, seat: Seat, feed: Bars) -> Brain:
        if seat.mode == "close":
            return Mute()
        source = self.sitting.releases[seat.tag].sources[seat.strategy]
        return Growing(self.office.worker, source, feed, seat.key)

    def _following(self) -> Following:
        present = self.sitting.present
        return Following(
            host=self.office.room.host,
            engine=self.office.engine,
            present=present,
            held_back=all(seat.mode != "trade" for seat in self.sitting.seats),
            take=self._take,
            hold_back=self._hold_back,
            alerts=self.office.watchman,
        )

    def _take(self, wanted: Installed | None) -> None:
        """Let `wanted` take over at the next boundary; None: whoever sits there stays.

        Raises:
            DeployError: it has the account in another margin mode, which a venue changes only while nothing is open.
        """
        executor = _made(self._executor)
        if wanted is None:
            executor.switch(None)
            return
        room = self.office.room
        require_same_margin(room.account_at(self.sitting.present), room.account_at(wanted), tag=wanted.tag)
        heirs = self.office.room.heirs(wanted)
        after = {**self.sitting.releases, wanted.tag: wanted}

        def lay(seats: Sequence[Seat]) -> Table:
            self.next = wanted
            return Table(release=self.office.room.laid(wanted, seats, after, self.office.more), bars=Over(), brains={})

        executor.switch(switch_of(self.sitting.seats, heirs, lay, tag=wanted.tag, told=self._tell_handover))

    def _hold_back(self, when: WhenRevoked) -> None:
        """Only reduce by the present release from the next boundary on, or close everything now and end."""
        executor, present = _made(self._executor), self.sitting.present
        if when == "flatten":
            self._ask(Stop(flatten=True), "trust.toml")
            return

        def switch(_held: Mapping[str, Held]) -> Takeover:
            self.next = present
            seats = held_back(self.sitting.seats, when)
            release = self.office.room.laid(present, seats, self.sitting.releases, self.office.more)
            return Takeover(release=release, bars=Over(), brains={}, actions={})

        executor.switch(switch)

    def _ask(self, command: Stop, who: str) -> None:
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        _made(self._executor).inbox(Asked(command=command, who=who, reply=reply))

    def _on_signals(self) -> Callable[[], None]:
        """End in good order when told to, with positions left to their stops; returns how to undo this."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask, Stop(flatten=False), number.name)

        def undo() -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

        return undo

    def _tell_handover(self, sentence: str) -> None:
        self.office.watchman.tell("info", "hand-over", sentence)
        self.office.told(sentence)

    def _narrate(self, lived: int) -> None:
        self.office.told(f"{lived} instants lived through")


def _made(executor: Executor | None) -> Executor:
    if executor is None:
        raise RuntimeError("no executor stands yet")
    return executor


def _listed(installed: Installed) -> tuple[Instrument, ...]:
    return tuple(installed.lock.instrument(symbol) for symbol in installed.lock.symbols)


def _observer(venue: Venue, feed: BybitPublicBars, watchman: Observer) -> Observer:
    """Return the watchman, told also how old the feed's news is, and how a real venue's connection and clock are."""
    return WithVitals(watchman, feed.stale_ms, venue.health if isinstance(venue, BybitVenue) else None)
