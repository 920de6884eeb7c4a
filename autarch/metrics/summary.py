"""Every metric of a backtest in one flat mapping, the form that claims, reports and boards quote."""

from __future__ import annotations

import math

import numpy as np

from autarch.engine import Backtest, CostModel
from autarch.engine.result import Table
from autarch.market.types import Market
from autarch.metrics.capacity import capacity_by_impact, capacity_by_participation, impact_paid
from autarch.metrics.curve import (
    annual_return,
    buy_and_hold,
    calmar,
    longest_drawdown_bars,
    max_drawdown,
    total_return,
)
from autarch.metrics.daily import (
    DAY_MS,
    daily_returns,
    expected_shortfall,
    kurtosis,
    sharpe,
    skew,
    sortino,
    volatility,
    worst_day,
)
from autarch.metrics.trading import max_participation, turnover_per_day
from autarch.metrics.trips import independent_bets, round_trips
from autarch.metrics.versus import beta

_HOUR_MS = 3_600_000


def summarise(
    result: Backtest, market: Market, *, first_row: int = 0, costs: CostModel | None = None
) -> dict[str, float | None]:
    """Return the metrics of `result`, which was played on `market`.

    Fractions unless the name says otherwise; `fees`, `funding`, `slippage`, `average_trade` and
    `capacity_` in quote, `_days` and `_hours` in those, counts as floats. `max_exposure` is the largest sum
    of |exposure| at a close. None where undefined, never NaN or infinite.

    Args:
        result: The backtest.
        market: What it was played on; it may hold more symbols.
        first_row: First row on which a decision could count: figures per time, means over time and
            buy-and-hold begin there, so that a longer warm-up does not water them down.
        costs: What it was played with. Only `capacity_impact` needs it, and is None without.

    Raises:
        ValueError: the market's rows are not the backtest's, or `first_row` is none of them.
    """
    if market.n_bars != result.equity.size:
        raise ValueError(f"the market has {market.n_bars} bars and the backtest {result.equity.size}; pass its own")
    if not 0 <= first_row < result.equity.size:
        raise ValueError(f"first_row is {first_row}; the backtest has rows 0 to {result.equity.size - 1}")
    values = {
        **_returns(result, market, first_row),
        **_exposures(result, first_row),
        **_trips(result),
        **_trading(result, market, first_row, costs),
    }
    return {name: None if value is None or not math.isfinite(value) else float(value) for name, value in values.items()}


def _days(result: Backtest, first_row: int) -> float:
    return (result.equity.size - first_row) * result.interval_ms / DAY_MS


def _returns(result: Backtest, market: Market, first_row: int) -> dict[str, float | None]:
    days, ts = _days(result, first_row), market.ts[first_row:]
    daily = daily_returns(result.equity[first_row:], ts, interval_ms=result.interval_ms)
    total = total_return(result.equity, capital=result.capital)
    annual, deepest = annual_return(total, days=days), max_drawdown(result.drawdown)
    held = buy_and_hold(market, result.symbols)[first_row:]
    held_daily = daily_returns(held, ts, interval_ms=result.interval_ms)
    held_total = float(held[-1] / held[0]) - 1.0
    return {
        "days": days,
        "final_equity": float(result.equity[-1]),
        "total_return": total,
        "annual_return": annual,
        "volatility": volatility(daily),
        "sharpe": sharpe(daily),
        "sortino": sortino(daily),
        "calmar": calmar(annual, deepest),
        "max_drawdown": deepest,
        "max_drawdown_days": longest_drawdown_bars(result.drawdown) * result.interval_ms / DAY_MS,
        "expected_shortfall_95": expected_shortfall(daily, level=0.95),
        "expected_shortfall_99": expected_shortfall(daily, level=0.99),
        "worst_day": worst_day(daily),
        "skew": skew(daily),
        "kurtosis": kurtosis(daily),
        "ruined": float(result.ruined_row is not None),
        "buy_and_hold_return": held_total,
        "buy_and_hold_sharpe": sharpe(held_daily),
        "beta": beta(daily, held_daily),
        "excess_return": None if total is None else total - held_total,
    }


def _exposures(result: Backtest, first_row: int) -> dict[str, float | None]:
    gross = np.abs(result.exposure[first_row:]).sum(axis=1)
    gap = float(result.liquidation_gap.min())
    return {
        "time_in_market": float((gross != 0.0).mean()),
        "mean_exposure": float(gross.mean()),
        "max_exposure": float(gross.max()),
        "min_liquidation_gap": gap if math.isfinite(gap) else None,
    }


def _trips(result: Backtest) -> dict[str, float | None]:
    trips = round_trips(result.fills, result.funding)
    return {
        "round_trips": float(trips.size),
        "independent_bets": float(independent_bets(trips)),
        "hit_rate": _mean(trips["profit"] > 0.0),
        "profit_factor": _profit_factor(trips),
        "average_trade": _mean(trips["profit"]),
        "mean_holding_hours": _hours(trips, result.interval_ms),
    }


def _hours(trips: Table, interval_ms: int) -> float | None:
    bars = _mean(trips["exit_row"] - trips["entry_row"])
    return None if bars is None else bars * interval_ms / _HOUR_MS


def _profit_factor(trips: Table) -> float | None:
    losses = -float(trips["profit"][trips["profit"] < 0.0].sum())
    return float(trips["profit"][trips["profit"] > 0.0].sum()) / losses if losses > 0.0 else None


def _mean(values: Table) -> float | None:
    return float(values.mean()) if values.size else None


def _trading(result: Backtest, market: Market, first_row: int, costs: CostModel | None) -> dict[str, float | None]:
    participation = max_participation(result, market)
    return {
        "n_fills": float(result.fills.size),
        "n_skipped": float(result.skipped.size),
        "turnover_per_day": turnover_per_day(result, days=_days(result, first_row)),
        "max_participation": participation,
        "capacity_participation": capacity_by_participation(result.capital, participation),
        "capacity_impact": None if costs is None else _capacity_by_impact(result, costs),
        "fees": result.totals.fees,
        "funding": result.totals.funding,
        "slippage": result.totals.slippage,
        "liquidations": float(result.liquidations.size),
    }


def _capacity_by_impact(result: Backtest, costs: CostModel) -> float | None:
    if result.fills.size == 0:
        return None
    impact = impact_paid(result, half_spread_bps=costs.half_spread_bps)
    return capacity_by_impact(result.capital, profit=float(result.equity[-1]) - result.capital, impact=impact)
