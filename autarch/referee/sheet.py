"""What is refereed, as plain numbers: a market's rows, the decisions on them, the terms of trade.

A sheet is made where the market is and played where backtrader is, which may be another process.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import DataError
from autarch.market.types import Bools, Floats, Instrument, Ints, Market, SymbolSeries
from autarch.referee.margin import Tier


class Costs(Protocol):
    """The numbers of `autarch.engine.CostModel`: basis points, and a factor on the taker fee."""

    @property
    def half_spread_bps(self) -> float:
        """Always paid."""

    @property
    def impact_k(self) -> float:
        """Paid at notional = median turnover."""

    @property
    def impact_cap_bps(self) -> float:
        """The most that impact costs."""

    @property
    def margin_mode(self) -> str:
        """`isolated`, or `cross`."""

    @property
    def fee_factor(self) -> float:
        """Multiplies the taker fee."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The terms one symbol trades on. Exact numbers, but for the fraction `taker_fee`.

    Where margin is not `isolated` nothing is liquidated: the sleeve stands behind every position, and one
    that would not suffice is beyond this referee, which then disagrees.
    """

    symbol: str
    tick: Fraction
    step: Fraction
    qty_min: Fraction
    notional_min: Fraction
    order_steps_max: int
    taker_fee: float
    leverage: int
    isolated: bool
    tiers: tuple[Tier, ...]
    half_spread_bps: float
    impact_k: float
    impact_cap_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """One settlement: `price` is what a coin pays, rate * mark; `inside` the bar, or at its open."""

    price: float
    inside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One symbol's rows, each array (n,), its settlements by row, and the row at whose close it is delisted, if any."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    turnover: Floats
    traded: Bools
    stamps: dict[int, tuple[Stamp, ...]]
    last_row: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything a replay needs. Decision arrays are (n, m); `slices` divide the sleeve's equity."""

    ts: Ints
    feeds: tuple[Feed, ...]
    contracts: tuple[Contract, ...]
    exposure: Floats
    stop_loss: Floats
    take_profit: Floats
    slices: int
    capital: float

    @property
    def symbols(self) -> tuple[str, ...]:
        """Columns."""
        return tuple(contract.symbol for contract in self.contracts)


def sheet_of(market: Market, decisions: Decisions, *, costs: Costs, capital: float) -> Sheet:
    """Return the sheet of `decisions` on the rows of `market`.

    Raises:
        DataError: a symbol is missing, or the rows do not match.
    """
    missing = [symbol for symbol in decisions.symbols if symbol not in market.symbols]
    if missing or decisions.exposure.shape != (market.n_bars, len(decisions.symbols)):
        found = f"{market.n_bars} bars of {', '.join(market.symbols)}"
        raise DataError(
            f"the referee got decisions of shape {decisions.exposure.shape} on {', '.join(decisions.symbols)} "
            f"and a market of {found}; both must be of the same rows"
        )
    places = [market.symbols.index(symbol) for symbol in decisions.symbols]
    return Sheet(
        ts=market.ts,
        feeds=tuple(_feed(market, market.series[place], market.instruments[place]) for place in places),
        contracts=tuple(_contract(market.instruments[place], decisions, costs) for place in places),
        exposure=decisions.exposure,
        stop_loss=decisions.stop_loss,
        take_profit=decisions.take_profit,
        slices=1 if decisions.mode == "panel" else len(decisions.symbols),
        capital=float(capital),
    )


def _feed(market: Market, series: SymbolSeries, instrument: Instrument) -> Feed:
    since = -math.inf if instrument.listed_ms is None else instrument.listed_ms
    until = math.inf if instrument.delisted_ms is None else instrument.delisted_ms
    last = np.flatnonzero((market.ts < until) & (market.ts + market.interval_ms >= until))
    return Feed(
        open=series.open,
        high=series.high,
        low=series.low,
        close=series.close,
        turnover=series.turnover,
        traded=series.traded & (market.ts >= since) & (market.ts < until),
        stamps=_stamps(market, series, until=until),
        last_row=int(last[0]) if last.size else None,
    )


def _stamps(market: Market, series: SymbolSeries, *, until: float) -> dict[int, tuple[Stamp, ...]]:
    """Return stamps before `until` by the row they fall in; none in the first, where nothing can be held."""
    found: dict[int, tuple[Stamp, ...]] = {}
    first, step = int(market.ts[0]), market.interval_ms
    known_at = series.mark_ms.tolist()
    for at, rate in zip(series.funding_ms.tolist(), series.funding_rate.tolist(), strict=True):
        row, within = divmod(at - first, step)
        if 0 < row < market.n_bars and at < until:
            newest = bisect_right(known_at, at) - 1
            mark = series.mark_close[newest] if newest >= 0 else series.close[row - 1]
            found[row] = (*found.get(row, ()), Stamp(price=float(mark) * rate, inside=within > 0))
    return found


def _contract(instrument: Instrument, decisions: Decisions, costs: Costs) -> Contract:
    step = Fraction(instrument.qty_step)
    return Contract(
        symbol=instrument.symbol,
        tick=Fraction(instrument.tick_size),
        step=step,
        qty_min=Fraction(instrument.min_order_qty),
        notional_min=Fraction(instrument.min_notional),
        order_steps_max=math.floor(Fraction(instrument.max_market_qty) / step),
        taker_fee=float(instrument.taker_fee) * costs.fee_factor,
        leverage=math.ceil(decisions.max_leverage) + 1,
        isolated=costs.margin_mode == "isolated",
        tiers=_tiers(instrument),
        half_spread_bps=costs.half_spread_bps,
        impact_k=costs.impact_k,
        impact_cap_bps=costs.impact_cap_bps,
    )


def _tiers(instrument: Instrument) -> tuple[Tier, ...]:
    rows: Sequence[tuple[Decimal, Decimal, Decimal]] = sorted(
        (tier.notional_max, tier.maintenance_margin_rate, tier.mm_deduction) for tier in instrument.risk_tiers
    )
    return tuple(Tier(value_max=Fraction(a), rate=Fraction(b), deduction=Fraction(c)) for a, b, c in rows)
