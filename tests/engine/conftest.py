"""Tiny hand-made markets: rows of (open, high, low, close), everything free of charge unless said."""

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

FREE = CostModel(half_spread_bps=0.0, impact_k=0.0, impact_cap_bps=0.0)
START_MS = 1_700_006_400_000  # 2023-11-15T00:00Z, a multiple of every interval
Row = tuple[float, float, float, float]


def tier(notional_max: str = "1000000", rate: str = "0.01", deduction: str = "0") -> RiskTier:
    return RiskTier(
        notional_max=Decimal(notional_max),
        maintenance_margin_rate=Decimal(rate),
        initial_margin_rate=Decimal("0.02"),
        mm_deduction=Decimal(deduction),
    )


def instrument(symbol: str = "AAAUSDT", **changes: object) -> Instrument:
    free = Instrument(
        symbol=symbol,
        tick_size=Decimal("0.1"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(1_000_000),
        min_notional=Decimal(0),
        taker_fee=Decimal(0),
        maker_fee=Decimal(0),
        risk_tiers=(tier(),),
        sources=(),
    )
    return replace(free, **changes)


def series(
    rows: Sequence[Row],
    symbol: str = "AAAUSDT",
    *,
    turnover: float | Sequence[float] = 1e6,
    traded: Sequence[bool] | None = None,
    funding: Mapping[int, float] | None = None,
    mark: Mapping[int, float] | None = None,
) -> SymbolSeries:
    """`funding` and `mark` map a stamp in ms after the first bar's open to a rate and a price."""
    n = len(rows)
    open_, high, low, close = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    stamps, marks = sorted((funding or {}).items()), sorted((mark or {}).items())
    quote = np.broadcast_to(np.asarray(turnover, dtype=np.float64), n).copy()
    return SymbolSeries(
        symbol=symbol,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=quote / close,
        turnover=quote,
        traded=np.ones(n, dtype=np.bool_) if traded is None else np.array(traded, dtype=np.bool_),
        first_row=0,
        funding_ms=np.array([START_MS + at for at, _ in stamps], dtype=np.int64),
        funding_rate=np.array([rate for _, rate in stamps], dtype=np.float64),
        mark_ms=np.array([START_MS + at for at, _ in marks], dtype=np.int64),
        mark_close=np.array([price for _, price in marks], dtype=np.float64),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def market_of(
    *all_series: SymbolSeries, instruments: Sequence[Instrument] | None = None, interval: str = "15m"
) -> Market:
    step = INTERVAL_MS[interval]
    n = all_series[0].close.size
    return Market(
        dataset="by-hand",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval=interval,
        interval_ms=step,
        ts=START_MS + step * np.arange(n, dtype=np.int64),
        series=tuple(all_series),
        instruments=tuple(instruments or [instrument(s.symbol) for s in all_series]),
    )


def decisions_of(
    market: Market,
    exposure: object,
    *,
    stop: object = np.nan,
    take: object = np.nan,
    max_leverage: float = 1.0,
    mode: str = "panel",
    symbols: tuple[str, ...] | None = None,
) -> Decisions:
    """A 1-d exposure is for one symbol; distances broadcast."""
    names = symbols or market.symbols
    shape = (market.n_bars, len(names))
    wanted = np.asarray(exposure, dtype=np.float64).reshape(shape)
    distances = [np.asarray(d, dtype=np.float64) for d in (stop, take)]
    distances = [d.reshape(shape) if d.size == wanted.size else np.broadcast_to(d, shape) for d in distances]
    return Decisions(
        symbols=names,
        interval=market.interval,
        mode=mode,
        max_leverage=max_leverage,
        exposure=wanted,
        stop_loss=distances[0].copy(),
        take_profit=distances[1].copy(),
        counts=np.ones(shape, dtype=np.bool_),
    )


def random_case(
    seed: int, *, n_bars: int = 120, n_symbols: int = 2, max_leverage: float = 3.0
) -> tuple[Market, Decisions]:
    """A rough market (gaps, halts, thin bars, funding on and off the grid) and restless decisions on it."""
    rng = np.random.default_rng(seed)
    all_series, contracts = [], []
    for index in range(n_symbols):
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.04, n_bars))), 1) + 1.0
        open_ = np.round(np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.01, n_bars)), 1) + 0.1
        high = np.round(np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.02, n_bars))), 1)
        low = np.maximum(np.round(np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.02, n_bars))), 1), 0.1)
        high, low = np.maximum.reduce([open_, high, close]), np.minimum.reduce([open_, low, close])
        traded = rng.random(n_bars) > 0.1
        for row in range(1, n_bars):
            if not traded[row]:
                open_[row] = high[row] = low[row] = close[row] = close[row - 1]
        rates = rng.normal(0, 0.002, n_bars)
        stamps = np.unique(rng.integers(0, 4 * n_bars, n_bars // 2)) * 225_000  # quarters of a 15m bar
        all_series.append(
            series(
                list(zip(open_, high, low, close, strict=True)),
                f"SYM{index}USDT",
                turnover=np.where(traded, rng.uniform(0, 2e5, n_bars), 0.0),
                traded=traded,
                funding={int(at): float(rate) for at, rate in zip(stamps, rates, strict=False)},
                mark={int(at): float(rng.uniform(50, 150)) for at in stamps[: stamps.size // 2]},
            )
        )
        contracts.append(
            instrument(
                f"SYM{index}USDT",
                taker_fee=Decimal("0.00055"),
                min_notional=Decimal(20),
                max_market_qty=Decimal(3),
                risk_tiers=(tier("500", "0.01", "0"), tier("100000", "0.02", "5")),
            )
        )
    market = market_of(*all_series, instruments=contracts)
    shape = (n_bars, n_symbols)
    held = np.repeat(rng.choice([-1.0, -0.4, 0.0, 0.0, 0.5, 1.0], (n_bars // 4 + 1, n_symbols)), 4, axis=0)[:n_bars]
    exposure = np.where(rng.random(shape) < 0.8, held, held * 0.7) * max_leverage / n_symbols
    stop = np.where(rng.random(shape) < rng.choice([0.2, 0.8]), rng.uniform(0.0005, 0.2, shape), np.nan)
    take = np.where(rng.random(shape) < 0.5, rng.uniform(0.0005, 0.3, shape), np.nan)
    return market, decisions_of(market, exposure, stop=stop, take=take, max_leverage=max_leverage)


ROUGH = CostModel(half_spread_bps=2.0, impact_k=20.0, impact_cap_bps=80.0)


@dataclass(frozen=True)
class Desk:
    """What a test of the engine needs, as one fixture."""

    free = FREE
    rough = ROUGH
    random_case = staticmethod(random_case)
    start_ms = START_MS
    tier = staticmethod(tier)
    instrument = staticmethod(instrument)
    series = staticmethod(series)
    market = staticmethod(market_of)
    decisions = staticmethod(decisions_of)

    @staticmethod
    def play(
        rows: Sequence[Row],
        exposure: Sequence[float],
        *,
        costs: CostModel = FREE,
        capital: float = 1000.0,
        contract: Instrument | None = None,
        stop: object = np.nan,
        take: object = np.nan,
        max_leverage: float = 1.0,
        **bars: object,
    ) -> Backtest:
        market = market_of(series(rows, **bars), instruments=[contract or instrument()])
        wanted = decisions_of(market, exposure, stop=stop, take=take, max_leverage=max_leverage)
        return backtest(market, wanted, costs=costs, capital=capital)

    @staticmethod
    def backtest(market: Market, wanted: Decisions, *, costs: CostModel = FREE, capital: float = 1000.0) -> Backtest:
        return backtest(market, wanted, costs=costs, capital=capital)

    @staticmethod
    def story(result: Backtest) -> list[tuple[int, str, float, float]]:
        """Every fill as (row, kind, signed qty, price)."""
        return [(int(f["row"]), KIND_NAMES[float(f["kind"])], float(f["qty"]), float(f["price"])) for f in result.fills]

    @staticmethod
    def skips(result: Backtest) -> list[tuple[int, str, float]]:
        """Every skip as (row, reason, signed qty)."""
        return [(int(s["row"]), KIND_NAMES[float(s["reason"])], float(s["qty"])) for s in result.skipped]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="session")
def desk_class() -> type[Desk]:
    """For hypothesis, which may not be given a fixture that starts anew for each example."""
    return Desk
