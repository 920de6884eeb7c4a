"""From a bar's close to order bytes at the venue: five strategies, real sockets, pybit, a journal on disk.

Each bar every strategy enters or closes its symbol. Measured from the moment the bar is handed to the executor to the
moment the simulated venue has read the order, by one clock; decisions come from a table, so a strategy's own time is
to be added (`python -m benchmarks worker`). After the last bar the process's restart is timed: a new executor on the
same journal and account, until it has reconciled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np

from autarch.canonical import EpochMs
from autarch.manifest import parse_manifest
from autarch.market.types import FundingSchedule, Market, SymbolSeries
from benchmarks.live.venue import COSTS, KEY, SECRET, SYMBOLS, instrument, served, wall_ms
from live.credentials import Credentials
from live.journal import Journal
from live.lines import lines_of
from live.portfolio import Limits
from live.ports.bars import Instant
from live.ports.brain import Decided
from live.trading.executor import Executor
from live.trading.release import Patience, Release, SleeveTerms, World
from live.venue.bybit.places import sim
from live.venue.bybit.real import bybit_venue

INTERVAL_MS = 3000
WIDE = Limits(
    max_gross_leverage=100.0,
    max_order_notional=Decimal(10**9),
    orders_per_minute=10**6,
    max_daily_loss_frac=1.0,
    max_drawdown_frac=1.0,
)


class Wall:
    """The time of day."""

    def now_ms(self) -> EpochMs:
        """See `live.ports.clock.Clock`."""
        return wall_ms()


def market(symbol: str, start_ms: int, n_bars: int) -> Market:
    """Return flat bars of one symbol at 1000."""
    flat = np.full(n_bars, 1000.0)
    series = SymbolSeries(
        symbol=symbol, open=flat, high=flat, low=flat, close=flat, volume=flat, turnover=flat * 1000.0,
        traded=np.ones(n_bars, dtype=np.bool_), first_row=0, funding_ms=np.empty(0, dtype=np.int64),
        funding_rate=np.empty(0), mark_ms=np.empty(0, dtype=np.int64), mark_close=np.empty(0),
        funding_schedule=(FundingSchedule(from_ms=EpochMs(0), interval_min=480),),
    )  # fmt: skip
    return Market(
        dataset="flat", dataset_digest="0" * 64, split="forward", interval="1m", interval_ms=INTERVAL_MS,
        ts=start_ms + INTERVAL_MS * np.arange(n_bars, dtype=np.int64), series=(series,),
        instruments=(instrument(symbol),),
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Paced:
    """Bars that close by the wall clock. `handed` notes when each was handed over, epoch ms with fraction.

    `linger_s`: how long the end is held back, so that what is under way comes to its own.
    """

    markets: Mapping[str, Market]
    row: int = 0
    linger_s: float = 0.0
    handed: list[float] = field(default_factory=list)

    def market(self, key: str) -> Market:
        """See `live.ports.bars.Bars`."""
        return self.markets[key]

    async def next(self) -> Instant | None:
        """See `live.ports.bars.Bars`."""
        any_market = next(iter(self.markets.values()))
        row, self.row = self.row, self.row + 1
        if row + 1 >= any_market.n_bars:
            await asyncio.sleep(self.linger_s)
            return None
        closes = int(any_market.ts[row]) + INTERVAL_MS
        await asyncio.sleep(max(0, closes - wall_ms()) / 1000)
        self.handed.append(time.time_ns() / 1e6)
        late = wall_ms() - closes > INTERVAL_MS // 10
        return Instant(
            time_ms=wall_ms() if late else EpochMs(closes),
            closing=tuple((key, row) for key in self.markets),
            opening=tuple((key, row + 1) for key in self.markets),
            traded={},
        )

    def behind(self) -> bool:
        """See `live.ports.bars.Bars`."""
        any_market = next(iter(self.markets.values()))
        return self.row + 1 < any_market.n_bars and int(any_market.ts[self.row]) + INTERVAL_MS <= wall_ms()

    async def close(self) -> None:
        """See `live.ports.bars.Bars`."""


class Turning:
    """Wants half of its capital at every even bar and nothing at every odd one."""

    def __init__(self, symbol: str) -> None:
        """Decide for one symbol."""
        self._symbol = symbol

    async def decide(self, row: int) -> Decided | None:
        """See `live.ports.brain.Brain`."""
        wanted = {"exposure": 0.5 if row % 2 == 0 else 0.0, "stop_loss": 0.1 if row % 2 == 0 else None}
        return Decided(inputs=f"{row:064x}", symbols={self._symbol: {**wanted, "take_profit": None}})

    def close(self) -> None:
        """See `live.ports.brain.Brain`."""


def release(markets: Mapping[str, Market]) -> Release:
    """Return five sleeves of 2,000 USDT."""
    sleeves = {}
    for key, one in markets.items():
        listed = f'schema = 1\nname = "{key}"\ntitle = "x"\nsymbols = ["{one.symbols[0]}"]\ninterval = "1m"\n'
        manifest = parse_manifest(f'{listed}mode = "each"\nwarmup = 10\nmax_leverage = 1.0\n'.encode(), slug=key)
        sleeves[key] = SleeveTerms(strategy=key, tag="v1", lines=lines_of(one, manifest, COSTS), capital=2000.0)
    capital = Decimal(2000) * len(sleeves)
    return Release(tag="v1", account="sim", sleeves=sleeves, limits=WIDE, capital=capital, opened={"tag": "v1"})


async def trade(port: int, path: Path, markets: Mapping[str, Market], *, bars: int | None) -> tuple[Paced, float]:
    """Run an executor for so many bars, None only to start; return its bars, and the seconds that took."""
    paced = Paced(markets=markets)
    with Journal(path, account="sim") as journal:
        place = sim(f"http://127.0.0.1:{port}")
        venue = bybit_venue(place, Credentials(key=KEY, secret=SECRET), clock=Wall())
        brains = {key: Turning(one.symbols[0]) for key, one in markets.items()}
        world = World(journal=journal, venue=venue, bars=paced, brains=brains, clock=Wall())
        executor = Executor(release(markets), world, Patience())
        began = time.perf_counter()
        try:
            if bars is None:
                await executor.start()
            else:
                await executor.run(bars_max=bars)
        finally:
            ready = time.perf_counter() - began
            with contextlib.suppress(asyncio.CancelledError):
                await venue.close()
    return paced, ready


def arrivals(port: int) -> list[float]:
    """Return when the venue read each order, epoch ms."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/simulator/log", timeout=10) as answer:
        log = json.load(answer)["requests"]
    return [float(row["time_ms"]) for row in log if row["path"] == "/v5/order/create"]


def main(argv: list[str] | None = None) -> None:
    """Print the latency of orders, first of each bar and all, and the time of a restart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=60)
    bars = parser.parse_args(argv).bars
    start_ms = wall_ms() + 3000
    markets = {f"s_{symbol[:1].lower()}": market(symbol, start_ms, bars + 2) for symbol in SYMBOLS}
    with served() as (port, _pid), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite3"
        paced, _ = asyncio.run(trade(port, path, markets, bars=bars))
        times = np.array(arrivals(port))
        _, ready_s = asyncio.run(trade(port, path, markets, bars=None))
    if not times.size:
        raise SystemExit("no order was sent: every bar came too late here; ask for more --bars, or an idle machine")
    handed = np.array(paced.handed)
    owner = np.searchsorted(handed, times, side="right") - 1
    late = times - handed[np.maximum(owner, 0)]
    first = np.array([late[owner == bar].min() for bar in np.unique(owner[owner >= 0])])
    print(f"{'bar close to order at the venue, ms':<44}{'p50':>8}{'p99':>8}{'n':>7}")
    for name, found in (("first order of a bar", first), ("all orders of five strategies", late)):
        print(f"{name:<44}{np.percentile(found, 50):>8.1f}{np.percentile(found, 99):>8.1f}{found.size:>7}")
    print(f"{'restart to reconciled, s':<44}{ready_s:>8.2f}")


if __name__ == "__main__":
    main()
