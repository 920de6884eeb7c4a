"""Decisions asked bar by bar, ahead or not, are the blocks' decisions, and their inputs have a digest."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.manifest import parse_source
from autarch.sandbox.worker import Worker
from live.brain import Ahead, Brain

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
N_BARS = 2300  # somewhere in them a block of 2,048 begins


def source(extra="pass"):
    return parse_source(slug="probe", manifest_bytes=MANIFEST.encode(), code=CODE.format(extra=extra).encode())


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


def test_decisions_asked_ahead_equal_whole_blocks_bit_for_bit(worker, bars):
    table, counting = rows_that_count(worker, bars)
    first = int(counting[0])
    ahead = Ahead(Brain(worker, source(), bars), n_rows=N_BARS, depth=16)
    try:
        found = {row: ahead.decide(row) for row in range(first - 2, first + 120)}
    finally:
        ahead.close()

    assert found[first - 1] is None
    for row in range(first, first + 120):
        for column, symbol in enumerate(table.symbols):
            assert found[row].symbols[symbol]["exposure"] == table.exposure[row, column]
            assert found[row].symbols[symbol]["stop_loss"] == table.stop_loss[row, column]
            assert found[row].symbols[symbol]["take_profit"] is None


def test_the_inputs_digest_changes_with_any_bar_up_to_the_decision_and_with_none_after(worker, bars):
    _, counting = rows_that_count(worker, bars)
    row = int(counting[5])

    def digest(changed_row):
        volume = bars.series[1].volume.copy()
        if changed_row is not None:
            volume[changed_row] += 1.0
        changed = dataclasses.replace(bars.series[1], volume=volume)
        brain = Brain(worker, source(), dataclasses.replace(bars, series=(bars.series[0], changed)))
        try:
            return brain.decide(row).inputs
        finally:
            brain.close()

    assert digest(None) == digest(row + 1)
    assert len({digest(None), digest(row), digest(0)}) == 3


def test_a_failing_strategy_fails_at_its_own_bar(worker, bars):
    _, counting = rows_that_count(worker, bars)
    first = int(counting[0])
    bad = source("assert len(bars.close) < 40")
    ahead = Ahead(Brain(worker, bad, bars), n_rows=N_BARS, depth=64)
    try:
        for row in range(first, first + 9):  # windows of 31 to 39 bars
            assert ahead.decide(row) is not None
        with pytest.raises(StrategyError, match="AssertionError"):
            ahead.decide(first + 9)
    finally:
        ahead.close()
