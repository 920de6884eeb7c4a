"""Where a sweep's time goes, with decisions through the worker: `python -m benchmarks.sweep [--quick]`.

W3 is 100 (fast, slow) averages on 105,120 one-minute bars of one symbol, W4 one pair on ten symbols in one
account (`benchmarks.peers.work`). Whole sweeps are warm calls from a market in memory to scores. The
strategy's exposure is the sign times 0.01, with 1,000 bars of warm-up, so that no trade is made before bar
1,000; `positions` gives the coins it came to hold, for a peer that is to trade the very same.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from autarch.decisions import Decisions
from autarch.engine import prepared as engine
from autarch.evaluation import frames_of
from autarch.evaluation.sets import decide_sets, plan_of
from autarch.manifest import ParamValue, StrategySource, parse_source
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.sweep import Place, Sweep, SweptTrial, score_of
from benchmarks.peers.engine_autarch import FREE, market_of
from benchmarks.peers.work import CASH, FIRST_BAR, NOTIONAL, Prices, Work, read_prices, works, write_prices

T = TypeVar("T")

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


@dataclass(slots=True)
class Clock:
    """Processor seconds by stage: of this process, and of the confined children while it waited."""

    worker: Worker
    stages: dict[str, float] = field(default_factory=dict)
    _children: float = 0.0

    def __post_init__(self) -> None:
        """Look at what each child has used when it is reaped."""
        reap = self.worker._reap  # noqa: SLF001  the one place that knows

        def reaped(pid: int) -> tuple[int, int, int]:
            told = reap(pid)
            self._children += told[2] / 1e6
            return told

        self.worker._reap = reaped  # type: ignore[method-assign]  # noqa: SLF001  likewise

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Return `work()`, its time under `stage`."""
        own, children = _own_cpu(), self._children
        found = work()
        self.stages[stage] = self.stages.get(stage, 0.0) + _own_cpu() - own
        if self._children > children:
            self.stages[f"{stage}, children"] = self.stages.get(f"{stage}, children", 0.0) + self._children - children
        return found


def by_stage(ready: Ready, worker: Worker) -> dict[str, float]:
    """Return processor seconds of each stage of one sweep, from a market in memory to scores, and of digests."""
    manifest, clock = ready.strategy.manifest, Clock(worker)
    plan = clock.time("plan the windows", lambda: plan_of(frames_of(manifest, ready.market)))
    prepared = clock.time(
        "make the market ready",
        lambda: engine.prepare(
            ready.market, manifest.symbols, costs=FREE, max_leverage=manifest.max_leverage, mode=manifest.mode
        ),
    )
    decided = clock.time("decide", lambda: decide_sets(worker, ready.strategy, plan, ready.sets))
    found = [one for one in decided if isinstance(one, Decisions)]
    curves = clock.time("play", lambda: [prepared.equity(one.exposure, None, None, capital=CASH)[0] for one in found])
    ts, step, since = ready.market.ts, ready.market.interval_ms, plan.first_row
    clock.time("score all bars", lambda: [score_of(equity[since:], ts[since:], interval_ms=step) for equity in curves])
    clock.time("digests, where asked for", lambda: [one.digest() for one in found])
    return clock.stages


def whole(ready: Ready, worker: Worker, *, jobs: int) -> tuple[float, float, float]:
    """Return wall, own and children's processor seconds of one warm sweep."""
    clock = Clock(worker)
    began = time.perf_counter()
    clock.time("sweep", lambda: play(ready, worker, Place(jobs=jobs)))
    return time.perf_counter() - began, clock.stages["sweep"], clock.stages["sweep, children"]


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(argv: list[str]) -> int:
    """Measure and print."""
    rounds = 2 if "--quick" in argv else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        write_prices(Path(folder), bars=works()["W3"].bars, symbols=10, seed=SEED)
        for name in ("W3", "W4"):
            work = works()[name]
            ready = prepare(read_prices(Path(folder), work, bars=work.bars), work)
            with Worker() as worker:
                play(ready, worker, Place())
                for jobs in (1, 2):
                    rows = [whole(ready, worker, jobs=jobs) for _ in range(rounds)]
                    wall, own, children = (1e3 * statistics.median(column) for column in zip(*rows, strict=True))
                    print(
                        f"{name} {jobs} job(s)  {wall:8.1f} ms wall; of processors {own:.1f} here, {children:.1f} below"
                    )
                for stage, seconds in by_stage(ready, worker).items():
                    print(f"   {stage:28s} {1e3 * seconds:8.1f} ms of processor")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
