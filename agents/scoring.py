"""Score parameter sets of one strategy on train bars: the only bars a proposer ever sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agents.study import Trial
from autarch.decisions import Decisions
from autarch.engine import Backtest, CostModel, backtest
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.manifest import ParamValue, StrategySource
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Market
from autarch.metrics import daily_returns, sharpe, summarise
from autarch.sandbox.worker import Worker

FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every parameter set is scored with. `market` is train; `capital` in quote units."""

    worker: Worker
    source: StrategySource
    market: Market
    lock: DatasetLock
    capital: float

    def play(self, params: Mapping[str, ParamValue]) -> tuple[Decisions, Backtest]:
        """Return the decisions of one parameter set and what they would have earned.

        Raises:
            StrategyError: the strategy refuses these numbers.
        """
        decisions = decide_blocks(self.worker, self.source, self.market, params=params)
        costs = CostModel.from_lock(self.lock)
        return decisions, backtest(self.market, decisions, costs=costs, capital=self.capital)

    def score(self, params: Mapping[str, ParamValue]) -> Trial:
        """Return the trial of one parameter set; see `agents.tuner.OBJECTIVE`.

        Raises:
            StrategyError: the strategy refuses these numbers, never trades with them, or is ruined.
        """
        decisions, result = self.play(params)
        if result.ruined_row is not None:
            raise StrategyError(f"ruined at row {result.ruined_row}")
        if len(result.fills) == 0:
            raise StrategyError("never trades")
        since = decisions.first_row()
        returns = daily_returns(result.equity[since:], self.market.ts[since:], interval_ms=self.market.interval_ms)
        folds = [sharpe(fold) for fold in np.array_split(returns, FOLDS)]
        whole = sharpe(returns)
        known = [fold for fold in folds if fold is not None]
        if whole is None or len(known) < FOLDS:
            raise StrategyError("a quarter of train without any return; nothing to compare")
        score = float(np.mean(known) - 0.5 * np.std(known))
        return Trial(params=dict(params), score=score, sharpe=whole, decisions=decisions.digest())

    def measure(self, params: Mapping[str, ParamValue]) -> dict[str, float | None]:
        """Return every metric of one parameter set on train."""
        decisions, result = self.play(params)
        return summarise(result, self.market, first_row=decisions.first_row())
