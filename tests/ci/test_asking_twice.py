"""Faults that the source policy refuses first: the checks behind it find them all the same."""

from __future__ import annotations

import pytest

from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.sandbox.failure import StrategyRunError
from ci.checks import causality

from .conftest import SEEN

COUNTING = """\
    SEEN.append(1)
    return Targets(exposure=np.full(len(bars), 1.0 / (1 + len(SEEN))))
"""
FRAIL = """\
    wild = np.abs(bars.close[1:] / bars.close[:-1] - 1.0) > 0.5
    return Targets(exposure=np.full(len(bars), 2.0 if wild.any() else 0.5))
"""
PEEKS_AND_BREAKS = """\
    stop = 4.0 * np.max(np.abs(np.diff(np.log(bars.close))))
    return Targets(exposure=np.where(bars.close > bars.open, 0.5, -0.5), stop_loss=stop)
"""
SHORT_SIGHTED = """\
    return Targets(exposure=np.full(len(bars), 0.5 if len(bars) % 7 else 2.0))
"""
PROUD_OF_NAN = """\
    return Targets(exposure=np.where(np.isnan(bars.close).any(), np.nan, np.where(bars.close > bars.open, 1.0, 0.0)))
"""


def test_state_that_determinism_misses_fails_causality(evaluated, workers) -> None:
    stateful = evaluated(COUNTING, head=SEEN)
    decisions = decide_blocks(workers.main, stateful.source, stateful.market)

    answer = causality.check(stateful, decisions)

    assert answer.verdict == "failed"
    assert next(m for m in answer.measures if m.name == "fresh_cuts_differing").value > 0


def test_a_strategy_that_breaks_on_wild_bars_fails_with_the_poison_named(evaluated, workers) -> None:
    frail = evaluated(FRAIL)
    decisions = decide_blocks(workers.main, frail.source, frail.market)

    with pytest.raises(StrategyError, match=r"later bars replaced by spikes.*max_leverage.*hold for any bars"):
        causality.check(frail, decisions)


def test_a_peek_is_told_where_the_poison_breaks_the_strategy_too(evaluated, workers) -> None:
    both = evaluated(PEEKS_AND_BREAKS)
    decisions = decide_blocks(workers.main, both.source, both.market)

    answer = causality.check(both, decisions)

    assert answer.verdict == "failed"
    assert "when later bars are there" in answer.detail
    found = {measure.name: measure.value for measure in answer.measures}
    assert found["cuts_differing"] > 0
    assert "poisoned_blocks" not in found  # what broke proves nothing either way


def test_a_strategy_that_breaks_on_a_shorter_window_fails_with_the_bar_named(evaluated, workers) -> None:
    breaks = evaluated(SHORT_SIGHTED)
    decisions = decide_blocks(workers.main, evaluated(SHORT_SIGHTED.replace("2.0", "0.5")).source, breaks.market)

    with pytest.raises(
        StrategyRunError, match=r"asked about (BTC|ETH)USDT at train row \d+, .* with no later bar"
    ) as told:
        causality.check(breaks, decisions)
    assert told.value.cause == "answer"


def test_failing_on_nan_bars_is_counted_and_forgiven(evaluated, workers) -> None:
    proud = evaluated(PROUD_OF_NAN)
    decisions = decide_blocks(workers.main, proud.source, proud.market)

    answer = causality.check(proud, decisions)

    assert answer.verdict == "passed"
    counted = {measure.name: measure.value for measure in answer.measures}
    assert counted["poisoned_raised_on_nan"] > 0
    assert counted["poisoned_blocks"] == 3 * counted["poisoned_raised_on_nan"]  # of noise and of spikes as many
