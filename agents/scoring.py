"""Score parameter sets of one strategy on train bars: the only bars a proposer ever sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from agents.study import Trial
from agents.tuner import ScoreMany
from autarch.decisions import Decisions
from autarch.engine import Backtest, CostModel, backtest
from autarch.evaluation import decide_blocks
from autarch.manifest import ParamValue, StrategySource
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Market
from autarch.metrics import summarise
from autarch.sandbox.worker import Worker
from autarch.sweep import Place, Sweep, SweptTrial


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every parameter set is scored with. `market` is train; `capital` in quote units."""

    worker: Worker
    source: StrategySource
    market: Market
    lock: DatasetLock
    capital: float
    jobs: int = 1

    def play(self, params: Mapping[str, ParamValue]) -> tuple[Decisions, Backtest]:
        """Return the decisions of one parameter set and what they would have earned.

        Raises:
            StrategyError: the strategy refuses these numbers.
        """
        decisions = decide_blocks(self.worker, self.source, self.market, params=params)
        costs = CostModel.from_lock(self.lock)
        return decisions, backtest(self.market, decisions, costs=costs, capital=self.capital)

    @contextmanager
    def scorer(self) -> Iterator[ScoreMany]:
        """Give a function that scores parameter sets together, each by `autarch.sweep.OBJECTIVE`."""
        costs = CostModel.from_lock(self.lock)
        place = Place(jobs=self.jobs)
        with Sweep(
            self.source, self.market, costs=costs, capital=self.capital, place=place, worker=self.worker
        ) as running:
            yield lambda parameter_sets: [trial_of(trial) for trial in running.run(parameter_sets)]

    def measure(self, params: Mapping[str, ParamValue]) -> dict[str, float | None]:
        """Return every metric of one parameter set on train."""
        decisions, result = self.play(params)
        return summarise(result, self.market, first_row=decisions.first_row())


def trial_of(swept: SweptTrial) -> Trial:
    """Return what a study keeps of a swept trial."""
    return Trial(
        params=swept.params,
        score=swept.score,
        sharpe=swept.sharpe,
        decisions=swept.decisions,
        detail=swept.detail,
    )
