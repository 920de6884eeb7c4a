"""Trade one account on a market that is happening, run after run: each begins from the journal, as after a crash.

A hand-over ends one run at a bar boundary and begins the next: keys, clock, account mode, leverage and history are
checked for whoever sits at the account then, by the same path as at any start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from autarch.canonical import EpochMs
from autarch.errors import DeployError
from autarch.paths import private_directory
from autarch.sandbox.worker import Worker
from live.confinement import confining, demanded
from live.conform.record import require_mainnet
from live.credentials import Credentials, KeySource
from live.deployer import require_still_trusted
from live.feeds.bybit_public import FEED
from live.host import Host
from live.installed import Installed, read_installed
from live.journal import Journal
from live.observing.kept import KeptBars, kept_path
from live.observing.status import status_of
from live.observing.watchman import Watchman, watch
from live.one_run import Run
from live.seating import Room
from live.venues import credentials_of
from live.watching.seats import Seat, first_seats, seats_from_json
from live.watching.takeover import held_back


class WallClock:
    """The wall clock. Implements `Clock`."""

    def now_ms(self) -> EpochMs:
        """See `Clock`."""
        return EpochMs(time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """How to run: whose account, where its key is, confinement, how many decided bars at most, metrics, narration.

    `worker`: one that was started while the release was verified, and before any key was read; None: a new one.
    """

    workspace: Path
    account: str | None = None
    key_fd: int | None = None
    real_money: bool = False
    bars_max: int | None = None
    allow_weak: bool = False
    metrics_port: int | None = None
    worker: Worker | None = None
    told: Callable[[str], None] = lambda _: None


def operate(installed: Installed, host: Host, options: LiveOptions) -> dict[str, object]:
    """Trade one account of a verified release until a command ends it, and return its status afterwards.

    Raises:
        SandboxError: a required layer of confinement is missing, and weak is not allowed; nothing was begun.
        ConfigError: account, key, clock, limits or journal are not what we trade with; nothing was sent.
        AutarchError: as the executor raises.
    """
    account = installed.portfolio.account(options.account)
    more: dict[str, object] = {"feed": FEED, "asked": "stepwise"}
    if account.venue == "bybit":
        more["environment"] = account.environment
    if account.venue == "bybit" and account.environment == "mainnet":
        now = WallClock().now_ms()
        more["conformance"] = require_mainnet(host.root, understood=options.real_money, now_ms=now)
    source = KeySource.of_process(options.workspace, descriptor=options.key_fd)
    private_directory(host.root)
    private_directory(host.journal_path(account.name).parent)
    limits = host.limits_path.read_bytes() if host.limits_path.exists() else None
    with ExitStack() as stack:
        demands = demanded(installed.policy, limits)
        worker = stack.enter_context(confining(demands, begun=options.worker, allow_weak=options.allow_weak))
        level = worker.level  # and the zygote is there before any key is read
        journal = stack.enter_context(Journal(host.journal_path(account.name), account=account.name))
        credentials = None if account.venue == "paper" else credentials_of(account, source)
        keeper = KeptBars(kept_path(host, account.name))
        stack.callback(keeper.close)
        secrets = () if credentials is None else credentials.secrets
        watchman = stack.enter_context(
            watch(host, account.name, clock=WallClock(), metrics_port=options.metrics_port, secrets=secrets)
        )
        layers = {layer.name: layer.detail or "reached" for layer in level.layers}
        office = Office(
            room=Room(host=host, account=account),
            worker=worker,
            journal=journal,
            credentials=credentials,
            keeper=keeper,
            watchman=watchman,
            more={**more, "confined": level.is_full, "layers": layers},
            engine=installed.record.engine,
            told=options.told,
        )
        asyncio.run(office.trade(installed, bars_max=options.bars_max))
        return status_of(journal)


@dataclass(slots=True, kw_only=True)
class Office:
    """What stays from run to run of one account."""

    room: Room
    worker: Worker
    journal: Journal
    credentials: Credentials | None
    keeper: KeptBars
    watchman: Watchman
    more: Mapping[str, object]
    engine: str
    told: Callable[[str], None] = lambda _: None
    clock: WallClock = field(default_factory=WallClock)

    async def trade(self, goal: Installed, *, bars_max: int | None = None) -> None:
        """Run after run, until one ends otherwise than by a hand-over."""
        left = bars_max
        while True:
            run = Run(office=self, sitting=self.sitting(goal))
            wanted = goal if goal.tag != run.sitting.present.tag else None
            decided = await run.trade(wanted, bars_max=left)
            left = None if left is None else left - decided
            if run.next is None or (left is not None and left <= 0):
                return
            goal = run.next

    def sitting(self, goal: Installed) -> Sitting:
        """Return who sits at the account, as its journal says; by `goal` where nothing was traded yet."""
        opened = self.journal.last("opened")
        if opened is None:
            return Sitting(present=goal, seats=first_seats(self.room.heirs(goal)), releases={goal.tag: goal})
        tag = str(opened.body["tag"])
        present = goal if tag == goal.tag else read_installed(self.room.host.releases / tag)
        seats = seats_from_json(opened.body.get("seats"))
        others = {seat.tag for seat in seats} - {tag}
        releases = {tag: present, **{one: read_installed(self.room.host.releases / one) for one in others}}
        trust = self.room.host.trust()
        kept = []
        for seat in seats:
            try:
                require_still_trusted(releases[seat.tag], trust)
                kept.append(seat)
            except DeployError as error:
                self.watchman.tell("critical", f"release {seat.tag}", f"{error}. {seat.key}: {trust.when_revoked}")
                kept += held_back([seat], trust.when_revoked)
        return Sitting(present=present, seats=tuple(kept), releases=releases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """The release that trades, who sits at the account, and the releases whose code decides, by tag."""

    present: Installed
    seats: tuple[Seat, ...]
    releases: Mapping[str, Installed]
