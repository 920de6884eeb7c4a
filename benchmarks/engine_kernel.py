"""How fast the engine plays bars: `python benchmarks/engine_kernel.py [rounds]`.

Two shapes: one symbol x a year of minutes, and three symbols x two years of 15m bars, each with a
stop and with funding. Warm figures are the best of `rounds` runs; the first run's time shows what
compiling (or loading the cache) costs.
"""

from __future__ import annotations

import sys
import time
from decimal import Decimal

import numpy as np

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.engine import Backtest, CostModel, backtest
from autarch.manifest import INTERVAL_MS
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries

EIGHT_HOURS_MS = 28_800_000


def random_series(symbol: str, *, ts: np.ndarray, interval_ms: int, rng: np.random.Generator) -> SymbolSeries:
    """Return a random walk on a 0.1 tick, volatile enough that stops fire."""
    n = ts.size
    close = np.round(30_000.0 * np.exp(np.cumsum(rng.normal(0.0, 0.001, n))), 1)
    open_ = np.round(np.concatenate([close[:1], close[:-1]]) + rng.integers(0, 4, n) * 0.1, 1)
    spread = np.abs(rng.normal(0.0, 0.0005, (2, n))) * close
    high = np.round(np.maximum(open_, close) + spread[0], 1)
    low = np.round(np.minimum(open_, close) - spread[1], 1)
    volume = rng.uniform(1.0, 50.0, n)
    stamps = np.arange(ts[0], ts[-1] + interval_ms, EIGHT_HOURS_MS, dtype=np.int64)
    return SymbolSeries(
        symbol=symbol,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        turnover=volume * (high + low + close) / 3.0,
        traded=np.ones(n, dtype=np.bool_),
        first_row=0,
        funding_ms=stamps,
        funding_rate=np.full(stamps.size, 0.0001),
        mark_ms=np.empty(0, dtype=np.int64),
        mark_close=np.empty(0),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def instrument(symbol: str) -> Instrument:
    """Return filters of a large contract."""
    tier = RiskTier(
        notional_max=Decimal(2_000_000),
        maintenance_margin_rate=Decimal("0.005"),
        initial_margin_rate=Decimal("0.01"),
        mm_deduction=Decimal(0),
    )
    return Instrument(
        symbol=symbol,
        tick_size=Decimal("0.1"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(100),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        risk_tiers=(tier,),
        sources=(),
    )


def case(symbols: int, bars: int, interval: str) -> tuple[Market, Decisions]:
    """Return a market and an EMA-cross-like decision that changes about every 100 bars."""
    rng = np.random.default_rng(7)
    names = tuple(f"SYM{i}USDT" for i in range(symbols))
    step = INTERVAL_MS[interval]
    ts = np.arange(bars, dtype=np.int64) * step + 1_700_006_400_000 // step * step
    series = tuple(random_series(name, ts=ts, interval_ms=step, rng=rng) for name in names)
    market = Market(
        dataset="bench",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval=interval,
        interval_ms=step,
        ts=ts,
        series=series,
        instruments=tuple(instrument(name) for name in names),
    )
    turns = np.repeat(rng.choice([-1.0, 0.0, 1.0], (bars // 100 + 1, symbols)), 100, axis=0)[:bars]
    decisions = Decisions(
        symbols=names,
        interval=interval,
        mode="each",
        max_leverage=1.0,
        exposure=turns,
        stop_loss=np.full(turns.shape, 0.01),
        take_profit=np.full(turns.shape, 0.03),
        counts=np.ones(turns.shape, dtype=np.bool_),
    )
    return market, decisions


def timed(market: Market, decisions: Decisions) -> tuple[float, Backtest]:
    """Return seconds and the result of one backtest."""
    costs = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
    begin = time.perf_counter()
    result = backtest(market, decisions, costs=costs, capital=100_000.0)
    return time.perf_counter() - begin, result


def main(rounds: int) -> None:
    """Print one line a shape."""
    for symbols, bars, interval in ((1, 525_600, "1m"), (3, 70_000, "15m"), (10, 105_120, "5m")):
        market, decisions = case(symbols, bars, interval)
        first, result = timed(market, decisions)
        best = min(timed(market, decisions)[0] for _ in range(rounds))
        print(
            f"{symbols:>2} x {bars:>7,} {interval:>3}: first {first:6.2f} s, warm {best * 1e3:8.2f} ms, "
            f"{symbols * bars / best / 1e6:7.1f} M symbol-bars/s, {result.fills.size:,} fills, "
            f"{result.funding.size:,} fundings, equity {result.equity[-1]:,.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
