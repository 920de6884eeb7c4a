"""Strategies that break no law meet no false alarm: policy, determinism, causality, warm-up and memory pass."""

from __future__ import annotations

import pytest
import talib

from autarch.manifest import INTERVAL_MS
from autarch.strategy import ops
from autarch.strategy.contract import CALENDAR, COLUMNS

from .features import features_of
from .ground import CHECKS, Ground, candidate_of, slugs
from .guide import candidate_of_body
from .table import row_of

SLUGS = slugs()
A_FEW = ("funding_settlement", "pairs_log_ratio", "rsi_pullback")
"""Asked in the fast suite too."""

KINDS = (
    *(f"ops.{name}" for name in ops.__all__),
    *(f"talib: {group}" for group in talib.get_function_groups()),
    *(f"bars.{name}" for name in (*COLUMNS, *CALENDAR, "resample", "spread")),
    *(f"interval {interval}" for interval in INTERVAL_MS),
    *("pandas.rolling", "pandas.ewm", "pandas.groupby", "numpy", "math"),
    *("loop", "comprehension", "lambda", "helper", "each", "panel", "context", "search", "no parameters"),
    *("stop_loss number", "stop_loss array", "take_profit number", "take_profit array"),
    *("leverage up to 1", "leverage above 1"),
)
"""What the set must use somewhere."""


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_an_honest_strategy_meets_no_false_alarm(ground: Ground, slug: str) -> None:
    row = row_of(ground, slug)

    assert row.alarms == ()
    assert row.verdicts == dict.fromkeys(CHECKS, "passed")


@pytest.mark.parametrize("slug", A_FEW)
def test_a_few_honest_strategies_meet_no_false_alarm(ground: Ground, slug: str) -> None:
    assert row_of(ground, slug).alarms == ()


def test_a_strategy_that_is_not_honest_raises_an_alarm(ground: Ground) -> None:
    peeking = candidate_of_body("return Targets(exposure=np.where(bars.close < bars.close[-1], 1.0, 0.0))")

    assert {answer.name for answer in ground.ask(peeking) if answer.verdict == "failed"} >= {"causality"}


def test_the_set_is_large_and_uses_the_whole_contract() -> None:
    used = {feature for slug in SLUGS for feature in features_of(candidate_of(slug).source)}

    assert len(SLUGS) >= 40
    assert [kind for kind in KINDS if kind not in used] == []
