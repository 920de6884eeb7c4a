"""W3 and W4 with every decision made by the confined worker: `python -m benchmarks.peers.swept FOLDER`.

Prints one JSON object of wall seconds, each from a market in memory to the scores of all parameter sets, after
a call on two sets that is not timed: `one` and `two` children on this machine, and a Dask scheduler with
one and two worker processes. The strategy decides what the peers do, as a fraction of equity.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from autarch.manifest import StrategySource, parse_source
from autarch.market.types import Market
from autarch.sweep import Place, Sweep
from benchmarks.peers.engine_autarch import FREE, market_of
from benchmarks.peers.plan import YEAR
from benchmarks.peers.work import CASH, Work, read_prices, works

ROUNDS = 3
_START_SECONDS_MAX = 120
_DASK_PROCESS_SECONDS_MAX = 20
CODE = b'''\
"""The sign of two averages' difference, one hundredth of equity on each symbol."""
import numpy as np
import talib
from autarch.strategy import Targets


def decide(bars, p):
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
    return Targets(exposure=p.size * np.sign(np.nan_to_num(gap)))
'''


def strategy(symbols: tuple[str, ...]) -> StrategySource:
    """Return the strategy on the market's symbols; an exposure is a fraction of each symbol's equal slice."""
    manifest = (
        f'schema = 1\nname = "swept"\ntitle = "Swept"\nsymbols = {json.dumps(symbols)}\ninterval = "1m"\n'
        'mode = "each"\nwarmup = 1000\nmax_leverage = 1.0\n'
        f"[params]\nfast = 20\nslow = 100\nsize = {0.01 * len(symbols)}\n"
    )
    return parse_source(slug="swept", manifest_bytes=manifest.encode("ascii"), code=CODE)


def seconds(market: Market, work: Work, place: Place, *, rounds: int) -> list[float]:
    """Return wall seconds of each timed sweep of the work's pairs.

    Raises:
        RuntimeError: a parameter set could not be scored, so that less work was done than is claimed.
    """
    sets = [{"fast": fast, "slow": slow} for fast, slow in work.pairs]
    found = []
    with Sweep(strategy(market.symbols), market, costs=FREE, capital=CASH, place=place, digests=False) as running:
        running.run((sets * 2)[: 2 * place.jobs])
        for _ in range(rounds):
            began = time.perf_counter()
            trials = running.run(sets)
            found.append(time.perf_counter() - began)
            unplayed = [trial.detail for trial in trials if not trial.n_fills]
            if unplayed:
                raise RuntimeError(f"{len(unplayed)} parameter sets were not played: {unplayed[0]}")
    return found


@contextmanager
def scheduler() -> Iterator[tuple[Any, Path, ExitStack]]:
    """Start a Dask scheduler on loopback; yield a client, its file and the stack that ends its processes."""
    distributed = importlib.import_module("distributed")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(_dask(folder, "distributed.cli.dask_scheduler", "--port", "0"))
        client = distributed.Client(
            scheduler_file=str(folder / "scheduler.json"), timeout=_START_SECONDS_MAX, set_as_default=False
        )
        stack.callback(client.close)
        yield client, folder, stack


@contextmanager
def _dask(folder: Path, module: str, *arguments: str) -> Iterator[None]:
    options = ["--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(folder / "scheduler.json")]
    environment = {**os.environ, "DASK_LOCAL_DIRECTORY": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    with (folder / f"{time.monotonic_ns()}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, *options], env=environment, stdout=log, stderr=log, cwd=folder
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_DASK_PROCESS_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def on_dask(market: Market, work: Work, *, rounds: int) -> dict[str, list[float]]:
    """Return wall seconds of the sweep on a cluster of one worker process and of two."""
    found = {}
    with scheduler() as (client, folder, stack):
        for count, name in ((1, "one"), (2, "two")):
            stack.enter_context(_dask(folder, "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"))
            client.wait_for_workers(count, timeout=_START_SECONDS_MAX)
            place = Place(scheduler=client.scheduler.address)
            found[name] = seconds(market, work, place, rounds=rounds)
    return found


def main(argv: list[str]) -> int:
    """Measure and print."""
    folder, bars = Path(argv[0]), YEAR // 5
    found: dict[str, dict[str, object]] = {}
    for name, prices in (("W3", "one"), ("W4", "ten")):
        work = works()[name]
        market = market_of(read_prices(folder / prices, work, bars=bars), work)
        ways = {way: seconds(market, work, Place(jobs=jobs), rounds=ROUNDS) for way, jobs in (("one", 1), ("two", 2))}
        played = bars * work.symbols * len(work.pairs)
        best = played / statistics.median(ways["one"]) / 1e6
        found[name] = {**ways, "symbol-bars": played, "M symbol-bars/s, one": best}
        if name == "W3":
            found["dask"] = dict(on_dask(market, work, rounds=ROUNDS))
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
