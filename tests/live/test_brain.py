"""Decisions asked bar by bar are the blocks' decisions, ahead-lookers are caught, and inputs have a digest."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks, frames_of
from autarch.manifest import parse_source
from autarch.sandbox.worker import Worker
from live.brain import PROVED_ROWS_MAX, Blockwise, Inputs, Stepwise, changing

from .conftest import market

MANIFEST = """schema = 1
name = "probe"
title = "A probe"
symbols = ["AAAUSDT", "BBBUSDT"]
interval = "15m"
mode = "each"
warmup = 30
max_leverage = 1.0
"""
CODE = '''"""Follow the last thirty closes.

Thesis: none; a test.
Source: own choice.
Dies when: the test ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Be long above the mean."""
    mean = pd.Series(bars.close).rolling(30).mean().to_numpy()
    {extra}
    return Targets(exposure=np.where(bars.close > mean, 1.0, 0.0), stop_loss=0.02)
'''
N_BARS = 2300  # of 15 minutes: a block of 2,016 begins at row 96 and the next at 2,112


def source(extra="pass", mode="each"):
    manifest, code = MANIFEST.replace("each", mode), CODE.format(extra=extra)
    if mode == "panel":
        code = code.replace("pd.Series(", "pd.DataFrame(").replace("1.0, 0.0", "0.5, 0.0")
    return parse_source(slug="probe", manifest_bytes=manifest.encode(), code=code.encode())


@pytest.fixture(scope="module")
def worker():
    with Worker() as started:
        yield started


@pytest.fixture(scope="module")
def bars():
    return market(n_bars=N_BARS)


def rows_that_count(worker, bars):
    table = decide_blocks(worker, source(), bars)
    return table, np.flatnonzero(table.counts[:, 0])


def test_a_bar_asked_alone_and_in_its_block_are_one_decision_and_one_digest_in_each_block(worker, bars):
    table, counting = rows_that_count(worker, bars)
    first, last = int(counting[0]), N_BARS - 1
    rows = [first - 1, *range(first, first + 20), *range(last - 20, last + 1)]
    stepwise, blockwise = Stepwise(worker, source(), bars), Blockwise(worker, source(), bars)
    try:
        alone = [stepwise.answer(row) for row in rows]
    finally:
        stepwise.close()

    together = [blockwise.answer(row) for row in rows]

    assert together == alone
    assert alone[0] is None
    for row, found in zip(rows[1:], alone[1:], strict=True):
        for column, symbol in enumerate(table.symbols):
            assert found.symbols[symbol] == {
                "exposure": table.exposure[row, column],
                "stop_loss": table.stop_loss[row, column],
                "take_profit": None,
            }


@pytest.mark.parametrize("mode", ["each", "panel"])
def test_a_strategy_that_sees_the_bars_after_a_decision_never_trades(worker, bars, mode):
    peeking = source("mean = np.roll(mean, -1, axis=0)", mode=mode)
    brain = Blockwise(worker, peeking, bars)

    with pytest.raises(StrategyError, match=r"probe: exposure at bar .* looks ahead, so nothing is traded"):
        brain.answer(N_BARS - 1)


def test_what_is_asked_twice_is_spread_over_the_decisions_that_change_something(worker, bars):
    table, counting = rows_that_count(worker, bars)

    cuts = changing(table)

    assert len(cuts) == PROVED_ROWS_MAX
    assert counting[0] <= cuts[0].row < cuts[-1].row
    assert cuts[-1].row > N_BARS - 30
    assert {cut.symbol_index for cut in cuts} == {0, 1}
    for cut in cuts:
        before, after = table.exposure[cut.row - 1 : cut.row + 1, cut.symbol_index]
        assert before != after


def test_the_inputs_digest_changes_with_any_bar_up_to_the_decision_and_with_none_after(bars):
    row = 1500

    def digest(changed_row):
        volume = bars.series[1].volume.copy()
        if changed_row is not None:
            volume[changed_row] += 1.0
        changed = dataclasses.replace(bars.series[1], volume=volume)
        made = dataclasses.replace(bars, series=(bars.series[0], changed))
        return Inputs(source(), made, frames_of(source().manifest, made)).of(row)

    assert digest(None) == digest(row + 1)
    assert len({digest(None), digest(row), digest(0)}) == 3


def test_a_failing_strategy_fails_at_its_own_bar(worker, bars):
    _, counting = rows_that_count(worker, bars)
    first = int(counting[0])
    bad = source("assert len(bars.close) < 40")
    brain = Stepwise(worker, bad, bars)
    try:
        for row in range(first, first + 9):  # windows of 31 to 39 bars
            assert brain.answer(row) is not None
        with pytest.raises(StrategyError, match="AssertionError"):
            brain.answer(first + 9)
    finally:
        brain.close()
