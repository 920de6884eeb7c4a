"""Put an executor together from an installed release, and say what a journal holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any

from autarch.errors import ConfigError
from autarch.market.stores import Stores
from autarch.market.types import Split
from autarch.paths import private_directory
from autarch.sandbox.values import SandboxLevel
from autarch.sandbox.worker import Worker
from live.assembling import costs_of, market_of, recorded_venue, release_of
from live.brain import Blockwise, Stepwise
from live.confinement import confining, demanded
from live.feeds.recorded import RecordedBars
from live.host import Host
from live.installed import Installed
from live.journal import Journal
from live.observing.status import status_of
from live.portfolio import Account
from live.ports.brain import Brain
from live.stopping.control import control_socket
from live.stopping.latch import FileLatch
from live.stopping.places import Places
from live.trading.executor import Executor
from live.trading.release import RECORDED, World
from live.trading.reserve import ReserveFile
from live.venue.paper.book import RequestBook

__all__ = ["RunOptions", "market_of", "run_release", "status_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run: which account, which recorded bars, how many decided bars at most, confinement, narration.

    `stepwise`: ask the strategy at every bar, as on a live market, instead of once a block.
    `worker`: one that was started while the release was verified; None: a new one.
    """

    account: str | None = None
    feed: Split = "forward"
    bars_max: int | None = None
    stepwise: bool = False
    allow_weak: bool = False
    worker: Worker | None = None
    progress: Callable[[int, int], None] = lambda _done, _of: None


def run_release(installed: Installed, host: Host, stores: Stores, options: RunOptions) -> dict[str, object]:
    """Trade one account of a verified release on recorded bars and return its status afterwards.

    Raises:
        SandboxError: a required layer of confinement is missing, and weak is not allowed; nothing was begun.
        ConfigError: the account does not exist, its venue has no adapter here, or its limits are malformed.
        DataError: bars are missing or changed.
        AutarchError: as the executor raises.
    """
    account = installed.portfolio.account(options.account)
    if account.venue != "paper":
        raise ConfigError(
            f"account {account.name!r} is on venue {account.venue!r}; recorded bars are traded on 'paper' only. "
            "Choose a paper account with --account"
        )
    host.limits(account.limits)
    private_directory(host.root)
    private_directory(host.journal_path(account.name).parent)
    with ExitStack() as stack:
        limits = host.limits_path.read_bytes() if host.limits_path.exists() else None
        demands = demanded(installed.policy, limits)
        worker = stack.enter_context(confining(demands, begun=options.worker, allow_weak=options.allow_weak))
        level = worker.level  # before anything is journalled: without a required layer nothing begins
        journal = stack.enter_context(Journal(host.journal_path(account.name), account=account.name))
        book = RequestBook(host.book_path(account.name))
        stack.callback(book.close)
        executor = _recorded(installed, account, host, stores, options, worker, level, journal, book)
        for brain in executor.core.world.brains.values():
            stack.callback(brain.close)
        asyncio.run(_run(executor, host, account, options.bars_max))
        return status_of(journal)


async def _run(executor: Executor, host: Host, account: Account, bars_max: int | None) -> None:
    places = Places(root=host.root, account=account.name)
    places.make()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(control_socket(places.socket, executor.inbox))
        stack.push_async_callback(executor.core.world.venue.close)
        await executor.run(bars_max=bars_max)


def _recorded(  # noqa: PLR0913, PLR0917  all are named at the one call
    installed: Installed,
    account: Account,
    host: Host,
    stores: Stores,
    options: RunOptions,
    worker: Worker,
    level: SandboxLevel,
    journal: Journal,
    book: RequestBook,
) -> Executor:
    names = [sleeve.strategy for sleeve in account.sleeves]
    markets = {name: market_of(installed, name, stores, options.feed) for name in names}
    asking = Stepwise if options.stepwise else Blockwise
    brains: dict[str, Brain] = {name: asking(worker, installed.sources[name], markets[name]) for name in names}
    opened = {"feed": options.feed, "asked": "stepwise" if options.stepwise else "blockwise", **_confinement(level)}
    release = release_of(installed, account, host, markets, opened=opened)
    venue = recorded_venue(release, markets, costs_of(installed, account), book)
    newest = journal.last("decision", "plan", "intent")
    bars = RecordedBars(markets, after_ms=None if newest is None else newest.time_ms, move=venue.advance)
    places = Places(root=host.root, account=account.name)
    world = World(
        journal=journal,
        venue=venue,
        bars=bars,
        brains=brains,
        clock=bars,
        latch=FileLatch(path=places.latch, account=account.name),
        reserve=ReserveFile(host.journal_path(account.name).with_suffix(".reserve")),
    )
    return Executor(release, world, RECORDED, progress=lambda _done: options.progress(bars.passed, len(bars)))


def _confinement(level: SandboxLevel) -> dict[str, Any]:
    """Return, for the journal, whether strategies were confined as demanded, and each layer: reached, or why not."""
    return {"confined": level.is_full, "layers": {layer.name: layer.detail or "reached" for layer in level.layers}}
