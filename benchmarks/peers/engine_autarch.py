"""Autarch's engine: wanted quantities through `backtest_quantities`, with every report it makes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from autarch.canonical import Sha256
from autarch.engine import Backtest, CostModel, WantedQuantities, backtest_quantities
from autarch.engine import layout as at
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries
from benchmarks.peers import signals
from benchmarks.peers.outcome import Laps, Outcome
from benchmarks.peers.work import (
    CASH,
    FIRST_BAR,
    FUNDING_BARS,
    FUNDING_RATE,
    MINUTE_MS,
    NOTIONAL,
    QTY_STEPS,
    START_MS,
    Floats,
    Prices,
    Work,
)

FREE = CostModel(half_spread_bps=0.0, impact_k=0.0, impact_cap_bps=0.0)
"""No spread and no impact: what is left is the taker's fee, which every peer can charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A market and the distance of its stops, one row for every bar; None without any."""

    work: Work
    market: Market
    stops: Floats | None


def symbol_series(prices: Prices, column: int, *, ts: np.ndarray, funding: bool) -> SymbolSeries:
    """Return one symbol of the work's market, volume one coin a bar."""
    open_, high, low, close = (
        np.ascontiguousarray(values[:, column]) for values in (prices.open, prices.high, prices.low, prices.close)
    )
    stamps = ts[FUNDING_BARS::FUNDING_BARS].copy() if funding else np.empty(0, dtype=np.int64)
    return SymbolSeries(
        symbol=f"SYM{column}USDT",
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=np.ones(close.size),
        turnover=(high + low + close) / 3.0,
        traded=np.ones(close.size, dtype=np.bool_),
        first_row=0,
        funding_ms=stamps,
        funding_rate=np.full(stamps.size, FUNDING_RATE),
        mark_ms=np.empty(0, dtype=np.int64),
        mark_close=np.empty(0),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=FUNDING_BARS),),
    )


def instrument(symbol: str) -> Instrument:
    """Return the filters the work assumes."""
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
        max_market_qty=Decimal(1_000),
        min_notional=Decimal(5),
        taker_fee=Decimal("0.00055"),
        maker_fee=Decimal("0.0002"),
        risk_tiers=(tier,),
        sources=(),
    )


def market_of(prices: Prices, work: Work) -> Market:
    """Return the work's market, one-minute bars, funding only where the work pays it."""
    ts = START_MS + np.arange(prices.close.shape[0], dtype=np.int64) * MINUTE_MS
    series = tuple(symbol_series(prices, column, ts=ts, funding=work.funding) for column in range(work.symbols))
    return Market(
        dataset="bench",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval="1m",
        interval_ms=MINUTE_MS,
        ts=ts,
        series=series,
        instruments=tuple(instrument(one.symbol) for one in series),
    )


def prepare(prices: Prices, work: Work) -> Prepared:
    """Return the market as the engine takes it."""
    stops = None if np.isnan(work.stop) else np.full((1, work.symbols), work.stop)
    return Prepared(work=work, market=market_of(prices, work), stops=stops)


def wanted(prepared: Prepared, pair: tuple[int, int]) -> Floats:
    """Return the wanted coins of every symbol, shape (n_bars, n_symbols)."""
    columns = [
        signals.wanted(one.close, pair, first_bar=FIRST_BAR, notional=NOTIONAL, qty_steps=QTY_STEPS)
        for one in prepared.market.series
    ]
    return columns[0].reshape(-1, 1) if len(columns) == 1 else np.column_stack(columns)


def play(prepared: Prepared, qty: Floats) -> Backtest:
    """Return the backtest of wanted coins with every report the engine makes."""
    asked = WantedQuantities(
        symbols=prepared.market.symbols,
        interval="1m",
        max_leverage=1.0,
        qty=qty,
        stop_loss=prepared.stops,
        take_profit=None,
    )
    return backtest_quantities(prepared.market, asked, costs=FREE, capital=CASH)


def run(prepared: Prepared, laps: Laps) -> Outcome:
    """Play every pair, one after the other."""
    equity, fills, result = 0.0, 0, None
    for pair in prepared.work.pairs:
        qty = wanted(prepared, pair)
        laps.lap("signals")
        result = play(prepared, qty)
        laps.lap("play")
        # A flip is two fills here, a close and an entry, and one order with most peers: entries and stops are counted.
        equity, fills = equity + float(result.equity[-1]), fills + int((result.fills["kind"] != at.CLOSE).sum())
    return Outcome(equity=equity, fills=fills, kept=result)
