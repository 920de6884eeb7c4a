"""A market that trades, and strategies of a few lines whose parameters can be swept."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest

from autarch.canonical import Sha256
from autarch.engine import CostModel
from autarch.manifest import StrategySource, parse_source
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries
from autarch.sandbox import Worker

HOUR_MS = 3_600_000
N_BARS = 2_000
COSTS = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
CAPITAL = 100_000.0

CODE = '''\
"""A test's strategy."""
import numpy as np
import talib
from autarch.strategy import Bars, Params, Targets


def decide(bars, p):
    assert p.fast < p.slow, "fast is not below slow"
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
    return Targets(exposure=np.sign(np.nan_to_num(gap)) * p.size, stop_loss=0.05)
'''
MANIFEST = """\
schema = 1
name = "swept"
title = "Two averages"
symbols = ["BTCUSDT", "ETHUSDT"]
interval = "1h"
mode = "each"
warmup = 60
max_leverage = 1.0
[params]
fast = 5
slow = 20
size = 0.5
[search]
fast = {low = 2, high = 12, step = 1}
slow = {low = 10, high = 40, step = 1}
"""


def build_series(symbol: str, *, seed: int, ts: np.ndarray) -> SymbolSeries:
    rng = np.random.default_rng(seed)
    close = np.round(1000.0 * np.exp(np.cumsum(rng.normal(0.0, 5e-3, ts.size))), 1)
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) + 0.5, np.minimum(opened, close) - 0.5
    volume = rng.uniform(10.0, 90.0, ts.size)
    stamps = ts[::8].copy()
    return SymbolSeries(
        symbol=symbol,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        turnover=volume * (high + low + close) / 3.0,
        traded=np.ones(ts.size, dtype=np.bool_),
        first_row=0,
        funding_ms=stamps,
        funding_rate=np.full(stamps.size, 1e-4),
        mark_ms=np.zeros(0, dtype=np.int64),
        mark_close=np.zeros(0),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def build_instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        tick_size=Decimal("0.1"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(1000),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        risk_tiers=(
            RiskTier(
                notional_max=Decimal(2_000_000),
                maintenance_margin_rate=Decimal("0.005"),
                initial_margin_rate=Decimal("0.01"),
                mm_deduction=Decimal(0),
            ),
        ),
        sources=(),
    )


@pytest.fixture(scope="session")
def market() -> Market:
    ts = (504 * 960 + np.arange(N_BARS, dtype=np.int64)) * HOUR_MS
    symbols = ("BTCUSDT", "ETHUSDT")
    return Market(
        dataset="tiny",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval="1h",
        interval_ms=HOUR_MS,
        ts=ts,
        series=tuple(build_series(symbol, seed=seed, ts=ts) for seed, symbol in enumerate(symbols)),
        instruments=tuple(build_instrument(symbol) for symbol in symbols),
    )


@pytest.fixture(scope="session")
def strategy() -> StrategySource:
    return parse_source(slug="swept", manifest_bytes=MANIFEST.encode(), code=CODE.encode())


@pytest.fixture(scope="package")
def worker() -> Iterator[Worker]:
    with Worker() as running:
        yield running
