"""Memory over a month of minute bars: the executor on paper, with its journal and its order book on disk.

Two symbols are entered and closed every hour, bar by bar, as fast as the machine goes. Prints the resident memory after
each of ten equal stretches. The paper venue remembers its newest 500 to 1,000 rows of each kind; it grows until then.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np

from autarch.canonical import EpochMs
from autarch.manifest import parse_manifest
from autarch.market.types import FundingSchedule, Market, SymbolSeries
from benchmarks.live.latency import WIDE
from benchmarks.live.venue import COSTS, SYMBOLS, instrument
from live.assembling import recorded_venue
from live.feeds.recorded import RecordedBars
from live.journal import Journal
from live.lines import lines_of
from live.ports.brain import Decided
from live.trading.executor import Executor
from live.trading.release import RECORDED, Release, SleeveTerms, World
from live.venue.paper.book import RequestBook

START_MS, MINUTE_MS, HOURS_8 = 1_700_006_400_000, 60_000, 28_800_000
KEY, TRADED = "one_idea", SYMBOLS[:2]
STRETCHES = 10
EVERY = 60


def month(n_bars: int) -> Market:
    """Return so many minutes of two random walks, with funding every eight hours."""
    rng = np.random.default_rng(0)
    ts = START_MS + MINUTE_MS * np.arange(n_bars, dtype=np.int64)
    stamps = ts[(ts % HOURS_8 == 0) & (ts > ts[0])]
    return Market(
        dataset="drawn", dataset_digest="0" * 64, split="forward", interval="1m", interval_ms=MINUTE_MS, ts=ts,
        series=tuple(_walk(symbol, rng, n_bars, stamps) for symbol in TRADED),
        instruments=tuple(instrument(symbol) for symbol in TRADED),
    )  # fmt: skip


def _walk(symbol: str, rng: np.random.Generator, n_bars: int, stamps: np.ndarray) -> SymbolSeries:
    close = np.round(1000.0 * np.exp(np.cumsum(rng.normal(0.0, 2e-4, n_bars))) / 0.05) * 5 / 100
    flat = np.full(n_bars, 1000.0)
    return SymbolSeries(
        symbol=symbol, open=close, high=close, low=close, close=close, volume=flat, turnover=flat * 1000.0,
        traded=np.ones(n_bars, dtype=np.bool_), first_row=0, funding_ms=stamps, funding_rate=np.full(stamps.size, 1e-4),
        mark_ms=np.empty(0, dtype=np.int64), mark_close=np.empty(0),
        funding_schedule=(FundingSchedule(from_ms=EpochMs(0), interval_min=480),),
    )  # fmt: skip


class Turning:
    """Holds both symbols for every other half hour."""

    async def decide(self, row: int) -> Decided | None:
        """See `live.ports.brain.Brain`."""
        held = row % EVERY < EVERY // 2
        wanted = {"exposure": 0.5 if held else 0.0, "stop_loss": 0.1 if held else None, "take_profit": None}
        return Decided(inputs=f"{row:064x}", symbols=dict.fromkeys(TRADED, wanted))

    def close(self) -> None:
        """See `live.ports.brain.Brain`."""


@dataclass(slots=True)
class Scales:
    """Resident memory, MiB, after each stretch."""

    every: int
    found: list[float] = field(default_factory=list)

    def __call__(self, lived: int) -> None:
        """Take the number of instants lived through."""
        if lived % self.every == 0:
            self.found.append(resident_mib())


def resident_mib() -> float:
    """Return this process's resident memory (proc(5): the second field of statm, in pages)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def live_through(market: Market, folder: Path) -> tuple[list[float], int]:
    """Trade all of a market and return the memory after each stretch, and the events written."""
    text = f'schema = 1\nname = "{KEY}"\ntitle = "x"\nsymbols = {list(TRADED)!r}\ninterval = "1m"\nmode = "each"\n'
    manifest = parse_manifest(f"{text}warmup = 10\nmax_leverage = 1.0\n".replace("'", '"').encode(), slug=KEY)
    terms = SleeveTerms(strategy=KEY, tag="v1", lines=lines_of(market, manifest, COSTS), capital=10_000.0)
    release = Release(
        tag="v1", account="paper", sleeves={KEY: terms}, limits=WIDE, capital=Decimal(10_000), opened={"tag": "v1"}
    )
    scales = Scales(market.n_bars // STRETCHES)
    book = RequestBook(folder / "book.sqlite3")
    venue = recorded_venue(release, {KEY: market}, COSTS, book)
    bars = RecordedBars({KEY: market}, move=venue.advance)
    with Journal(folder / "journal.sqlite3", account="paper") as journal:
        world = World(journal=journal, venue=venue, bars=bars, brains={KEY: Turning()}, clock=bars)
        asyncio.run(Executor(release, world, RECORDED, progress=scales).run())
        events = journal.head[0]
    book.close()
    return scales.found, events


def main(argv: list[str] | None = None) -> None:
    """Print how memory went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=43_200)
    bars = parser.parse_args(argv).bars
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        found, events = live_through(month(bars), Path(folder))
    used = time.process_time() - began
    print(f"{'minute bars lived through':<44}{bars:>10}")
    print(f"{'journal events':<44}{events:>10}")
    print(f"{'bars a second of CPU time':<44}{bars / used:>10.0f}")
    for share, mib in zip(range(1, STRETCHES + 1), found, strict=False):
        print(f"{f'resident after {share} of {STRETCHES} stretches, MiB':<44}{mib:>10.1f}")


if __name__ == "__main__":
    main()
