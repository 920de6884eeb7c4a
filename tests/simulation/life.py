"""One life: an exchange, a line to it, a disk, and processes that come and go, from a seed to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from autarch.errors import AutarchError
from live.portfolio import Handover
from live.ports.brain import Brain
from live.simulator.core.prices import Script
from live.simulator.faults.market import fill_by_plan
from live.trading.memory import MemoryJournal
from live.trading.release import Patience, World
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.venue import BybitVenue

from .checks import Watch
from .disks import Disk, DiskJournal, DiskLatch, DiskReserve
from .faults import Menace
from .handing import WORDS, after, brains_of, release_of, sitting, switch_to
from .loop import Process, VirtualLoop, bury, run_process
from .market import START_MS
from .scenario import CAPITAL, Scenario
from .shortfall import shortfalls_bps
from .sides import DrawnBars, TableBrain, Told, WallClock
from .tracing import trace_of
from .venue_side import KEY, UID, happen, site_of
from .wire import House, InProcessStreams, InProcessTransport, Sent

LEAD_MS = 8_000
RESTART_S = (0.2, 3.0)
EXIT_RESTART_S = 20.0
PROTECTING = "/v5/position/trading-stop"
CREATE = "/v5/order/create"
CLOCK = "/v5/market/time"


@dataclass(slots=True, kw_only=True)
class Kill:
    """Where to kill, for an enumeration: at the n-th step of the n-th process, or around the n-th append."""

    step: int = -1
    append: int = -1
    when: str = "before"
    at_ms: int = 0
    done: bool = False
    where: str = ""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How a life ended. `broken`: what no life may show; empty for a good one."""

    seed: int
    broken: tuple[str, ...]
    ended: Mapping[str, str]
    met: frozenset[tuple[str, str]]
    trace: tuple[str, ...]
    steps: int
    appends: int
    orders: int
    decisions: int
    dropped: int
    starts: int
    shortfalls_bps: tuple[float, ...] = ()
    where: str = ""

    def without_trace(self) -> Outcome:
        """Return it without what happened."""
        return replace(self, trace=())


@dataclass(slots=True, kw_only=True)
class Making:
    """Who trades: replaced by planted faults. Each takes what the class it stands for takes."""

    executor: Callable[..., Any]
    venue: Callable[..., Any] = BybitVenue
    journal: Callable[..., Any] = DiskJournal


class Life:
    """A scenario that is lived."""

    def __init__(self, scenario: Scenario, making: Making, kill: Kill | None = None) -> None:
        """Prepare everything; nothing runs yet."""
        self.scenario = scenario
        self.making = making
        self.kill = Kill() if kill is None else kill
        seed = scenario.seed
        self.rng = Random(f"line {seed}")  # noqa: S311  a reproducible sequence is the point
        self.loop = VirtualLoop(shuffle=Random(f"order {seed}") if scenario.shuffled else None)  # noqa: S311  likewise
        self.disk = Disk(kept=MemoryJournal(account="sim"))
        self.disk.on_append = self._around_append
        self.script = Script(scenario.drawn.events)
        start_ms = START_MS - LEAD_MS
        site = site_of(scenario.drawn, self.script, start_ms=start_ms, deposit=CAPITAL * 10, seed=seed)
        self.menace = Menace(
            rng=self.rng, calm_ms=scenario.calm_ms, state=self.state, strike=self.strike, aims=list(scenario.aims)
        )
        for time_ms, kind in scenario.noise:
            self.menace.at(time_ms, kind)
        fill_by_plan(site.exchange, self.menace)
        self.house = House(site=site, key=KEY, rng=self.rng, menace=self.menace, start_ms=start_ms)
        self.clock = WallClock(house=self.house)
        self.told: list[tuple[int, str, str, str]] = []
        self.exits: list[tuple[int, str]] = []
        self.process: Process | None = None
        self.executor: Any = None
        self.deciding = False
        self.starts = 0
        self.opened_at = 0
        self.trouble_ms = 0
        self._restart_s = 0.0
        self._late_ms = 0
        self._next: tuple[str, Handover] | None = None
        self._handed = False
        self._looking = False
        self._steps = 0
        self.stacks: list[str] | None = None  # where the process waits before each step, when somebody wants to know
        self.watch = Watch(self)
        self.house.noticed = self.notice

    def run(self) -> Outcome:
        """Live it to the end, or to what no life may show."""
        asyncio.set_event_loop(None)
        try:
            self.loop.run_until_complete(self._live())
        except Exception as error:  # noqa: BLE001  a life that cannot go on is a finding, whatever it was
            self.watch.found(f"{type(error).__name__}: {error}")
        finally:
            if self.process is not None:
                bury(self.process)
            for task in asyncio.all_tasks(self.loop):
                task._log_destroy_pending = False  # the world ends here
            self.loop.close()
        return self._outcome()

    def state(self) -> str:  # noqa: PLR0911  one line a state
        """Return what the executor is doing, as the world can see it."""
        process = self.process
        if process is None or not process.alive:
            return "down"
        mine = [sent for sent in self.house.log[-12:] if sent.open and sent.process == process.name]
        doing = self._asking(mine)
        if doing in {"entering", "closing", "flipping", "protecting", "settling"}:
            return doing
        if self.disk.kept.head[0] <= self.opened_at:
            return "starting"
        if self.deciding:
            return "deciding"
        if doing:
            return doing
        halted = self.watch.own_state()
        if halted != "ACTIVE":
            return halted.lower()
        holdings = self.house.site.exchange.accounts[UID].holdings.values()
        return "held" if any(holding.is_open for holding in holdings) else "flat"

    def strike(self, kind: str) -> bool:
        """Let a fault of the market or of the process happen now."""
        self.trouble_ms = self.house.now_ms()
        symbol = self.rng.choice(self.scenario.symbols)
        match kind:
            case "crash" | "crash_long":
                return self._crash(long=kind == "crash_long")
            case "disk_full" | "disk_dead":
                self.disk.full, self.disk.dead = True, kind == "disk_dead"
            case "clock_step":
                self.clock.off_ms = int(self.rng.choice((-1, 1)) * self.rng.uniform(700, 6000))
            case "suspend":
                return self._suspend(self.rng.uniform(1, 40))
            case "late_bar":
                self._late_ms = int(self.rng.uniform(1, 3) * self.deadline_ms)
            case "outage":
                self.house.go_dark(self.rng.uniform(5, 90))
            case "reads_lag":
                self.house.lag(self.rng.uniform(2, 12), self.rng.uniform(10, 60))
            case "switch":
                return self._hand_over()
            case _:
                amount = str(CAPITAL / 2) if kind in {"deposit", "withdraw"} else "0.5"
                return happen(self.house.site, self.script, kind, symbol, amount)
        return True

    def notice(self) -> None:
        """Look after anything that happened: at the faults that wait, and at what must hold."""
        if self._looking:
            return
        self._looking = True
        try:
            self.menace.look(self.house.now_ms())
            self.watch.look()
        finally:
            self._looking = False

    @property
    def deadline_ms(self) -> int:
        """How late an entry may be."""
        return min(20_000, self.scenario.interval_ms // 10)

    async def _live(self) -> None:
        market = asyncio.create_task(self._market())
        processes = asyncio.create_task(self._processes())
        end_s = (self.scenario.end_ms - self.house.start_ms) / 1000
        await asyncio.sleep((self.scenario.calm_ms - self.house.start_ms) / 1000)
        self._heal()
        await asyncio.wait({market, processes}, timeout=end_s - self.loop.time(), return_when=asyncio.FIRST_EXCEPTION)
        for task in (market, processes):
            if task.done():
                task.result()
        self.watch.at_end()
        for task in (market, processes):
            task.cancel()

    async def _market(self) -> None:
        while (due := self.house.site.exchange.next_ms()) is not None:
            wait = due - self.house.now_ms()
            await asyncio.sleep(max(wait, 0) / 1000 + 0.0005)
            self.house.follow()
            self.notice()

    async def _processes(self) -> None:
        """Start one process after the other, as a service manager does."""
        while True:
            self.starts += 1
            process = Process(f"p{self.starts}", self._on_step)
            self.process, self.opened_at = process, self.disk.kept.head[0]
            self.deciding = False
            self._restart_s = self.rng.uniform(*RESTART_S)
            try:
                await run_process(process, self._main(process))
                if process.alive:
                    self.exits.append((self.house.now_ms(), "ended by itself"))
            except AutarchError as error:
                self.exits.append((self.house.now_ms(), f"{type(error).__name__}: {error}"))
                self._restart_s = EXIT_RESTART_S
            self._steps += process.steps
            bury(process)
            self.disk.lose()
            self.trouble_ms = self.house.now_ms()
            await asyncio.sleep(self._restart_s)

    async def _main(self, process: Process) -> None:
        """Run after run, as `live.operating` does: a hand-over ends one, and the journal begins the next."""
        self._handed = True
        while self._handed:
            self._handed = False
            venue = self._venue(process)
            await self._run(process, venue)
            await venue.close()

    def _venue(self, process: Process) -> Any:
        return self.making.venue(
            InProcessTransport(self.house, process, self.clock.now_ms), InProcessStreams(self.house, process),
            clock=self.clock, options=BybitOptions(environment="sim"),
            rng=Random(self.rng.random()),  # noqa: S311  likewise
        )  # fmt: skip

    async def _run(self, process: Process, venue: Any) -> None:
        journal = self.making.journal(self.disk, process)
        tag, seats = sitting(journal, self.scenario)
        last = journal.last("decision")
        bars = DrawnBars(
            house=self.house, drawn=self.scenario.drawn.market, keys=tuple(seat.key for seat in seats),
            after_ms=START_MS if last is None else int(last.body["bar"]) + self.scenario.interval_ms,
            deadline_ms=self.deadline_ms, late_ms=self._take_late,
        )  # fmt: skip
        world = World(
            journal=journal,
            venue=venue,
            bars=bars,
            brains=brains_of(seats, self._brain),
            clock=self.clock,
            alerts=Told(house=self.house, process=process, told=self.told),
            latch=DiskLatch(self.disk, process),
            reserve=DiskReserve(self.disk, process),
        )
        patience = Patience(beat_ms=self.scenario.beat_ms)
        self.executor = self.making.executor(release_of(self.scenario, seats, tag=tag), world, patience)
        self._ask_to_switch()
        await self.executor.run()

    def _brain(self, key: str) -> Brain:
        return TableBrain(table=self.scenario.table, asked=self._think, house=self.house, name=key)

    def _hand_over(self) -> bool:
        """Choose a newer release, as somebody who signs a tag does."""
        tag, _ = sitting(self.disk.kept, self.scenario)
        if self._next is not None and self._next[0] != tag:
            return False
        self._next = (after(tag), self.rng.choice(WORDS))
        self._ask_to_switch()
        return True

    def _ask_to_switch(self) -> None:
        """Say what is next, also to a process that starts while it waits."""
        tag, seats = sitting(self.disk.kept, self.scenario)
        if self._next is not None and self._next[0] != tag and self.executor is not None:
            self.executor.switch(switch_to(self.scenario, seats, *self._next, self._taken))

    def _taken(self) -> None:
        self._handed = True

    def _think(self, thinking: bool) -> None:  # noqa: FBT001  the brain's callback
        self.deciding = thinking
        self.notice()

    def _take_late(self) -> int:
        late, self._late_ms = self._late_ms, 0
        return late

    def _asking(self, mine: list[Sent]) -> str:
        for sent in mine:
            if sent.path == PROTECTING:
                return "protecting"
            if sent.path == CREATE:
                if not sent.params.get("reduceOnly"):
                    return "entering"
                return "flipping" if self.watch.flips(str(sent.params["symbol"])) else "closing"
            if sent.params.get("orderLinkId"):
                return "settling"
        return "reading" if any(sent.path != CLOCK for sent in mine) else ""

    def _crash(self, *, long: bool) -> bool:
        if self.process is None or not self.process.alive:
            return False
        if long:
            self._restart_s = self.rng.uniform(0.5, 2.5) * self.scenario.interval_ms / 1000
        self.process.kill()
        return True

    def _suspend(self, seconds: float) -> bool:
        if self.process is None or not self.process.alive:
            return False
        self.process.pause(self.loop, self.loop.time() + seconds)
        return True

    def _heal(self) -> None:
        """Let the operator do what operators do, repair the disk, set the clock; and the venue end its maintenance."""
        self._next = None
        if self.executor is not None:
            self.executor.switch(None)
        self.house.site.exchange.accounts[UID].trading = True
        self.disk.repair()
        self.clock.off_ms = 0
        self.house.dark_until_s = 0.0
        self.house.catch_up()
        self.trouble_ms = self.house.now_ms()

    def _on_step(self, step: int) -> None:
        if self.stacks is not None and self.process is not None:
            self.stacks.append("|".join(self.process.waits()))
        if self.kill.step >= 0 and not self.kill.done and self._steps + step == self.kill.step:
            self._strike_down()

    def _around_append(self, when: str) -> None:
        kill = self.kill
        if kill.append >= 0 and not kill.done and (self.disk.appends, when) == (kill.append, kill.when):
            self._strike_down()

    def _strike_down(self) -> None:
        assert self.process is not None
        self.kill.done, self.kill.at_ms = True, self.house.now_ms()
        self.kill.where = "|".join(self.process.waits())
        self.process.kill()

    def _outcome(self) -> Outcome:
        creates = [sent for sent in self.house.log if sent.path == CREATE]
        return Outcome(
            seed=self.scenario.seed,
            broken=tuple(self.watch.broken),
            ended=self.watch.ended,
            met=frozenset(self.menace.met),
            trace=trace_of(self),
            steps=self._steps + (self.process.steps if self.process is not None else 0),
            appends=self.disk.appends,
            orders=len(creates),
            decisions=sum(1 for _ in self.disk.kept.events("decision")),
            dropped=sum(1 for _ in self.disk.kept.events("missed")),
            starts=self.starts,
            shortfalls_bps=shortfalls_bps(self),
            where=self.kill.where,
        )
