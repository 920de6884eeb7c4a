"""Play many parameter sets of one strategy on one market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from autarch.engine import CostModel, backtest
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.manifest import ParamValue, StrategySource
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.sweep.score import score_of
from autarch.sweep.trial import SweptTrial

ParameterSet = Mapping[str, ParamValue]


class Sweep:
    """One strategy on one market, asked about batches of parameter sets; use it as a context manager."""

    def __init__(
        self,
        strategy: StrategySource,
        market: Market,
        *,
        costs: CostModel,
        capital: float,
        worker: Worker | None = None,
    ) -> None:
        self._strategy, self._market, self._costs, self._capital = strategy, market, costs, capital
        self._given, self._stack = worker, ExitStack()

    def __enter__(self) -> Self:
        self._worker = self._given or self._stack.enter_context(Worker())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, parameter_sets: Sequence[ParameterSet]) -> list[SweptTrial]:
        """Return one trial for each parameter set, in order."""
        return [self._trial(dict(params)) for params in parameter_sets]

    def _trial(self, params: dict[str, ParamValue]) -> SweptTrial:
        try:
            decisions = decide_blocks(self._worker, self._strategy, self._market, params=params)
        except StrategyError as error:
            return SweptTrial(params=params, detail=str(error))
        played = backtest(self._market, decisions, costs=self._costs, capital=self._capital)
        found = SweptTrial(
            params=params,
            final_equity=float(played.equity[-1]),
            n_fills=int(played.fills.size),
            decisions=decisions.digest(),
        )
        if played.ruined_row is not None:
            return _without_score(found, f"ruined at row {played.ruined_row}")
        if played.fills.size == 0:
            return _without_score(found, "never trades")
        since = decisions.first_row()
        try:
            scored = score_of(played.equity[since:], self._market.ts[since:], interval_ms=self._market.interval_ms)
        except StrategyError as error:
            return _without_score(found, str(error))
        return SweptTrial(
            params=params,
            score=scored.score,
            sharpe=scored.sharpe,
            final_equity=found.final_equity,
            n_fills=found.n_fills,
            decisions=found.decisions,
        )


def _without_score(found: SweptTrial, detail: str) -> SweptTrial:
    return SweptTrial(
        params=found.params,
        final_equity=found.final_equity,
        n_fills=found.n_fills,
        decisions=found.decisions,
        detail=detail,
    )


def sweep(  # noqa: PLR0913  all but three are named at the call
    strategy: StrategySource,
    market: Market,
    parameter_sets: Sequence[ParameterSet],
    *,
    costs: CostModel,
    capital: float,
    worker: Worker | None = None,
) -> list[SweptTrial]:
    """Return one trial for each parameter set, in order; see `Sweep`."""
    with Sweep(strategy, market, costs=costs, capital=capital, worker=worker) as running:
        return running.run(parameter_sets)
