"""What a strategy is played on again and again: bars made ready once, curves instead of tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import Backtest, CostModel
from autarch.engine.prepared import Prepared, prepare
from autarch.manifest import Manifest, StrategySource
from autarch.market.types import Floats, Ints, Market
from autarch.metrics import annual_return, daily_returns, expected_shortfall, max_drawdown, round_trips, sharpe
from autarch.metrics.daily import DAY_MS


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What some decisions came to.

    Attributes:
        capital: Quote at the start.
        equity: (n,) at each close of the market's rows.
        ts: (n,) bar opens, epoch ms.
        interval_ms: Length of a bar.
        first_row: First row on which a decision could count: what is told begins there.
        is_ruined: Whether a close left no equity.
        result: The whole backtest, where somebody will show its trades.
    """

    capital: float
    equity: Floats
    ts: Ints
    interval_ms: int
    first_row: int
    is_ruined: bool
    result: Backtest | None = None

    @cached_property
    def daily(self) -> Floats:
        """One return a UTC day."""
        first = self.first_row
        return daily_returns(self.equity[first:], self.ts[first:], interval_ms=self.interval_ms)

    @cached_property
    def calendar(self) -> Floats:
        """One return for each UTC day of the market, 0.0 before the first decision and after ruin."""
        daily = daily_returns(self.equity, self.ts, interval_ms=self.interval_ms)
        count = int(np.unique((self.ts + self.interval_ms - 1) // DAY_MS).size)
        return np.concatenate([daily, np.zeros(count - daily.size)])

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.equity.size - self.first_row) * self.interval_ms / DAY_MS

    @property
    def total(self) -> float:
        """Return of the whole, a fraction; -1.0 at ruin."""
        return -1.0 if self.is_ruined else float(self.equity[-1]) / self.capital - 1.0

    @property
    def annual(self) -> float | None:
        """Compound return a year."""
        return annual_return(self.total, days=self.days)

    @cached_property
    def sharpe(self) -> float:
        """Annual Sharpe ratio; 0.0 for a curve without spread, which took no risk and earned nothing."""
        return sharpe(self.daily) or 0.0

    @cached_property
    def drawdown(self) -> float:
        """Deepest fraction below the running peak, the capital included."""
        peaks = np.maximum(np.maximum.accumulate(self.equity), self.capital)
        return max_drawdown(1.0 - self.equity / peaks) or 0.0

    @cached_property
    def shortfall(self) -> float:
        """Expected shortfall of daily returns at 95 %, zero when even the worst days gained."""
        return max(0.0, expected_shortfall(self.daily, level=0.95) or 0.0)


class Ground:
    """Bars on which decisions of one manifest are played, at any multiple of the costs.

    Args:
        manifest: Whose decisions.
        market: Bars of every symbol of it.
        costs: What trading costs.
        capital: Quote each play starts with.
    """

    def __init__(self, manifest: Manifest, market: Market, *, costs: CostModel, capital: float) -> None:
        self.manifest, self.market, self.costs, self.capital = manifest, market, costs, capital
        self._usual = self._prepared(costs)

    def curve(self, decisions: Decisions, *, costs_factor: float = 1.0, delay: int = 0) -> Curve:
        """Return what `decisions` come to, each acted on `delay` bars later than decided.

        Raises:
            DataError: as `autarch.engine.backtest`.
        """
        prepared = self._usual if costs_factor == 1.0 else self._prepared(self.costs.scaled(costs_factor))
        wanted = _later(decisions.exposure, delay, 0.0)
        stops, takes = (
            None if array.strides == (0, 0) else _later(array, delay, np.nan)  # the plan's `nothing`
            for array in (decisions.stop_loss, decisions.take_profit)
        )
        equity, _, ruined = prepared.equity(wanted, stops, takes, capital=self.capital)
        return Curve(
            capital=self.capital,
            equity=equity,
            ts=self.market.ts,
            interval_ms=self.market.interval_ms,
            first_row=decisions.first_row(),
            is_ruined=ruined is not None,
        )

    def result(self, decisions: Decisions) -> Backtest:
        """Return what `decisions` come to with every fill, at the usual costs.

        Raises:
            DataError, StrategyError: as `Prepared.play`.
        """
        return self._usual.play(decisions, capital=self.capital)

    def holding_bars(self, decisions: Decisions) -> float | None:
        """Return the mean length of a closed round trip in bars, None without any."""
        trips = round_trips(self.result(decisions).fills)
        return float((trips["exit_row"] - trips["entry_row"]).mean()) if trips.size else None

    def _prepared(self, costs: CostModel) -> Prepared:
        manifest = self.manifest
        return prepare(
            self.market,
            manifest.symbols,
            costs=costs,
            max_leverage=manifest.max_leverage,
            mode=manifest.mode,
            interval=manifest.interval,
        )


def _later(array: Floats, delay: int, empty: float) -> Floats:
    if delay == 0:
        return array
    moved = np.full(array.shape, empty)
    moved[delay:] = array[:-delay]
    return moved


Play = Callable[[StrategySource, Market], Ground]
"""Makes ready the bars on which a strategy is to be played."""
