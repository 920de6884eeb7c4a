"""Sweeps with decisions through the worker: `python -m benchmarks.sweep [--json] [--quick]`.

W3 is 100 (fast, slow) averages on 105,120 one-minute bars of one symbol, W4 one pair on ten symbols in one
account (`benchmarks.peers.work`). Each round is a warm call from a market in memory to scores: windows
through a confined child, decisions, kernel, score. The strategy's exposure is the sign times 0.01, with 1,000
bars of warm-up, so that no trade is made before bar 1,000; `positions` gives the coins it came to hold, for a
peer that is to trade the very same.

Wall seconds come with processor seconds: of this process, of its confined children, and of the zygote that
forks them.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autarch.engine import backtest
from autarch.evaluation import decide_blocks
from autarch.manifest import ParamValue, StrategySource, parse_source
from autarch.market.types import Floats, Market
from autarch.sandbox.worker import Worker
from autarch.sweep import Place, Sweep, SweptTrial
from benchmarks.peers.engine_autarch import FREE, market_of
from benchmarks.peers.work import CASH, FIRST_BAR, NOTIONAL, Prices, Work, read_prices, works, write_prices

ROUNDS, SEED = 7, 1
CODE = '''"""Follow the sign of two averages' gap.

Thesis: none; it is timed.
Source: own choice.
Dies when: the timing ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Hold `size` on the side of the fast average."""
    above = talib.EMA(bars.close, p.fast) > talib.EMA(bars.close, p.slow)
    return Targets(exposure=np.where(above, p.size, -p.size))
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One round: seconds of wall, and of processors by who used them."""

    wall: float
    own_cpu: float
    child_cpu: float
    zygote_cpu: float

    @property
    def cpu(self) -> float:
        """All of them together."""
        return self.own_cpu + self.child_cpu + self.zygote_cpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A work in the form a sweep takes."""

    work: Work
    market: Market
    strategy: StrategySource

    @property
    def sets(self) -> list[dict[str, ParamValue]]:
        """One parameter set a pair."""
        return [{"fast": fast, "slow": slow} for fast, slow in self.work.pairs]


def prepare(prices: Prices, work: Work) -> Ready:
    """Return the work's market and a strategy on all its symbols."""
    market = market_of(prices, work)
    manifest = (
        f'schema = 1\nname = "averages"\ntitle = "Two averages"\nsymbols = {list(market.symbols)}\n'
        f'interval = "1m"\nmode = "each"\nwarmup = {FIRST_BAR}\nmax_leverage = 1.0\n'
        f"[params]\nfast = 20\nslow = 100\nsize = {NOTIONAL / CASH * work.symbols}\n"
    )
    source = parse_source(slug="averages", manifest_bytes=manifest.encode(), code=CODE.encode())
    return Ready(work=work, market=market, strategy=source)


def play(ready: Ready, worker: Worker | None, place: Place) -> list[SweptTrial]:
    """Return one trial a pair, without digests, which nobody ranks by."""
    with Sweep(
        ready.strategy, ready.market, costs=FREE, capital=CASH, place=place, worker=worker, digests=False
    ) as running:
        return running.run(ready.sets)


def positions(ready: Ready, worker: Worker, pair: tuple[int, int]) -> Floats:
    """Return the coins held at each close, (n_bars, n_symbols), under one pair, for a peer to trade the same."""
    decided = decide_blocks(worker, ready.strategy, ready.market, params=dict(zip(("fast", "slow"), pair, strict=True)))
    played = backtest(ready.market, decided, costs=FREE, capital=CASH)
    held = np.zeros(decided.exposure.shape)
    for column in range(held.shape[1]):
        fills = played.fills[played.fills["symbol"] == column]
        last = np.append(fills["row"][1:] != fills["row"][:-1], True)[: fills.size]
        rows, coins = fills["row"][last], fills["position"][last]
        if rows.size:
            held[rows[0] :, column] = np.repeat(coins, np.diff(np.append(rows, held.shape[0])))
    return held


def timed(ready: Ready, worker: Worker, jobs: int) -> Timed:
    """Time one warm call."""
    children: list[float] = []
    reap = worker._reap  # noqa: SLF001  the one place that knows what a child has used

    def reaped(pid: int) -> tuple[int, int, int]:
        told = reap(pid)
        children.append(told[2] / 1e6)
        return told

    worker._reap = reaped  # type: ignore[method-assign]  # noqa: SLF001  likewise
    try:
        zygote, own, began = _cpu_of(worker.zygote_pid), _own_cpu(), time.perf_counter()
        play(ready, worker, Place(jobs=jobs))
        wall = time.perf_counter() - began
        return Timed(
            wall=wall,
            own_cpu=_own_cpu() - own,
            child_cpu=sum(children),
            zygote_cpu=_cpu_of(worker.zygote_pid) - zygote,
        )
    finally:
        worker._reap = reap  # type: ignore[method-assign]  # noqa: SLF001  likewise


def measured(ready: Ready, worker: Worker, *, rounds: int) -> dict[str, list[Timed]]:
    """Return rounds with one job and with two, taken in turn, after one of each to warm up."""
    found: dict[str, list[Timed]] = {"one": [], "two": []}
    for number in range(rounds + 1):
        for name, jobs in (("one", 1), ("two", 2)):
            round_ = timed(ready, worker, jobs)
            if number:
                found[name].append(round_)
    return found


def measured_dask(ready: Ready, *, rounds: int) -> dict[str, list[float]]:
    """Return wall seconds of rounds on a cluster of one worker process and of two, warm."""
    found: dict[str, list[float]] = {}
    for name, count in (("one", 1), ("two", 2)):
        with cluster(count) as address:
            running = Sweep(
                ready.strategy,
                ready.market,
                costs=FREE,
                capital=CASH,
                place=Place(scheduler=address),
                digests=False,
            )
            with running:
                running.run(ready.sets)
                found[name] = []
                for _ in range(rounds):
                    began = time.perf_counter()
                    running.run(ready.sets)
                    found[name].append(time.perf_counter() - began)
    return found


@contextmanager
def cluster(count: int) -> Iterator[str]:
    """Start a Dask scheduler and `count` single-threaded workers on loopback, and end them afterwards."""
    import distributed  # noqa: PLC0415  an extra, and slow to import

    with tempfile.TemporaryDirectory() as folder:
        named = str(Path(folder) / "scheduler.json")
        quiet = ["--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", named]
        commands = [["distributed.cli.dask_scheduler", "--port", "0", *quiet]]
        commands += [["distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", *quiet]] * count
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        started = [
            subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for command in commands
        ]
        try:
            with distributed.Client(scheduler_file=named, timeout=60, set_as_default=False) as client:
                client.wait_for_workers(count, timeout=60)
                address = str(client.scheduler.address)
            yield address
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait()


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _cpu_of(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(argv: list[str]) -> int:
    """Measure and print."""
    quick = "--quick" in argv
    rounds = 2 if quick else ROUNDS
    answer: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        write_prices(Path(folder), bars=works()["W3"].bars, symbols=10, seed=SEED)
        for name in ("W3", "W4"):
            work = works()[name]
            ready = prepare(read_prices(Path(folder), work, bars=work.bars), work)
            found = measured(ready, worker, rounds=rounds)
            answer[name] = {
                **{jobs: [one.wall for one in times] for jobs, times in found.items()},
                **{f"{jobs}_cpu": [one.cpu for one in times] for jobs, times in found.items()},
                "played": work.played,
            }
            for jobs, times in found.items():
                sys.stderr.write(_line(name, jobs, times))
            if name == "W3":
                answer["dask"] = measured_dask(ready, rounds=2 if quick else 3)
                for count, walls in answer["dask"].items():  # type: ignore[attr-defined]
                    sys.stderr.write(
                        f"{name} dask, {count:3s} worker(s)  {1e3 * statistics.median(walls):8.1f} ms wall\n"
                    )
    if "--json" in argv:
        print(json.dumps(answer))
    return 0


def _line(name: str, jobs: str, times: list[Timed]) -> str:
    middle = {
        part: 1e3 * statistics.median(getattr(one, part) for one in times)
        for part in ("wall", "cpu", "own_cpu", "child_cpu", "zygote_cpu")
    }
    return (
        f"{name} {jobs:3s} job(s)  {middle['wall']:8.1f} ms wall  {middle['cpu']:8.1f} ms of processors: evaluator "
        f"{middle['own_cpu']:.1f}, children {middle['child_cpu']:.1f}, zygote {middle['zygote_cpu']:.1f}\n"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
