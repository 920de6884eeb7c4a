"""Numbers that describe a backtest: pure functions of its arrays, each with its formula and source.

A metric that is undefined (no return, no spread, no loss to divide by) is None, never NaN or infinite.
"""

from autarch.metrics.account import joined
from autarch.metrics.capacity import (
    PARTICIPATION_MAX,
    capacity_by_impact,
    capacity_by_participation,
    impact_paid,
)
from autarch.metrics.curve import (
    annual_return,
    buy_and_hold,
    calmar,
    longest_drawdown_bars,
    max_drawdown,
    total_return,
)
from autarch.metrics.daily import (
    daily_returns,
    expected_shortfall,
    kurtosis,
    sharpe,
    skew,
    sortino,
    volatility,
    worst_day,
)
from autarch.metrics.summary import summarise
from autarch.metrics.trading import max_participation, turnover_per_day
from autarch.metrics.trips import TRIP, independent_bets, round_trips
from autarch.metrics.versus import ALIKE_TOLERANCE, alike, beta, correlation

__all__ = [
    "ALIKE_TOLERANCE",
    "PARTICIPATION_MAX",
    "TRIP",
    "alike",
    "annual_return",
    "beta",
    "buy_and_hold",
    "calmar",
    "capacity_by_impact",
    "capacity_by_participation",
    "correlation",
    "daily_returns",
    "expected_shortfall",
    "impact_paid",
    "independent_bets",
    "joined",
    "kurtosis",
    "longest_drawdown_bars",
    "max_drawdown",
    "max_participation",
    "round_trips",
    "sharpe",
    "skew",
    "sortino",
    "summarise",
    "total_return",
    "turnover_per_day",
    "volatility",
    "worst_day",
]
