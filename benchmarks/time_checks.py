"""What asking again costs: causality, warmup and memory together on 3 symbols x 70,000 bars of 15m.

`python -m benchmarks time_checks`. Prints for a TA-Lib and two pandas strategies: wall seconds of the three side by
side, processor seconds of this process and of all workers, and each check's own wall seconds. The limits are
those of ci/policy.toml. The first round also warms the caches.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from autarch.evaluation import decide_blocks
from autarch.manifest import StrategySource, parse_source
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.types import Market
from ci.candidate import Candidate
from ci.checks import causality, memory, warmup
from ci.context import Answer, Evaluated
from ci.policy import load_policy
from ci.workers import Workers, started_workers

ROOT = Path(__file__).resolve().parent.parent
BARS = 116_700  # 60 % of them in train
ROUNDS = 3
MANIFEST = b"""\
schema = 1
name = "bench"
title = "bench"
symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
interval = "15m"
mode = "each"
warmup = 1600
max_leverage = 1.0
[params]
fast = 20
slow = 80
[search]
fast = {low = 5, high = 40, step = 1}
slow = {low = 50, high = 120, step = 5}
"""
HEAD = "import numpy as np\nimport pandas as pd\nimport talib\nfrom autarch.strategy import Targets\n\n\n"
BODIES = {
    "talib": """\
def decide(bars, p):
    gap = talib.EMA(bars.close, p.fast) / talib.EMA(bars.close, p.slow) - 1.0
    upper, middle, lower = talib.BBANDS(bars.close, p.slow)
    rsi = talib.RSI(bars.close, p.fast)
    stop = np.clip(3.0 * talib.ATR(bars.high, bars.low, bars.close, p.fast) / bars.close, 0.005, 0.2)
    long = (gap > 0.0) & (rsi > 50.0) & (bars.close > middle)
    short = (gap < 0.0) & (rsi < 50.0) & (bars.close < middle)
    return Targets(exposure=long * 1.0 - short * 1.0, stop_loss=stop)
""",
    "pandas": """\
def decide(bars, p):
    close = pd.Series(bars.close)
    gap = close.ewm(span=p.fast).mean() - close.ewm(span=p.slow).mean()
    calm = close.pct_change().rolling(p.slow).std()
    exposure = np.where(gap > 0.0, 1.0, -1.0) * (calm < 0.02)
    return Targets(exposure=exposure, stop_loss=calm.clip(0.001, 0.02).to_numpy() * 5.0)
""",
    "pandas, 14 calls": """\
def decide(bars, p):
    close = pd.Series(bars.close)
    gap = close.ewm(span=p.fast).mean() / close.ewm(span=p.slow).mean() - 1.0
    z = (close - close.rolling(p.slow).mean()) / close.rolling(p.slow).std()
    calm = close.pct_change().rolling(p.fast).std()
    top, bottom = pd.Series(bars.high).rolling(p.fast).max(), pd.Series(bars.low).rolling(p.fast).min()
    stop = ((top - bottom) / close).clip(0.005, 0.2)
    exposure = np.where((gap > 0.0) & (z > 0.0), 1.0, np.where((gap < 0.0) & (z < 0.0), -1.0, 0.0))
    return Targets(exposure=exposure * (calm < 0.05).to_numpy(), stop_loss=stop.to_numpy())
""",
}


def main() -> None:
    """Measure and print a table."""
    with bars() as market, started_workers() as workers:
        print(f"3 x {market.n_bars:,} bars; {workers.level.summary()}")
        print(f"{'':16s} {'wall s':>7s} {'here cpu':>9s} {'workers':>8s}   alone: causality, warmup, memory")
        for name, body in BODIES.items():
            source = parse_source(slug="bench", manifest_bytes=MANIFEST, code=(HEAD + body).encode("ascii"))
            for _ in range(ROUNDS):
                print(f"{name:16s} {measured(evaluated_of(source, market, workers))}", flush=True)


@contextmanager
def bars() -> Iterator[Market]:
    """Yield the train bars of a synthetic data set kept in a temporary folder."""
    with dataset() as (_, market):
        yield market


@contextmanager
def dataset() -> Iterator[tuple[DatasetLock, Market]]:
    """Yield the lock and the train bars of a synthetic data set kept in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        stores = Stores.under(Path(folder))
        built = build(synth_recipe(default_spec(n_bars=BARS), name="bench"))
        write_blobs(built, stores)
        yield (
            built.lock,
            load_market(built.lock, split="train", symbols=built.lock.symbols, interval="15m", stores=stores),
        )


def evaluated_of(source: StrategySource, market: Market, workers: Workers) -> Evaluated:
    """Return what the checks are given."""
    return Evaluated(
        candidate=Candidate(kind="strategy", slug="bench", source=source, base="b" * 40),
        source=source,
        policy=load_policy(ROOT),
        market=market,
        main=workers.main,
        other=workers.other,
        referee=workers.referee,
        rehearsal=workers.rehearsal,
    )


def measured(evaluated: Evaluated) -> str:
    """Return one line: the three checks side by side as the gate asks them, and how each fared."""
    decisions = decide_blocks(evaluated.main, evaluated.source, evaluated.market)
    checks = {"causality": causality.check, "warmup": warmup.check, "memory": memory.check}
    told = {}

    def ask(name: str) -> None:
        began = time.perf_counter()
        answer: Answer = checks[name](evaluated, decisions)
        told[name] = f"{time.perf_counter() - began:.2f} s {answer.verdict}"

    zygotes = [worker.zygote_pid for worker in (evaluated.main, evaluated.other)]
    before, spent, began = time.process_time(), children_seconds(zygotes), time.perf_counter()
    with ThreadPoolExecutor(max_workers=1) as pool:
        beside: list[Callable[[], None]] = [pool.submit(ask, name).result for name in ("warmup", "memory")]
        ask("causality")
        for wait in beside:
            wait()
    wall, here = time.perf_counter() - began, time.process_time() - before
    theirs = children_seconds(zygotes) - spent
    return f"{wall:7.2f} {here:9.2f} {theirs:8.2f}   {', '.join(told[name] for name in checks)}"


def children_seconds(pids: list[int | None]) -> float:
    """Return processor seconds of processes and of the children they have reaped."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime in ticks of 10 ms: proc(5)
    return total / 100.0


if __name__ == "__main__":
    main()
