"""What every parameter set of a sweep is decided and played on, prepared once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import CostModel
from autarch.engine.prepared import prepare
from autarch.errors import StrategyError
from autarch.evaluation.frames import frames_of
from autarch.evaluation.sets import decide_sets, plan_of
from autarch.manifest import ParamValue, StrategySource
from autarch.market.types import Floats, Ints, Market
from autarch.metrics.daily import DAY_MS
from autarch.sandbox.worker import Worker
from autarch.sweep.score import score_of
from autarch.sweep.trial import SweptTrial

ParameterSet = Mapping[str, ParamValue]
_DETAIL_MAX = 200


class Stage:
    """One strategy on one market: windows planned, rows of the score chosen. Safe to use from several threads.

    Args:
        strategy: Whose parameters vary.
        market: The bars, of one split.
        costs: What trading costs beside fees.
        capital: Quote each set starts with.
        digests: Whether each trial names its decisions; hashing them takes as long as playing them.
    """

    def __init__(
        self, strategy: StrategySource, market: Market, *, costs: CostModel, capital: float, digests: bool
    ) -> None:
        manifest = strategy.manifest
        self._strategy, self._market, self._capital, self._digests = strategy, market, capital, digests
        self._prepared = prepare(
            market,
            manifest.symbols,
            costs=costs,
            max_leverage=manifest.max_leverage,
            mode=manifest.mode,
            interval=manifest.interval,
        )
        self._plan = plan_of(frames_of(manifest, market))
        self._rows = _marks(market, since=self._plan.first_row)

    def trials(self, worker: Worker, parameter_sets: Sequence[ParameterSet]) -> list[SweptTrial]:
        """Return one trial for each parameter set, in order, decided in one child of `worker`.

        Raises:
            DataError: the market cannot be played.
            SandboxError: a child could not be confined, or was killed from outside.
        """
        decided = decide_sets(worker, self._strategy, self._plan, parameter_sets)
        return [self._trial(dict(params), decisions) for params, decisions in zip(parameter_sets, decided, strict=True)]

    def _trial(self, params: dict[str, ParamValue], decided: Decisions | StrategyError) -> SweptTrial:
        if isinstance(decided, StrategyError):
            return SweptTrial(params=params, detail=str(decided)[:_DETAIL_MAX])
        stop, take = (None if a is self._plan.nothing else a for a in (decided.stop_loss, decided.take_profit))
        equity, n_fills, ruined_row = self._prepared.equity(decided.exposure, stop, take, capital=self._capital)
        trial = SweptTrial(
            params=params,
            final_equity=float(equity[-1]),
            n_fills=n_fills,
            decisions=decided.digest() if self._digests else None,
        )
        return self._scored(trial, equity, ruined_row)

    def _scored(self, trial: SweptTrial, equity: Floats, ruined_row: int | None) -> SweptTrial:
        if ruined_row is not None:
            return replace(trial, detail=f"ruined at row {ruined_row}")
        if not trial.n_fills:
            return replace(trial, detail="never trades")
        marks, ts = equity[self._rows], self._market.ts[self._rows]
        try:
            found = score_of(marks, ts, interval_ms=self._market.interval_ms)
        except StrategyError as error:
            return replace(trial, detail=str(error)[:_DETAIL_MAX])
        return replace(trial, score=found.score, sharpe=found.sharpe)


def _marks(market: Market, *, since: int) -> Ints:
    """Return the rows a score needs: `since`, and the last of each UTC day from there on.

    Daily returns of these rows alone are those of all rows: the first marks the beginning, each day ends with its last.
    """
    day = (market.ts[since:] + market.interval_ms - 1) // DAY_MS
    last = np.append(day[1:] != day[:-1], True)
    last[0] = True
    rows: Ints = since + np.flatnonzero(last)
    return rows
