"""Paper replay, decision by decision and in blocks: the live path with its journal and order book on disk.

One symbol of 15m bars, a strategy that asks TA-Lib and one that asks pandas, the executor, paper venue and journal of
`autarch live run` on recorded bars. Stepwise asks at every bar, one confined child within a block; blockwise asks
for whole blocks and proves a share of them again. Beside it what one decision costs in a fresh child, from the fork to
the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import numpy as np

from autarch.manifest import StrategySource, parse_source
from autarch.market.types import Market
from autarch.sandbox import Worker
from benchmarks.live.latency import WIDE
from benchmarks.live.venue import COSTS, instrument
from benchmarks.worker import SYMBOLS, market, sessions
from live.assembling import recorded_venue
from live.brain import Blockwise, Stepwise
from live.feeds.recorded import RecordedBars
from live.journal import Journal
from live.lines import lines_of
from live.ports.brain import Brain
from live.trading.executor import Executor
from live.trading.release import RECORDED, Release, SleeveTerms, World
from live.venue.paper.book import RequestBook

TRADED = SYMBOLS[:1]
WARMUP = 400
BEFORE = 3_000  # bars of which the last few hundred are decided on, wherever a block begins
KEY = "bench"
BODIES = {
    "talib": ("talib.EMA(bars.close, timeperiod=p.fast)", "talib.EMA(bars.close, timeperiod=p.slow)"),
    "pandas": ("pd.Series(bars.close).ewm(span=p.fast).mean()", "pd.Series(bars.close).ewm(span=p.slow).mean()"),
}


def strategy_of(fast: str, slow: str) -> StrategySource:
    """Return a strategy that is long while one average is above the other, else short."""
    manifest = (
        f'schema = 1\nname = "{KEY}"\ntitle = "x"\nsymbols = ["{TRADED[0]}"]\ninterval = "15m"\nmode = "each"\n'
        f"warmup = {WARMUP}\nmax_leverage = 1.0\n[params]\nfast = 50\nslow = 200\n"
    )
    code = (
        "import numpy as np\nimport pandas as pd\nimport talib\nfrom autarch.strategy import Targets\n"
        f"def decide(bars, p):\n    above = np.asarray({fast}) > np.asarray({slow})\n"
        "    return Targets(exposure=np.where(above, 0.5, -0.5), stop_loss=np.full(above.shape, 0.05))\n"
    )
    return parse_source(slug=KEY, manifest_bytes=manifest.encode("ascii"), code=code.encode("ascii"))


def bars_of(n_bars: int) -> Market:
    """Return the newest bars of two random walks, with instruments to trade them under, none of them at the start."""
    made, chosen = market(), slice(-n_bars, None)
    series = []
    for one in made.series[: len(TRADED)]:
        names = ("open", "high", "low", "close", "volume", "turnover", "traded")
        series.append(dataclasses.replace(one, **{name: getattr(one, name)[chosen] for name in names}))
    return dataclasses.replace(
        made, ts=made.ts[chosen], series=tuple(series), instruments=tuple(instrument(symbol) for symbol in TRADED)
    )


def cpu_s() -> float:
    """Return the processor time of this process, the executor's and the venue's, not the confined children's, s."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def traded(strategy: StrategySource, bars: Market, brain: Brain, folder: Path) -> tuple[int, int]:
    """Trade all bars on paper by `brain`; return bars decided on, and events written."""
    terms = SleeveTerms(strategy=KEY, tag="v1", lines=lines_of(bars, strategy.manifest, COSTS), capital=10_000.0)
    capital = Decimal(10_000)
    release = Release(
        tag="v1", account="paper", sleeves={KEY: terms}, limits=WIDE, capital=capital, opened={"tag": "v1"}
    )
    book = RequestBook(folder / "book.sqlite3")
    venue = recorded_venue(release, {KEY: bars}, COSTS, book)
    feed = RecordedBars({KEY: bars}, move=venue.advance)
    with Journal(folder / "journal.sqlite3", account="paper") as journal:
        world = World(journal=journal, venue=venue, bars=feed, brains={KEY: brain}, clock=feed)
        decided = asyncio.run(Executor(release, world, RECORDED).run())
        events = journal.head[0]
    brain.close()
    book.close()
    return decided, events


def main(argv: list[str] | None = None) -> None:
    """Print decisions a second by strategy and way of asking, and the time of one decision in a fresh child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=BEFORE + 4_000)
    parser.add_argument("--block-bars", type=int, default=BEFORE + 30_000)
    asked = parser.parse_args(argv)
    print(f"{'paper replay, one symbol':<28}{'decisions':>10}{'events':>9}{'a second':>10}{'own CPU':>9}")
    with Worker() as worker:
        for name, averages in BODIES.items():
            strategy = strategy_of(*averages)
            for how, way, n_bars in (("stepwise", Stepwise, asked.bars), ("blockwise", Blockwise, asked.block_bars)):
                bars = bars_of(n_bars)
                with tempfile.TemporaryDirectory() as folder:  # whatever is compiled or imported at first use
                    traded(strategy, bars_of(BEFORE), way(worker, strategy, bars_of(BEFORE)), Path(folder))
                with tempfile.TemporaryDirectory() as folder:
                    began, used = time.perf_counter(), cpu_s()
                    decided, events = traded(strategy, bars, way(worker, strategy, bars), Path(folder))
                    spent, used = time.perf_counter() - began, cpu_s() - used
                rates = f"{decided / spent:>10.0f}{decided / used:>9.0f}"
                print(f"{f'{name}, {how}':<28}{decided:>10}{events:>9}{rates}", flush=True)
        times, _ = sessions(worker, market())
    p50, p95 = np.percentile(times, [50, 95])
    print(f"\n{'one decision in a fresh child, fork to answer, ms':<52}p50 {p50:6.1f}  p95 {p95:6.1f}")


if __name__ == "__main__":
    main()
