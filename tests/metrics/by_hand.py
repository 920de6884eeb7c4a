"""Tiny markets of half-day bars whose fills can be reckoned by hand: flat bars, no slippage, fee 0.1 %."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.market.types import Instrument, Market, RiskTier, SymbolSeries

HALF_DAY = 43_200_000
MIDNIGHT = 19_676 * 86_400_000
COSTS = CostModel(half_spread_bps=0.0, impact_k=0.0, impact_cap_bps=0.0)


def series(symbol, prices, *, turnover=10_000.0, first_row=0):
    close = np.array(prices, dtype=np.float64)
    n = close.size
    return SymbolSeries(
        symbol=symbol,
        open=close.copy(),
        high=close.copy(),
        low=close.copy(),
        close=close,
        volume=np.full(n, turnover) / close,
        turnover=np.full(n, turnover),
        traded=np.arange(n) >= first_row,
        first_row=first_row,
        funding_ms=np.empty(0, dtype=np.int64),
        funding_rate=np.empty(0),
        mark_ms=np.empty(0, dtype=np.int64),
        mark_close=np.empty(0),
        funding_schedule=(),
    )


def market_of(*all_series):
    tier = RiskTier(
        notional_max=Decimal(10**9),
        maintenance_margin_rate=Decimal("0.01"),
        initial_margin_rate=Decimal("0.02"),
        mm_deduction=Decimal(0),
    )
    contract = Instrument(
        symbol="AAAUSDT",
        tick_size=Decimal("0.1"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(10**6),
        min_notional=Decimal(0),
        taker_fee=Decimal("0.001"),
        maker_fee=Decimal(0),
        risk_tiers=(tier,),
        sources=(),
    )
    return Market(
        dataset="by-hand",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval="12h",
        interval_ms=HALF_DAY,
        ts=MIDNIGHT + HALF_DAY * np.arange(all_series[0].close.size, dtype=np.int64),
        series=all_series,
        instruments=tuple(replace(contract, symbol=s.symbol) for s in all_series),
    )


def decisions_of(market, exposure, *, stop=np.nan, max_leverage=1.0):
    shape = (market.n_bars, len(market.symbols))
    return Decisions(
        symbols=market.symbols,
        interval="12h",
        mode="panel",
        max_leverage=max_leverage,
        exposure=np.array(exposure, dtype=np.float64).reshape(shape),
        stop_loss=np.full(shape, stop),
        take_profit=np.full(shape, np.nan),
        counts=np.ones(shape, dtype=np.bool_),
    )


def play(market, exposure, *, costs=COSTS, capital=1000.0, **decided):
    return backtest(market, decisions_of(market, exposure, **decided), costs=costs, capital=capital)
