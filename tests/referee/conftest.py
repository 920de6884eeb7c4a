"""Markets made by seed or by hand, played by the engine and by the referee, with what must have happened."""

# ruff: noqa: PLR0913  a builder names everything a test may want to vary

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pytest

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.engine import Backtest, CostModel, backtest
from autarch.engine.layout import KIND_NAMES
from autarch.manifest import INTERVAL_MS
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries
from autarch.referee import Disagreement, Refereed, disagreement, referee

START_MS = 1_700_006_400_000  # 2023-11-15T00:00Z, a multiple of every interval
MINUTE_MS = 60_000
FREE = CostModel(half_spread_bps=0.0, impact_k=0.0, impact_cap_bps=0.0)
DEAR = CostModel(half_spread_bps=2.0, impact_k=20.0, impact_cap_bps=40.0)


def contract(symbol: str, **changes: object) -> Instrument:
    usual = Instrument(
        symbol=symbol,
        tick_size=Decimal("0.1"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(1_000_000),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        risk_tiers=(tier("400", "0.01", "0"), tier("1000000", "0.02", "4")),
        sources=(),
    )
    return replace(usual, **changes)


def tier(notional_max: str, rate: str, deduction: str) -> RiskTier:
    return RiskTier(
        notional_max=Decimal(notional_max),
        maintenance_margin_rate=Decimal(rate),
        initial_margin_rate=Decimal("0.5"),
        mm_deduction=Decimal(deduction),
    )


def by_hand(
    symbol: str,
    rows: Sequence[tuple[float, float, float, float]],
    *,
    turnover: float = 1e6,
    traded: Sequence[bool] | None = None,
    funding: Mapping[int, float] | None = None,
    mark: Mapping[int, float] | None = None,
) -> SymbolSeries:
    """`funding` and `mark` map minutes after the first open to a rate and a price."""
    open_, high, low, close = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    stamps, marks = sorted((funding or {}).items()), sorted((mark or {}).items())
    live = np.ones(len(rows), dtype=np.bool_) if traded is None else np.array(traded, dtype=np.bool_)
    quote = np.where(live, turnover, 0.0)
    return SymbolSeries(
        symbol=symbol,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=quote / close,
        turnover=quote,
        traded=live,
        first_row=int(live.argmax()),
        funding_ms=np.array([START_MS + at * MINUTE_MS for at, _ in stamps], dtype=np.int64),
        funding_rate=np.array([rate for _, rate in stamps], dtype=np.float64),
        mark_ms=np.array([START_MS + at * MINUTE_MS for at, _ in marks], dtype=np.int64),
        mark_close=np.array([price for _, price in marks], dtype=np.float64),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def by_seed(
    symbol: str,
    rng: np.random.Generator,
    *,
    n: int,
    interval: str,
    swing: float,
    jump: float,
    gap_frac: float,
    listed_row: int,
    funding_minutes: int,
    funding_shift: int,
    funding_rate: float,
    turnover: float,
) -> SymbolSeries:
    """Return a random walk on a 0.1 tick, with opens apart from closes, halts, and funding on a schedule."""
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, swing, n))), 1) + 1.0
    open_ = np.round(np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0, jump, n)), 1) + 0.1
    high = np.round(np.maximum(open_, close) * (1 + np.abs(rng.normal(0, swing / 2, n))), 1)
    low = np.maximum(np.round(np.minimum(open_, close) * (1 - np.abs(rng.normal(0, swing / 2, n))), 1), 0.1)
    high, low = np.maximum.reduce([open_, high, close]), np.minimum.reduce([open_, low, close])
    traded = (rng.random(n) >= gap_frac) & (np.arange(n) >= listed_row)
    traded[listed_row] = True
    for row in range(n):
        if not traded[row]:
            last = close[row - 1] if row > listed_row else open_[listed_row]
            open_[row] = high[row] = low[row] = close[row] = last
    step = INTERVAL_MS[interval] // MINUTE_MS
    stamps = range(funding_shift, n * step, funding_minutes)
    made = by_hand(
        symbol,
        list(zip(open_, high, low, close, strict=True)),
        traded=traded,
        funding={at: float(rng.normal(0, funding_rate)) for at in stamps},
        mark={at + 7: float(rng.uniform(80, 120)) for at in stamps[::3]},
    )
    quote = np.where(traded, rng.uniform(0, 2 * turnover, n) * (rng.random(n) > 0.05), 0.0)
    return replace(made, turnover=quote)


def case(
    seed: int,
    *,
    n: int = 240,
    symbols: int = 2,
    mode: str = "each",
    interval: str = "15m",
    swing: float = 0.02,
    jump: float = 0.007,
    gap_frac: float = 0.05,
    listed_row: int = 0,
    funding_minutes: int = 480,
    funding_shift: int = 0,
    funding_rate: float = 0.002,
    turnover: float = 1e5,
    max_leverage: float = 1.0,
    stop: float = 0.02,
    take: float = 0.03,
    wiggle: float = 0.2,
    hold: int = 5,
    **terms: object,
) -> tuple[Market, Decisions]:
    """Return a market and restless decisions on it; the last symbol is listed at `listed_row`."""
    rng = np.random.default_rng(seed)
    names = tuple(f"SYM{index}USDT" for index in range(symbols))
    made = [
        by_seed(
            name,
            rng,
            n=n,
            interval=interval,
            swing=swing,
            jump=jump,
            gap_frac=gap_frac,
            listed_row=listed_row if index == symbols - 1 else 0,
            funding_minutes=funding_minutes,
            funding_shift=funding_shift,
            funding_rate=funding_rate,
            turnover=turnover,
        )
        for index, name in enumerate(names)
    ]
    shape = (n, symbols)
    held = np.repeat(rng.choice([-1.0, -0.4, 0.0, 0.5, 1.0], (n // hold + 1, symbols)), hold, axis=0)[:n]
    exposure = np.where(rng.random(shape) < wiggle, held * 0.7, held) * max_leverage
    if mode == "panel":
        exposure /= symbols
    distances = [
        np.where(rng.random(shape) < 0.8, rng.uniform(0.1, 2.0, shape) * near, np.nan)
        if near
        else np.full(shape, np.nan)
        for near in (stop, take)
    ]
    market = market_of(*made, interval=interval, contracts=[contract(name, **terms) for name in names])
    return market, decided(market, exposure, stop=distances[0], take=distances[1], mode=mode, max_leverage=max_leverage)


def market_of(*series: SymbolSeries, interval: str = "15m", contracts: Sequence[Instrument] | None = None) -> Market:
    step = INTERVAL_MS[interval]
    return Market(
        dataset="by-hand",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval=interval,
        interval_ms=step,
        ts=START_MS + step * np.arange(series[0].close.size, dtype=np.int64),
        series=series,
        instruments=tuple(contracts or [contract(s.symbol) for s in series]),
    )


def decided(
    market: Market,
    exposure: object,
    *,
    stop: object = np.nan,
    take: object = np.nan,
    mode: str = "each",
    max_leverage: float = 1.0,
) -> Decisions:
    shape = (market.n_bars, len(market.series))
    return Decisions(
        symbols=market.symbols,
        interval=market.interval,
        mode=mode,
        max_leverage=max_leverage,
        exposure=np.asarray(exposure, dtype=np.float64).reshape(shape),
        stop_loss=np.broadcast_to(np.asarray(stop, dtype=np.float64), shape).copy(),
        take_profit=np.broadcast_to(np.asarray(take, dtype=np.float64), shape).copy(),
        counts=np.ones(shape, dtype=np.bool_),
    )


@dataclass(frozen=True)
class Both:
    """What the two engines made of one case."""

    engine: Backtest
    referee: Refereed

    @property
    def parted(self) -> Disagreement | None:
        return disagreement(self.engine, self.referee)

    def kinds(self) -> dict[str, int]:
        """How often the engine filled each kind of order."""
        names, counts = np.unique(self.engine.fills["kind"], return_counts=True)
        return {KIND_NAMES[float(name)]: int(count) for name, count in zip(names, counts, strict=True)}

    def skips(self) -> set[str]:
        return {KIND_NAMES[float(reason)] for reason in self.engine.skipped["reason"]}


@dataclass(frozen=True)
class Pitch:
    """What a test of the referee needs, as one fixture."""

    free = FREE
    dear = DEAR
    case = staticmethod(case)
    contract = staticmethod(contract)
    by_hand = staticmethod(by_hand)
    market = staticmethod(market_of)
    decided = staticmethod(decided)
    tier = staticmethod(tier)

    @staticmethod
    def play(market: Market, decisions: Decisions, *, costs: CostModel = DEAR, capital: float = 1000.0) -> Both:
        return Both(
            backtest(market, decisions, costs=costs, capital=capital),
            referee(market, decisions, costs=costs, capital=capital),
        )


@pytest.fixture(scope="session")
def pitch() -> Pitch:
    return Pitch()
