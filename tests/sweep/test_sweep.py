"""A sweep's trials: what a backtest of each set alone would say, however many run side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autarch.engine import CostModel, backtest
from autarch.errors import StrategyError, UsageError
from autarch.evaluation import decide_blocks
from autarch.metrics import daily_returns, sharpe
from autarch.sweep import FOLDS, Place, Sweep, best_first, score_of, sweep
from autarch.sweep.sweep import BYTES_TOGETHER_MAX, SETS_A_CHILD_MAX, batches_of, gathered

COSTS = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
GRID = [{"fast": fast, "slow": slow} for fast in (3, 5, 9) for slow in (12, 20, 5)]


@pytest.fixture(scope="module")
def trials(worker, strategy, market):
    return sweep(strategy, market, GRID, costs=COSTS, capital=100_000.0, worker=worker)


def test_each_trial_says_what_a_backtest_of_that_set_alone_says(worker, strategy, market, trials) -> None:
    for trial in trials:
        if trial.params["fast"] >= trial.params["slow"]:
            continue
        decisions = decide_blocks(worker, strategy, market, params=trial.params)
        played = backtest(market, decisions, costs=COSTS, capital=100_000.0)
        since = decisions.first_row()
        daily = daily_returns(played.equity[since:], market.ts[since:], interval_ms=market.interval_ms)
        folds = [sharpe(fold) for fold in np.array_split(daily, FOLDS)]

        assert trial.decisions == decisions.digest()
        assert trial.final_equity == float(played.equity[-1])
        assert trial.n_fills == played.fills.size > 0
        assert trial.sharpe == sharpe(daily)
        assert trial.score == float(np.mean(folds) - 0.5 * np.std(folds))


def test_a_set_the_strategy_refuses_says_why_and_stops_no_other(trials) -> None:
    refused = [trial for trial in trials if trial.score is None]

    assert [trial.params for trial in refused] == [{"fast": 5, "slow": 5}, {"fast": 9, "slow": 5}]
    assert all("fast is not below slow" in trial.detail for trial in refused)
    assert [trial.params for trial in trials] == GRID


def test_three_jobs_give_the_same_trials_as_one(worker, strategy, market, trials) -> None:
    said: list[str] = []
    with Sweep(
        strategy, market, costs=COSTS, capital=100_000.0, place=Place(jobs=3), worker=worker, progress=said.append
    ) as running:
        again = running.run(GRID)
        reversed_again = running.run(GRID[::-1])

    assert again == trials
    assert reversed_again == trials[::-1]
    assert said[:3] == ["3/9 parameter sets", "6/9 parameter sets", "9/9 parameter sets"]


def test_without_digests_everything_else_stays(worker, strategy, market, trials) -> None:
    with Sweep(strategy, market, costs=COSTS, capital=100_000.0, worker=worker, digests=False) as running:
        assert running.run(GRID) == [replace(trial, decisions=None) for trial in trials]


def test_a_set_that_never_trades_and_one_that_is_ruined_have_no_score(worker, strategy, market) -> None:
    dear = replace(COSTS, fee_factor=2000.0)  # 0.055 % x 2000: a fill costs more than what it buys
    flat = sweep(strategy, market, [{"size": 0.0}], costs=COSTS, capital=100_000.0, worker=worker)
    ruined = sweep(strategy, market, [{"size": 1.0}], costs=dear, capital=100_000.0, worker=worker)

    assert (flat[0].score, flat[0].detail, flat[0].n_fills) == (None, "never trades", 0)
    assert ruined[0].score is None
    assert ruined[0].detail.startswith("ruined at row ")


def test_the_best_come_first_and_of_equals_the_earlier(trials) -> None:
    twice = [trials[0], *trials, trials[0]]

    ranked = best_first(twice)

    assert len(ranked) == len([trial for trial in twice if trial.score is not None])
    assert [trial.score for trial in ranked] == sorted((trial.score for trial in ranked), reverse=True)
    at = ranked.index(trials[0])
    assert ranked[at] is twice[0]


def test_a_curve_with_a_quarter_at_rest_has_no_score() -> None:
    ts = np.arange(400, dtype=np.int64) * 86_400_000 // 2
    equity = 100.0 + np.cumsum(np.where(np.arange(400) < 290, np.sin(np.arange(400.0)), 0.0))

    with pytest.raises(StrategyError, match="a quarter of train without any return"):
        score_of(equity, ts, interval_ms=43_200_000)


@pytest.mark.parametrize(("n_sets", "lanes"), [(0, 1), (1, 4), (9, 2), (100, 1), (100, 3), (1000, 2)])
def test_batches_hold_every_set_once_and_part_the_work_evenly(n_sets, lanes) -> None:
    sets = [{"fast": i} for i in range(n_sets)]

    batches = batches_of(sets, lanes=lanes, bytes_a_set=1_000)
    sizes = [len(batch) for batch in batches]

    assert gathered(batches) == sets
    assert len(batches) % lanes == 0 or len(batches) == n_sets
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert not sizes or max(sizes) <= SETS_A_CHILD_MAX


def test_batches_of_a_large_market_stay_within_memory_and_one_set_is_the_least() -> None:
    sets = [{"fast": i} for i in range(50)]

    assert max(map(len, batches_of(sets, lanes=2, bytes_a_set=BYTES_TOGETHER_MAX // 8))) == 4
    assert max(map(len, batches_of(sets, lanes=2, bytes_a_set=BYTES_TOGETHER_MAX * 8))) == 1


def test_no_jobs_are_refused_and_a_scheduler_nobody_runs_is_named(strategy, market) -> None:
    with pytest.raises(UsageError, match="jobs is 0"):
        sweep(strategy, market, GRID, costs=COSTS, capital=1.0, jobs=0)
