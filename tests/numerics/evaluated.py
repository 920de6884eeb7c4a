"""Decide a seeded market in a confined worker, play it, print the digests: a process for tests to start.

`python evaluated.py SEED [NAME=VALUE ...]`: SEED is the worker's hash seed; each NAME=VALUE replaces a
variable of the pin under which the worker is exec'd, and NAME= removes it. Such a worker is not pinned
and runs only because this asks for a weak one.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np

from autarch import numerics
from autarch.canonical import Sha256
from autarch.engine import CostModel, backtest
from autarch.evaluation import decide_blocks
from autarch.manifest import INTERVAL_MS, StrategySource, parse_source
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries
from autarch.sandbox import Worker

SYMBOLS = ("AAAUSDT", "BBBUSDT")
HOUR = INTERVAL_MS["1h"]
N_BARS, START_MS = 1_700, 3_300 * 512 * HOUR

MANIFEST = b"""\
schema = 1
name = "bent"
title = "Bent"
symbols = ["AAAUSDT", "BBBUSDT"]
interval = "1h"
mode = "each"
warmup = 200
max_leverage = 1.0
"""
CODE = b'''\
"""Every library a strategy may use, in numbers of full precision."""
import math
import numpy as np
import pandas as pd
import talib
from autarch.strategy import Targets, ops


def decide(bars, p):
    z = np.nan_to_num(ops.zscore(np.log(bars.close), 40))
    swing = np.tanh(z) * np.exp(-np.abs(z) / 3.0)
    wide = pd.Series(bars.close).ewm(span=30).std().to_numpy() / bars.close
    calm = np.array([math.exp(-20.0 * w) if w == w else 0.0 for w in wide])
    lean = np.sign(bars.close - np.nan_to_num(talib.EMA(bars.close, timeperiod=30)))
    exposure = np.clip(swing * calm * 0.7 + 0.2 * lean, -1.0, 1.0)
    return Targets(exposure=exposure, stop_loss=np.full(exposure.shape, 0.02))
'''


def source() -> StrategySource:
    """Return the strategy whose every decision is a number with 53 bits to lose."""
    return parse_source(slug="bent", manifest_bytes=MANIFEST, code=CODE)


def series(symbol: str, *, seed: int) -> SymbolSeries:
    """Return a walk made of whole numbers alone, so that the market is the same on any arithmetic."""
    rng = np.random.default_rng(seed)
    close = (1_000_000 + np.cumsum(rng.integers(-3_000, 3_001, N_BARS))) / 10.0
    open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close) + rng.integers(0, 2_000, N_BARS) / 10.0
    low = np.minimum(open_, close) - rng.integers(0, 2_000, N_BARS) / 10.0
    volume = rng.integers(1, 500, N_BARS).astype(np.float64)
    stamps = START_MS + np.arange(0, N_BARS, 8, dtype=np.int64) * HOUR
    return SymbolSeries(
        symbol=symbol,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        turnover=volume * (high + low + close) / 3.0,
        traded=np.ones(N_BARS, dtype=np.bool_),
        first_row=0,
        funding_ms=stamps,
        funding_rate=rng.integers(-3, 8, stamps.size) / 16_384.0,
        mark_ms=np.empty(0, dtype=np.int64),
        mark_close=np.empty(0),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def instrument(symbol: str) -> Instrument:
    """Return filters and one tier."""
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


def market() -> Market:
    """Return two symbols on one grid."""
    return Market(
        dataset="bent",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval="1h",
        interval_ms=HOUR,
        ts=START_MS + np.arange(N_BARS, dtype=np.int64) * HOUR,
        series=tuple(series(symbol, seed=seed) for seed, symbol in enumerate(SYMBOLS)),
        instruments=tuple(instrument(symbol) for symbol in SYMBOLS),
    )


def main(seed: str, *changes: str) -> None:
    """Print one JSON object of digests and of what they rest on."""
    for name, _, value in (change.partition("=") for change in changes):
        numerics.PIN.pop(name)
        numerics.PIN.update({name: value} if value else {})
    bars = market()
    with Worker(hash_seed=int(seed), allow_weak=bool(changes)) as worker:
        decisions = decide_blocks(worker, source(), bars)
        missing = [layer.name for layer in worker.level.missing]
        selftest = worker.numerics
    costs = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
    played = backtest(bars, decisions, costs=costs, capital=1_000_000.0)
    answer = {
        "decisions": str(decisions.digest()),
        "exposure": hashlib.sha256(decisions.exposure.tobytes()).hexdigest(),
        "fills": str(played.fills_digest()),
        "equity": str(played.equity_digest()),
        "n_fills": int(played.fills.size),
        "numerics": selftest,
        "missing": missing,
        "where": [str(Path.cwd()), os.environ.get("TZ"), os.environ.get("LC_ALL"), hash("a")],
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
