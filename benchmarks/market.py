"""Time the market layer on 3 symbols x 70,000 bars: synthesise, write, load, columns. Run it by hand.

Example: .venv/bin/python -P benchmarks/market.py
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from autarch.market.bars import BarColumns, bar_columns
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.types import Market

T = TypeVar("T")
BARS = 140_000  # half of them in train


def timed(what: str, work: Callable[[], T]) -> T:
    """Run `work` and print how long it took."""
    before = time.perf_counter()
    result = work()
    print(f"{what:<42} {time.perf_counter() - before:8.3f} s")
    return result


def _columns(market: Market) -> list[BarColumns]:
    return [bar_columns(market, symbol) for symbol in market.symbols]


def main() -> None:
    """Print one line a step and the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores.under(Path(folder))
        built = timed(
            f"synthesise and hash 3 x {BARS:,} bars",
            lambda: build(synth_recipe(default_spec(n_bars=BARS), name="bench", shares=(50, 25, 25))),
        )
        timed("write", lambda: write_blobs(built, stores))
        for interval in ("15m", "4h"):
            load = partial(
                load_market, built.lock, split="train", symbols=built.lock.symbols, interval=interval, stores=stores
            )
            market = timed(f"load train at {interval}, every byte verified", load)
            timed(f"columns of 3 x {market.n_bars:,} bars", partial(_columns, market))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
