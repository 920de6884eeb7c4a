"""Referee every seed strategy on real bars, all of them: `python -m benchmarks.referee --data DIR`.

DIR is a folder of one folder a symbol (default: AUTARCH_REAL_DATA). Each strategy plays over all given
symbols at each given interval, whatever its manifest says, from the first bar to the last; the engine and
backtrader then must agree on every bar. Exit 1 where they do not. About 6,000 bars of a symbol a second.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tomlkit

from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.evaluation import decide_blocks
from autarch.manifest import StrategySource, parse_source
from autarch.market.build import Built, build, write_blobs
from autarch.market.importer import ImportRequest, import_recipe
from autarch.market.load import load_market
from autarch.market.lock_types import SPLITS
from autarch.market.stores import Stores
from autarch.market.types import Market, SymbolSeries
from autarch.referee import disagreement, referee, worst_difference
from autarch.sandbox import Worker

ROOT = Path(__file__).resolve().parent.parent
SYMBOLS = "BTCUSDT,ETHUSDT,SOLUSDT,BNBUSDT,WIFUSDT"
CAPITAL = 100_000.0


def arguments() -> argparse.Namespace:
    """Return what the user asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("AUTARCH_REAL_DATA", ""))
    parser.add_argument("--venue", default="bybit")
    parser.add_argument("--symbols", default=SYMBOLS)
    parser.add_argument("--intervals", default="1h,15m")
    parser.add_argument(
        "--strategies", default=",".join(sorted(p.parent.name for p in ROOT.glob("strategies/*/*.toml")))
    )
    return parser.parse_args()


def imported(folder: Path, *, venue: str, symbols: tuple[str, ...], interval: str) -> Built:
    """Return the data set of all bars; the shares do not matter, since every split is played."""
    request = ImportRequest(
        source=folder / venue if (folder / venue).is_dir() else folder,
        name="nightly",
        venue=venue,
        symbols=symbols,
        intervals=(interval,),
        shares=(60, 25, 15),
    )
    return build(import_recipe(request, now_ms=time.time_ns() // 1_000_000))


def whole(built: Built, stores: Stores, *, interval: str) -> Market:
    """Return the splits of one data set as one market."""
    parts = [
        load_market(built.lock, split=split, symbols=built.lock.symbols, interval=interval, stores=stores)
        for split in SPLITS
    ]
    ts = np.concatenate([part.ts for part in parts])
    if (np.diff(ts) != parts[0].interval_ms).any():
        raise SystemExit("the splits do not follow each other; the nightly referee needs them without a hole")
    series = tuple(_joined([part.series[j] for part in parts]) for j in range(len(built.lock.symbols)))
    return dataclasses.replace(parts[0], ts=ts, series=series)


def _joined(parts: list[SymbolSeries]) -> SymbolSeries:
    lengths = np.cumsum([0, *(part.close.size for part in parts)])
    begins = [int(at) + part.first_row for at, part in zip(lengths, parts, strict=False) if part.traded.any()]
    names = [f.name for f in dataclasses.fields(SymbolSeries) if isinstance(getattr(parts[0], f.name), np.ndarray)]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    for stamp, others in (("funding_ms", ("funding_rate",)), ("mark_ms", ("mark_close",))):
        _, first = np.unique(joined[stamp], return_index=True)  # a split begins with marks of the one before
        for name in (stamp, *others):
            joined[name] = joined[name][first]
    return dataclasses.replace(parts[0], **joined, first_row=begins[0])


def strategy_on(slug: str, *, symbols: tuple[str, ...], interval: str) -> StrategySource:
    """Return a seed whose manifest names these symbols and this interval."""
    folder = ROOT / "strategies" / slug
    manifest = tomlkit.parse((folder / "manifest.toml").read_text(encoding="utf-8"))
    manifest["symbols"], manifest["interval"] = list(symbols), interval
    return parse_source(
        slug=slug, manifest_bytes=tomlkit.dumps(manifest).encode(), code=(folder / "strategy.py").read_bytes()
    )


def refereed(slug: str, market: Market, decisions: Decisions, costs: CostModel) -> bool:
    """Print one line of the table; return whether both engines agree."""
    result = backtest(market, decisions, costs=costs, capital=CAPITAL)
    began = time.process_time()
    found = referee(market, decisions, costs=costs, capital=CAPITAL)
    seconds = time.process_time() - began
    bars = market.n_bars * len(decisions.symbols)
    parted = disagreement(result, found)
    print(
        f"| {slug} | {len(decisions.symbols)} | {market.interval} | {bars:,} | {len(result.fills):,} | "
        f"{len(result.funding):,} | {len(result.liquidations)} | {worst_difference(result, found):.1e} | "
        f"{seconds:.0f} s | {'yes' if parted is None else parted} |",
        flush=True,
    )
    return parted is None


def main() -> int:
    """Print the table; 0 when the referee agrees everywhere."""
    asked = arguments()
    if not asked.data:
        print("no real bars: name a folder with --data or AUTARCH_REAL_DATA; nothing was refereed", file=sys.stderr)
        return 0
    symbols, agreed = tuple(asked.symbols.split(",")), True
    print(
        "| strategy | symbols | interval | bars of a symbol | fills | fundings | liquidations | worst difference"
        " | processor time | agrees |"
    )
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        stores = Stores.under(Path(folder))
        for interval in asked.intervals.split(","):
            built = imported(Path(asked.data), venue=asked.venue, symbols=symbols, interval=interval)
            write_blobs(built, stores)
            market = whole(built, stores, interval=interval)
            costs = CostModel.from_lock(built.lock)
            for slug in asked.strategies.split(","):
                source = strategy_on(slug, symbols=symbols, interval=interval)
                agreed = refereed(slug, market, decide_blocks(worker, source, market), costs) and agreed
    return 0 if agreed else 1


if __name__ == "__main__":
    raise SystemExit(main())
