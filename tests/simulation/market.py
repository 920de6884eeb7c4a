"""A small market drawn from a seed: bars as a data set has them, and the trades that made them, as a tape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from random import Random

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine.costs import CostModel
from autarch.manifest import Manifest, parse_manifest
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries
from live.simulator.core.prices import BarClosed, BarOpened, FundingDue, PriceEvent, Traded

START_MS = 1_700_006_400_000  # a multiple of 8 h
COSTS = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
TICK = 0.05
SYMBOLS = ("AAAUSDT", "BBBUSDT")
NAMES = {60_000: "1m", 300_000: "5m"}
DEPTH = 2_000_000.0


@lru_cache(maxsize=8)
def instrument(symbol: str) -> Instrument:
    """Return a contract with a coarse enough step for rounding to matter."""
    return Instrument(
        symbol=symbol,
        tick_size=Decimal("0.05"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(60),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        risk_tiers=(
            RiskTier(
                notional_max=Decimal(10**7),
                maintenance_margin_rate=Decimal("0.005"),
                initial_margin_rate=Decimal("0.01"),
                mm_deduction=Decimal(0),
            ),
        ),
        sources=(),
    )


@lru_cache(maxsize=64)
def manifest(name: str, symbols: tuple[str, ...], interval: str) -> Manifest:
    """Return a strategy's manifest; nothing of it but sizes matters here."""
    listed = ", ".join(f'"{symbol}"' for symbol in symbols)
    return parse_manifest(
        f'schema = 1\nname = "{name}"\ntitle = "x"\nsymbols = [{listed}]\ninterval = "{interval}"\n'
        f'mode = "each"\nwarmup = 10\nmax_leverage = 2.0\n'.encode(),
        slug=name,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Bars, and the events that make them in this order."""

    market: Market
    events: tuple[PriceEvent, ...]


def draw(rng: Random, *, symbols: tuple[str, ...], n_bars: int, interval_ms: int) -> Drawn:
    """Draw random walks with gaps, and funding at every fourth bar or so."""
    events: list[PriceEvent] = []
    series = []
    for symbol in symbols:
        line, made = _walk(rng, symbol, n_bars, interval_ms)
        series.append(line)
        events += made
    found = Market(
        dataset="drawn",
        dataset_digest="0" * 64,
        split="forward",
        interval=NAMES[interval_ms],
        interval_ms=interval_ms,
        ts=START_MS + interval_ms * np.arange(n_bars, dtype=np.int64),
        series=tuple(series),
        instruments=tuple(instrument(symbol) for symbol in symbols),
    )
    return Drawn(market=found, events=tuple(events))


def _walk(rng: Random, symbol: str, n_bars: int, interval_ms: int) -> tuple[SymbolSeries, list[PriceEvent]]:
    price, rows, events = 1000.0 * math.exp(rng.gauss(0, 0.2)), [], []
    every = rng.choice((3, 4, 6))
    stamps, rates = [], []
    for row in range(n_bars):
        start = START_MS + row * interval_ms
        price = _tick(price * math.exp(rng.gauss(0, 0.012 if rng.random() < 0.15 else 0.0005)))
        path = [price]
        if row and row % every == 0:
            rate = rng.gauss(1e-4, 3e-4)
            stamps.append(start)
            rates.append(rate)
            events.append(FundingDue(time_ms=EpochMs(start), symbol=symbol, rate=rate, mark=price, at_open=True))
        events.append(BarOpened(time_ms=EpochMs(start), symbol=symbol, open=price, depth=DEPTH, traded=True))
        for moment in sorted(rng.randrange(500, interval_ms - 100) for _ in range(rng.randrange(2, 5))):
            price = _tick(price * math.exp(rng.gauss(0, 0.003)))
            path.append(price)
            events.append(Traded(time_ms=EpochMs(start + moment), symbol=symbol, price=price))
        rows.append((path[0], max(path), min(path), path[-1]))
        closed = dict(zip(("open", "high", "low", "close"), rows[-1], strict=True))
        events.append(
            BarClosed(
                time_ms=EpochMs(start + interval_ms), symbol=symbol, interval_ms=interval_ms, start_ms=EpochMs(start),
                volume=10.0, turnover=10.0 * price, **closed,
            )
        )  # fmt: skip
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return (
        SymbolSeries(
            symbol=symbol,
            open=columns[0],
            high=columns[1],
            low=columns[2],
            close=columns[3],
            volume=np.full(n_bars, 10.0),
            turnover=np.full(n_bars, DEPTH),
            traded=np.ones(n_bars, dtype=np.bool_),
            first_row=0,
            funding_ms=np.array(stamps, dtype=np.int64),
            funding_rate=np.array(rates),
            mark_ms=np.empty(0, dtype=np.int64),
            mark_close=np.empty(0),
            funding_schedule=(FundingSchedule(from_ms=START_MS, interval_min=480),),
        ),
        events,
    )


def _tick(price: float) -> float:
    return round(price / TICK) * 5 / 100
