"""Block arithmetic: which rows count, and what each may see."""

from __future__ import annotations

import dataclasses
import itertools

from hypothesis import given
from hypothesis import strategies as st

from autarch.evaluation import Anchoring, Block

ANCHORINGS = st.builds(
    Anchoring,
    first_bar=st.integers(0, 10_000),
    n_bars=st.integers(0, 400),
    block=st.integers(1, 60),
    warmup=st.integers(0, 90),
    first_row=st.integers(0, 50),
    shift=st.integers(-60, 60),
)


def test_blocks_begin_at_multiples_of_their_length_since_the_epoch() -> None:
    # Row 0 is bar 103, so bar 110 (11 * 10) is row 7; with 5 bars of warm-up its window begins at row 2.
    anchoring = Anchoring(first_bar=103, n_bars=30, block=10, warmup=5)

    assert anchoring.blocks() == (
        Block(start=2, first=7, end=17),
        Block(start=12, first=17, end=27),
        Block(start=22, first=27, end=30),  # cut by the end of the series
    )


def test_one_real_row_too_few_before_a_block_and_it_does_not_count() -> None:
    anchoring = Anchoring(first_bar=103, n_bars=20, block=10, warmup=7)

    assert [b.first for b in anchoring.blocks()] == [7, 17]
    assert [b.first for b in dataclasses.replace(anchoring, warmup=8).blocks()] == [17]
    assert [b.first for b in dataclasses.replace(anchoring, first_row=1).blocks()] == [17]


def test_a_block_that_began_before_the_series_never_counts_even_without_warm_up() -> None:
    anchoring = Anchoring(first_bar=103, n_bars=20, block=10, warmup=0)

    assert anchoring.blocks()[0].first == 7
    assert anchoring.prefix(6) is None
    assert anchoring.prefix(7) == Block(start=7, first=7, end=8)


@given(ANCHORINGS)
def test_blocks_never_overlap_and_leave_no_hole_between_them(anchoring: Anchoring) -> None:
    blocks = anchoring.blocks()

    for earlier, later in itertools.pairwise(blocks):
        assert earlier.end == later.first
    if blocks:
        assert blocks[-1].end == anchoring.n_bars


@given(ANCHORINGS)
def test_a_window_holds_its_whole_warm_up_and_real_rows_alone(anchoring: Anchoring) -> None:
    for block in anchoring.blocks():
        assert block.start == block.first - anchoring.warmup >= anchoring.first_row
        assert (anchoring.first_bar + block.first - anchoring.shift) % anchoring.block == 0
        assert 1 <= block.keep <= anchoring.block


@given(ANCHORINGS)
def test_the_prefix_form_counts_exactly_the_rows_of_blocks_and_starts_where_they_start(anchoring: Anchoring) -> None:
    by_row = {row: block for block in anchoring.blocks() for row in range(block.first, block.end)}

    for row in range(-1, anchoring.n_bars + 1):
        prefix, block = anchoring.prefix(row), by_row.get(row)
        if block is None:
            assert prefix is None
        else:
            assert prefix == Block(start=block.start, first=block.first, end=row + 1)


@given(ANCHORINGS, st.integers(0, 100), st.integers(0, 100))
def test_the_history_behind_a_bar_does_not_depend_on_where_the_series_begins_or_ends(
    anchoring: Anchoring, cut_before: int, cut_after: int
) -> None:
    shorter = dataclasses.replace(
        anchoring,
        first_bar=anchoring.first_bar + cut_before,
        n_bars=max(0, anchoring.n_bars - cut_before - cut_after),
        first_row=max(0, anchoring.first_row - cut_before),
    )

    for row in range(shorter.n_bars):
        here, there = shorter.prefix(row), anchoring.prefix(row + cut_before)
        if here is not None:
            assert there is not None
            assert here.start + shorter.first_bar == there.start + anchoring.first_bar
