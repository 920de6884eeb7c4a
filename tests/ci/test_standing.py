"""Two strategies compared: on a few blocks first, and by return, drawdown and shortfall, cash being nothing of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from autarch.evaluation import Block
from autarch.evaluation.sets import BlockPlan
from ci.checks.ground import Curve
from ci.checks.standing import SAMPLED_BLOCKS, Beside, is_dominated, sampled

KEEP = 10


@dataclass
class Manifest:
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")


@dataclass
class Frames:
    n_bars: int
    manifest: Manifest


def plan(n_blocks: int) -> BlockPlan:
    n_bars = KEEP * (n_blocks + 1)
    counts = np.ones((n_bars, 2), dtype=np.bool_)
    counts[:KEEP] = False
    blocks = [Block(start=first - KEEP, first=first, end=first + KEEP) for first in range(KEEP, n_bars, KEEP)]
    return BlockPlan(
        frames=Frames(n_bars, Manifest()),
        nothing=np.full((n_bars, 2), np.nan),
        asked=tuple((block, Manifest().symbols) for block in blocks),
        counts=counts,
        partly=np.arange(KEEP),
        first_row=KEEP,
    )


def test_a_sample_counts_the_rows_of_its_blocks_and_no_other() -> None:
    found = sampled(plan(3 * SAMPLED_BLOCKS), np.random.default_rng(1))

    rows = np.concatenate([np.arange(block.first, block.end) for block, _ in found.asked])
    assert len(found.asked) == SAMPLED_BLOCKS
    assert np.flatnonzero(found.counts.all(axis=1)).tolist() == rows.tolist()
    assert np.flatnonzero(found.counts.any(axis=1)).tolist() == rows.tolist()
    assert found.first_row == rows[0]
    assert sorted({*range(found.shape[0])} - {*rows.tolist()}) == found.partly.tolist()


def test_few_blocks_are_all_asked() -> None:
    few = plan(SAMPLED_BLOCKS)

    assert sampled(few, np.random.default_rng(1)) is few


def curve(*equity: float) -> Curve:
    """A curve of daily closes."""
    day = 86_400_000
    ts = np.arange(len(equity), dtype=np.int64) * day
    return Curve(capital=100.0, equity=np.array(equity), ts=ts, interval_ms=day, first_row=0, is_ruined=False)


@pytest.mark.parametrize(
    ("candidate", "incumbent", "dominated"),
    [
        (curve(100, 99, 100.5), None, False),  # 0.5 % earned, with a fall that cash never has
        (curve(100, 99, 100), None, True),  # nothing earned, and a fall
        (curve(100, 99, 98), None, True),
        (curve(100, 100, 100), None, False),  # cash itself: better in nothing
        (curve(100, 99, 102), curve(100, 99, 103), True),  # the same fall, less earned
        (curve(100, 98, 102), curve(100, 99, 102), True),  # as much earned, a deeper fall
        (curve(100, 98, 104), curve(100, 99, 103), False),  # more earned for a deeper fall
        (curve(100, 99, 102), curve(100, 99, 102), False),
    ],
)
def test_dominated_is_who_is_better_in_nothing_and_worse_in_one(candidate, incumbent, dominated) -> None:
    assert is_dominated(candidate, incumbent) is dominated


def test_being_flat_together_is_no_likeness() -> None:
    def found(held_alike: float) -> float:
        return Beside(slug="x", alike=0.95, held_alike=held_alike, direction=0.0).likeness

    assert (found(0.49), found(0.5), found(1.0)) == (0.49, 0.95, 0.95)
