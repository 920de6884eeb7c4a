"""Nonsense for a future: which bars it may replace, and what of them."""

from __future__ import annotations

import numpy as np

from autarch.evaluation import Block
from ci.checks.poison import CLOSE, FUNDING, HIGH, LOW, OPEN, TURNOVER, VOLUME, _apart, _overlapping, absence, spikes

N_BARS = 1_000


def bars() -> np.ndarray:
    """Seven rows that are replaced and two of the calendar, each bar its own number."""
    return np.arange(1.0, 9 * N_BARS + 1).reshape(9, N_BARS)


def blocks(*spans: tuple[int, int]) -> list[Block]:
    return [Block(start=start, first=start + 1, end=end) for start, end in spans]


def test_a_spike_moves_all_prices_and_turnover_alike_and_nothing_else() -> None:
    before, after = bars(), bars()

    spikes(after, np.random.default_rng(1))

    factor = after[CLOSE] / before[CLOSE]
    for row in (OPEN, HIGH, LOW, TURNOVER):
        assert np.allclose(after[row] / before[row], factor)
    assert np.array_equal(after[VOLUME], before[VOLUME])
    assert np.array_equal(after[FUNDING:], before[FUNDING:])
    assert 0.05 < np.mean(factor != 1.0) < 0.15  # one in ten
    assert factor[0] != 1.0  # the bar after the cut among them
    assert 0.2 < factor.min() < 0.25
    assert 4.0 < factor.max() < 5.0


def test_absence_leaves_the_calendar_alone() -> None:
    after = bars()

    absence(after, np.random.default_rng(1))

    assert np.isnan(after[: FUNDING + 1]).all()
    assert np.array_equal(after[FUNDING + 1 :], bars()[FUNDING + 1 :])


def test_a_series_may_begin_at_any_block_whose_window_overlaps_the_first_and_its_windows_never_do() -> None:
    # The window that begins at 20 does not overlap [0, 20), but overlaps [10, 30).
    given = blocks((0, 20), (10, 30), (20, 40), (30, 50))

    assert _overlapping(given) == 2
    assert _apart(given) == [given[0], given[2]]
    assert _apart(given[1:]) == [given[1], given[3]]
