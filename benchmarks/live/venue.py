"""A simulated venue in a process of its own, with five made-up symbols at 1000 and no order limit to speak of.

Run as a module it serves until its standard input closes, and prints its port first.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from autarch.canonical import EpochMs
from autarch.engine.costs import CostModel
from autarch.market.types import Instrument, RiskTier
from live.simulator.core.contract import Contract
from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import Script, Traded
from live.simulator.serving.server import ServerOptions, SimulatorServer
from live.simulator.wire.keys import ApiKey
from live.simulator.wire.site import Site

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = tuple(f"{letter * 3}USDT" for letter in "ABCDE")
SYMBOL = SYMBOLS[0]
COSTS = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
KEY, SECRET = "k", "s"


def instrument(symbol: str) -> Instrument:
    """Return one linear perpetual with round numbers."""
    tier = RiskTier(
        notional_max=Decimal(10**9),
        maintenance_margin_rate=Decimal("0.005"),
        initial_margin_rate=Decimal("0.01"),
        mm_deduction=Decimal(0),
    )
    return Instrument(
        symbol=symbol,
        tick_size=Decimal("0.05"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(40),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        risk_tiers=(tier,),
        sources=(),
    )


def wall_ms() -> EpochMs:
    """Return the time of day."""
    return EpochMs(time.time_ns() // 1_000_000)


def new_site(*, orders_a_second: int = 10**9) -> Site:
    """Return a venue with one account of 10 million USDT."""
    now = wall_ms()
    script = Script([Traded(time_ms=now, symbol=symbol, price=1000.0) for symbol in SYMBOLS])
    listed = [Contract(instrument=instrument(symbol), costs=COSTS, max_limit_qty=Decimal(10**6)) for symbol in SYMBOLS]
    exchange = Exchange(listed, script, start_ms=EpochMs(now - 1))
    site = Site(exchange=exchange, bar_ms=60_000, orders_a_second=orders_a_second)
    site.add_key(ApiKey(key=KEY, secret=SECRET, uid="1"), deposit=Decimal(10**7))
    site.advance(now)
    return site


@contextlib.contextmanager
def served() -> Iterator[tuple[int, int]]:
    """Serve in another process within a block; yields its port and process id."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.live.venue"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.stdin.close()
        process.wait(10)


async def _serve() -> None:
    server = SimulatorServer(new_site(), wall_ms, ServerOptions())
    async with server.running():
        print(server.port, flush=True)
        gc.freeze()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
