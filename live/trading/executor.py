"""The executor: one account, one thing after another, each wholly before the next.

Whatever happens - an instant of the bars, news of the venue, a command, a time that has come - is handled under one
lock by the same three moves: take the facts, decide if there is anything to decide, and bring orders and stops as
near to what is wanted as they can be brought now. Memory changes only by folding journal events, so a restart is:
fold, reconcile, go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from live.orders import RiskGate
from live.ports.bars import Instant
from live.ports.observer import Pulse
from live.stopping.commands import Asked
from live.trading.books import Books
from live.trading.commanding import Commanding
from live.trading.core import Core
from live.trading.deciding import Deciding
from live.trading.guarding import Guarding
from live.trading.hearing import Hearing
from live.trading.reconciling import Reconciling
from live.trading.release import Patience, Release, Switch, World
from live.trading.sending import Sending

YIELD_EVERY = 64  # instants after which a recording, which never waits, lets others in
ROUNDS_MAX = 1000
"""Rounds of sending within one step; more would be a fault of ours, and is treated as one."""


class Executor:
    """Trades one account by one release after another.

    Attributes:
        core: Books and ports, for those who look.
    """

    def __init__(
        self,
        release: Release,
        world: World,
        patience: Patience | None = None,
        *,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> None:
        """Stand before the first event; nothing is read or sent yet.

        Args:
            release: What to trade.
            world: Ports.
            patience: How long to wait for what.
            progress: Told the number of instants lived through.
        """
        gate = RiskGate(limits=release.limits, capital=release.capital)
        books = Books(release=release, gate=gate)
        self.core = Core(release=release, world=world, patience=patience or Patience(), books=books)
        self.hearing = Hearing(core=self.core)
        self.sending = Sending(core=self.core, hearing=self.hearing)
        self.guarding = Guarding(core=self.core)
        self.reconciling = Reconciling(core=self.core, hearing=self.hearing, guarding=self.guarding)
        self.deciding = Deciding(core=self.core)
        self.commanding = Commanding(core=self.core, hearing=self.hearing)
        self._progress = progress
        self._lock = asyncio.Lock()
        self._rang, self._woken = asyncio.Event(), asyncio.Event()
        self._switch: Switch | None = None
        self._decided, self._broken = 0, False
        self._asked: list[Asked] = []

    def inbox(self, asked: Asked) -> None:
        """Take a command; it is answered once it is carried out."""
        self._asked.append(asked)
        self._rang.set()

    def switch(self, switch: Switch | None) -> None:
        """Let another release take over at the next bar boundary; None: nobody does."""
        self._switch = switch

    async def run(self, *, bars_max: int | None = None) -> int:
        """Trade from where the journal ends until the bars do, a command ends it, or `bars_max` bars are decided on.

        Returns the instants at which something was decided.

        Raises:
            RefusedError: the journal is not one that our decisions lead to; nothing was sent.
            ConfigError: the account is not one we trade with, or the journal cannot be written.
            AutarchError: as brains, bars and venue raise.
        """
        await self.start()
        main = asyncio.ensure_future(self._trade(bars_max))
        ended = asyncio.ensure_future(self.commanding.ended.wait())
        sources = [asyncio.ensure_future(one) for one in (self._listen(), self._attend(), self._keep_time())]
        try:
            done, _ = await asyncio.wait([main, ended, *sources], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {main, ended}:
                task.result()  # a source ends only by failing
            if main in done:
                await main
        finally:
            for task in (main, ended, *sources):
                task.cancel()
            await asyncio.gather(main, ended, *sources, return_exceptions=True)
            self.commanding.give_up(self._asked)
        self.hearing.hear()
        self.core.commit()
        return self._decided

    async def start(self) -> None:
        """Fold the journal, connect, settle what was in flight, and compare books and account."""
        core, books = self.core, self.core.books
        self._refold()
        core.tradable = {symbol: True for symbol, traded in books.traded.items() if traded and self._goes_on(symbol)}
        leverage = {symbol: books.line(symbol).leverage for symbol in books.symbols}
        await core.world.venue.start(books.symbols, leverage)
        await core.look_at_clock()
        self._open({"carried": books.carried()})
        self.hearing.boundary = {
            key: close for key, sleeve in books.sleeves.items() if (close := sleeve.next_close_ms()) is not None
        }
        self.sending.drop_late()
        await self.sending.settle_unanswered()
        self.hearing.past = books.newest_id
        await self.commanding.watch_latch()
        await self.reconciling.reconcile()
        await self.advance()
        core.commit()

    async def instant(self, instant: Instant) -> bool:
        """Live through one instant and return whether anything was decided."""
        core = self.core
        await core.look_at_clock()
        for key, row in instant.closing:
            market = core.world.bars.market(key)
            self.hearing.boundary[key] = EpochMs(int(market.ts[row]) + market.interval_ms)
        self.hearing.hear(strict=True)
        self.sending.drop_late()
        decided = await self.deciding.decide(instant)
        core.in_hand = False
        for key, _ in instant.closing:
            sleeve = core.books.sleeves.get(key)
            if sleeve is not None:
                self.hearing.boundary[key] = EpochMs(self.hearing.boundary[key] + sleeve.interval_ms)
                for symbol in sleeve.lines:
                    core.tradable.pop(symbol, None)
        for key, _ in instant.opening:
            for symbol in core.books.sleeves[key].lines:
                core.tradable[symbol] = instant.traded.get(symbol, True)
        if core.behind:
            core.commit(at_once=False)
            return decided
        self._change_hands()
        await self.advance()
        if core.now_ms >= core.reconcile_ms:
            await self.reconciling.reconcile()
            await self.advance()
        core.commit(at_once=False)
        return decided

    async def advance(self) -> None:
        """Do all that can be done now: take news, plan, write, send, read, protect; until nothing is left."""
        core = self.core
        core.wake_ms = None
        for _ in range(ROUNDS_MAX):
            self.hearing.hear()
            if core.books.orders:
                await self.sending.read()
                await core.look_at_clock()
            if core.books.owed:
                self.sending.drop_late()
            self.sending.plan()
            requests = await self.sending.write() if core.books.owed else []
            if requests:
                core.commit()
                await self.sending.send(requests)
            elif not await self.guarding.protect():
                self._woken.set()
                return
        core.state("HALTED", f"{ROUNDS_MAX} rounds of orders in one step: a fault of this program; report it")

    def pulse(self) -> Pulse:
        """Return how we are."""
        core = self.core
        books = core.books
        closes = [sleeve.decided_bar + sleeve.interval_ms for sleeve in books.sleeves.values() if sleeve.decided_bar]
        return Pulse(
            time_ms=core.world.clock.now_ms(),
            seq=core.world.journal.head[0],
            state=books.gate.state,
            reason=books.gate.reason,
            halted={symbol: why for symbol, (state, why) in books.states.items() if state == "HALTED"},
            tag=core.release.tag,
            last_close_ms=EpochMs(max(closes)) if closes else None,
            exposed=bool(books.positions() or books.orders),
        )

    def _refold(self) -> None:
        """Apply the journal from its newest `opened` on, which carries all before it."""
        core = self.core
        core.world.journal.verify()
        opened = core.world.journal.last("opened")
        if opened is None:
            return
        core.books.apply("opened", opened.time_ms, opened.body)
        for event in core.world.journal.events(after=opened.seq):
            core.books.apply(event.kind, event.time_ms, event.body)
            core.now_ms = max(core.now_ms, event.time_ms)

    def _goes_on(self, symbol: str) -> bool:
        """Return whether what is pending in a symbol may go on before its next bar: what lowers, never a decision."""
        sleeve = self.core.books.owner(symbol)
        return sleeve.terms.mode == "close" or sleeve.states[symbol][at.PENDING] == at.PURSUE

    def _open(self, more: Mapping[str, object]) -> None:
        """Begin a run in the journal, with all that was before it."""
        core = self.core
        core.draft("opened", {**core.release.opened, "tag": core.release.tag, **more})
        core.commit()
        for key in core.world.brains:
            core.world.keeper.begin(key, core.world.bars.market(key), seq=core.world.journal.head[0])

    def _change_hands(self) -> None:
        """Let a waiting release take over, between two bars, with no order under way."""
        core, switch = self.core, self._switch
        if switch is None or core.books.orders or core.books.owed:
            return
        self._switch = None
        taken = switch(core.books.held())
        carried = core.books.carried()
        core.release, core.world = taken.release, replace(core.world, bars=taken.bars, brains=taken.brains)
        core.books.seat(taken.release)
        core.tradable = dict.fromkeys(core.books.symbols, True)
        self.hearing.boundary = {}
        self._open({"carried": core.books.handed(carried), "handover": dict(taken.actions)})

    async def _trade(self, bars_max: int | None) -> None:
        lived = 0
        while bars_max is None or self._decided < bars_max:
            instant = await self.core.world.bars.next()
            if instant is None:
                break
            self.core.in_hand = bool(instant.closing)
            async with self._alone():
                self._decided += await self.instant(instant)
            lived += 1
            self._progress(lived)
            if lived % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _listen(self) -> None:
        """Carry the venue's news to whoever works, or else work."""
        while True:
            self.hearing.ears.append(await self.core.world.venue.news())
            self._rang.set()

    async def _attend(self) -> None:
        """Handle news and commands as they come."""
        while True:
            await self._rang.wait()
            self._rang.clear()
            await self._step()

    async def _keep_time(self) -> None:
        """Handle what was waiting for its time: deadlines, repetitions, the regular look at everything."""
        while True:
            self._woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_ms() / 1000):
                    await self._woken.wait()
                    continue
            await self._step()

    async def _step(self) -> None:
        """Handle whatever there is beside bars."""
        async with self._alone():
            core = self.core
            await core.look_at_clock()
            await self.commanding.watch_latch()
            asked, self._asked = self._asked, []
            for one in asked:
                await self.commanding.obey(one)
            self.sending.drop_late()
            if core.now_ms >= core.reconcile_ms:
                await self.reconciling.reconcile()
            await self.advance()
            core.commit()
            self.commanding.end_when_flat()
            core.world.observer.beat(self.pulse())

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Let nothing else happen meanwhile, and nothing at all after a failure."""
        async with self._lock:
            if self._broken:
                await asyncio.Event().wait()  # until whoever runs us has noticed
            try:
                yield
            except BaseException:
                self._broken = True
                raise

    def _wait_ms(self) -> int:
        core = self.core
        due = [core.reconcile_ms]
        if core.wake_ms is not None:
            due.append(core.wake_ms)
        wait = min(due) - core.now_ms
        if core.patience.beat_ms:
            wait = min(wait, core.patience.beat_ms)
        return max(1, wait)
