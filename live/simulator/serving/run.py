"""Serve a replayed market until somebody says stop."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from autarch.canonical import EpochMs
from autarch.errors import UsageError
from autarch.market.types import Market
from live.simulator.faults.plan import FaultPlan
from live.simulator.serving.replay import Replay, fast_clock, shifted, site_of
from live.simulator.serving.server import ServerOptions, SimulatorServer
from live.simulator.wire.keys import ApiKey

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SimOptions:
    """What `autarch sim` was asked for. `chances`: by kind of fault, the probability that an occasion meets it."""

    replay: Replay
    server: ServerOptions
    history_days: float
    speed: float
    key: str
    secret: str
    deposit: Decimal
    seed: int
    chances: Mapping[str, float] = field(default_factory=dict)


def run_simulator(market: Market, options: SimOptions, *, told: Callable[[SimulatorServer], None]) -> None:
    """Serve until SIGINT or SIGTERM; `told` hears the server once it listens.

    Raises:
        UsageError: the market is too short, the speed not positive, or a fault not on the menu.
    """
    try:
        plan = FaultPlan(seed=options.seed, chances=options.chances)
    except ValueError as error:
        raise UsageError(str(error)) from error
    now = _wall_ms()
    played = shifted(market, now_ms=now, history_ms=int(options.history_days * DAY_MS))
    site = site_of(played, options.replay)
    site.advance(EpochMs(now))
    site.add_key(ApiKey(key=options.key, secret=options.secret, uid="1"), deposit=options.deposit)
    # Playing the history took its time: the clock begins where the wall's is now, or clients find it slow for ever.
    clock = fast_clock(_wall_ms, start_ms=_wall_ms(), speed=options.speed)
    asyncio.run(_serve(SimulatorServer(site, clock, options.server, plan), told))


async def _serve(server: SimulatorServer, told: Callable[[SimulatorServer], None]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with server.running():
        told(server)
        await stopped.wait()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
