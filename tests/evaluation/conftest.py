"""Seeded little markets and strategies of a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from autarch.canonical import Sha256
from autarch.manifest import INTERVAL_MS, StrategySource, parse_source
from autarch.market.types import FundingSchedule, Market, SymbolSeries
from autarch.sandbox import Worker

MarketOf = Callable[..., Market]
SourceOf = Callable[..., StrategySource]

HEADER = '''\
"""A test's strategy."""
import numpy as np
import pandas as pd
import talib
from autarch.strategy import Bars, Params, Targets, ops


def decide(bars, p):
'''


def build_series(symbol: str, *, n_bars: int, seed: int, first_row: int) -> SymbolSeries:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 2e-3, n_bars)))
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) * 1.001, np.minimum(opened, close) * 0.999
    volume = rng.uniform(1.0, 9.0, n_bars)
    return SymbolSeries(
        symbol=symbol,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        turnover=volume * (high + low + close) / 3.0,
        traded=np.arange(n_bars) >= first_row,
        first_row=first_row,
        funding_ms=np.zeros(0, dtype=np.int64),
        funding_rate=np.zeros(0),
        mark_ms=np.zeros(0, dtype=np.int64),
        mark_close=np.zeros(0),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def build_market(
    *, n_bars: int = 700, first_bar: int = 699_640, first_rows: dict[str, int] | None = None, interval: str = "1h"
) -> Market:
    """Three symbols; in first_rows the ones that are listed late."""
    interval_ms = INTERVAL_MS[interval]
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    return Market(
        dataset="tiny",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval=interval,
        interval_ms=interval_ms,
        ts=(first_bar + np.arange(n_bars, dtype=np.int64)) * interval_ms,
        series=tuple(
            build_series(symbol, n_bars=n_bars, seed=seed, first_row=(first_rows or {}).get(symbol, 0))
            for seed, symbol in enumerate(symbols)
        ),
        instruments=(),
    )


def build_source(  # noqa: PLR0913  a manifest has many keys
    body: str,
    *,
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"),
    context: tuple[str, ...] = (),
    mode: str = "each",
    warmup: int = 60,
    params: str = "fast = 20\n",
) -> StrategySource:
    manifest = (
        f'schema = 1\nname = "tiny"\ntitle = "t"\nsymbols = {list(symbols)}\ncontext = {list(context)}\n'
        f'interval = "1h"\nmode = "{mode}"\nwarmup = {warmup}\nmax_leverage = 1.0\n[params]\n{params}'
    )
    code = HEADER + "".join(f"    {line}\n" for line in body.splitlines())
    return parse_source(slug="tiny", manifest_bytes=manifest.encode("ascii"), code=code.encode("ascii"))


@pytest.fixture(scope="session")
def market_of() -> MarketOf:
    return build_market


@pytest.fixture(scope="session")
def source_of() -> SourceOf:
    return build_source


@pytest.fixture(scope="package")
def worker() -> Iterator[Worker]:
    with Worker() as running:
        yield running
