"""What confinement and anchored evaluation cost: `python benchmarks/worker.py`.

Prints p50 and p95 of fork -> confined -> first answer -> reaped, the time of whole blocks over 3 symbols x
70,000 bars of 15m, and of 6,000 prefix cuts whose windows have about 3,000 rows, for a TA-Lib, a pandas
and a compiled-helper strategy.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np

from autarch.canonical import Sha256
from autarch.evaluation import Cut, decide_at, decide_blocks, decide_live, frames_of
from autarch.manifest import INTERVAL_MS, StrategySource, parse_source
from autarch.market.types import FundingSchedule, Market, SymbolSeries
from autarch.sandbox import Worker

N_BARS, N_CUTS, N_SESSIONS = 70_000, 6_000, 100
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
BODIES = {
    "talib": "e = talib.EMA(bars.close, timeperiod=p.fast)\nx = np.where(bars.close > e, 1.0, -1.0)",
    "pandas": "e = pd.Series(bars.close).ewm(span=p.fast).mean().to_numpy()\nx = np.where(bars.close > e, 1.0, -1.0)",
    "ops": "z = ops.zscore(bars.close, p.fast)\nx = ops.hysteresis(z, 1.0, -1.0).astype(float)",
}


def source(body: str, *, symbols: tuple[str, ...]) -> StrategySource:
    """Return a strategy with a warm-up of 2,000 bars, so that prefix windows have 2,001 to 4,048 rows."""
    manifest = (
        f'schema = 1\nname = "bench"\ntitle = "bench"\nsymbols = {list(symbols)}\ninterval = "15m"\nmode = "each"\n'
        "warmup = 2000\nmax_leverage = 1.0\n[params]\nfast = 20\n"
    )
    lines = "".join(f"    {line}\n" for line in f"{body}\nreturn Targets(exposure=x)".splitlines())
    code = (
        "import numpy as np\nimport pandas as pd\nimport talib\nfrom autarch.strategy import Targets, ops\n"
        f"def decide(bars, p):\n{lines}"
    )
    return parse_source(slug="bench", manifest_bytes=manifest.encode("ascii"), code=code.encode("ascii"))


def market() -> Market:
    """Return three random walks."""
    interval_ms = INTERVAL_MS["15m"]
    return Market(
        dataset="bench",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval="15m",
        interval_ms=interval_ms,
        ts=(1_700_000 + np.arange(N_BARS, dtype=np.int64)) * interval_ms,
        series=tuple(walk(symbol, seed) for seed, symbol in enumerate(SYMBOLS)),
        instruments=(),
    )


def walk(symbol: str, seed: int) -> SymbolSeries:
    """Return one random walk."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, N_BARS)))
    ones = np.ones(N_BARS)
    return SymbolSeries(
        symbol=symbol,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=ones,
        turnover=close,
        traded=ones > 0,
        first_row=0,
        funding_ms=np.zeros(0, dtype=np.int64),
        funding_rate=np.zeros(0),
        mark_ms=np.zeros(0, dtype=np.int64),
        mark_close=np.zeros(0),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def sessions(worker: Worker, bars: Market) -> tuple[list[float], list[float]]:
    """Return milliseconds until the first answer, and until the child is reaped, of fresh children."""
    one = source(BODIES["talib"], symbols=SYMBOLS[:1])
    frames = frames_of(one.manifest, bars)
    answered, reaped = [], []
    for row in range(10_000, 10_000 + N_SESSIONS):
        began = time.perf_counter()
        with worker.session(one) as session:
            decide_live(session, frames, row=row)
            answered.append(1e3 * (time.perf_counter() - began))
        reaped.append(1e3 * (time.perf_counter() - began))
    return answered, reaped


def resident_mib(pid: int | None) -> float:
    """Return the resident size of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main() -> None:
    """Measure and print."""
    bars = market()
    began = time.perf_counter()
    with Worker() as worker:
        level = worker.level.summary()
        print(f"zygote start to first child      {time.perf_counter() - began:7.2f} s   {level}")
        print(f"zygote resident                  {resident_mib(worker.zygote_pid):7.0f} MiB")
        for name, times in zip(("first answer", "reaped"), sessions(worker, bars), strict=True):
            p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
            print(f"fork to {name:12s}   p50, p95  {p50:7.1f} {p95:7.1f} ms")
        rng = np.random.default_rng(0)
        for name, body in BODIES.items():
            strategy = source(body, symbols=SYMBOLS)
            began = time.perf_counter()
            counts = decide_blocks(worker, strategy, bars).counts
            print(f"{name:7s} blocks, 3 x {N_BARS:,} bars   {time.perf_counter() - began:7.2f} s")
            rows, columns = np.nonzero(counts)
            chosen = rng.choice(rows.size, N_CUTS, replace=False)
            cuts = [Cut(symbol_index=int(columns[i]), row=int(rows[i])) for i in chosen]
            began = time.perf_counter()
            decide_at(worker, strategy, bars, cuts)
            print(f"{name:7s} {N_CUTS:,} prefix cuts         {time.perf_counter() - began:7.2f} s")


if __name__ == "__main__":
    main()
