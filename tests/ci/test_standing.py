"""Two strategies are compared on a few blocks first: the plan for those counts their rows and no other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.evaluation import Block
from autarch.evaluation.sets import BlockPlan
from ci.checks.standing import SAMPLED_BLOCKS, sampled

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
