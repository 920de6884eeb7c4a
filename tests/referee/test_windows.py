"""Which rows the gate referees, and that a window is a market like any other."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from autarch.referee.windows import choose_windows, cut

SEED = b"0" * 40


def spans(windows):
    return [(w.start, w.stop) for w in windows]


def test_all_rows_are_refereed_when_they_fit(pitch) -> None:
    _, decisions = pitch.case(1, n=240, symbols=2)

    assert spans(choose_windows(decisions, bars=480, seed=SEED)) == [(0, 240)]
    assert spans(choose_windows(decisions, bars=10_000, seed=SEED)) == [(0, 240)]


@pytest.mark.parametrize("symbols", [1, 3])
def test_eight_windows_apart_that_spend_the_bars(pitch, symbols) -> None:
    _, decisions = pitch.case(1, n=9_000, symbols=symbols)

    windows = choose_windows(decisions, bars=3_000 * symbols, seed=SEED)

    assert len(windows) == 8
    assert {len(w) for w in windows} == {375}
    assert all(a.stop <= b.start for a, b in itertools.pairwise(windows))
    assert windows[0].start >= 0
    assert windows[-1].stop <= 9_000


def test_no_more_bars_than_asked_for_and_windows_of_a_useful_length(pitch) -> None:
    _, decisions = pitch.case(1, n=2_000, symbols=2)

    for bars in (1, 199, 200, 1_000, 3_999):
        windows = choose_windows(decisions, bars=bars, seed=SEED)
        spent = sum(len(w) for w in windows)
        assert spent <= max(1, bars // 2)
        assert spent >= 0.9 * (bars // 2)
        assert len(windows) == 1 or min(len(w) for w in windows) >= 96


def test_the_base_commit_alone_moves_them(pitch) -> None:
    _, decisions = pitch.case(1, n=9_000, symbols=1)

    one, same, other = (choose_windows(decisions, bars=3_000, seed=s) for s in (SEED, SEED, b"1" * 40))

    assert one == same
    assert one != other


def test_every_window_holds_a_change_where_its_part_of_the_rows_has_one(pitch) -> None:
    _, decisions = pitch.case(1, n=8_000, symbols=1)
    exposure = np.zeros((8_000, 1))
    for row in range(500, 8_000, 1_000):  # one position a part, for ten bars
        exposure[row : row + 10] = 0.5
    rare = dataclasses.replace(decisions, exposure=exposure)

    windows = choose_windows(rare, bars=1_600, seed=SEED)

    assert all((np.diff(exposure[w.start : w.stop, 0]) != 0.0).any() for w in windows)


def test_rows_that_do_not_count_are_left_out(pitch) -> None:
    _, decisions = pitch.case(1, n=4_000, symbols=1)
    counts = np.arange(4_000)[:, np.newaxis] >= 2_000

    windows = choose_windows(dataclasses.replace(decisions, counts=counts), bars=1_000, seed=SEED)

    assert windows[0].start >= 2_000


def test_a_window_starts_flat_with_the_marks_of_before_and_only_its_own_stamps(pitch) -> None:
    market, decisions = pitch.case(2, n=400, symbols=2)

    part, wanted = cut(market, decisions, range(150, 300))
    both = pitch.play(part, wanted)

    assert part.n_bars == 150
    assert part.ts[0] == market.ts[150]
    assert all((s.funding_ms >= part.ts[0]).all() for s in part.series)
    assert (part.series[0].mark_ms < part.ts[0]).any()
    assert both.parted is None
    assert both.engine.equity[0] == 1000.0


def test_windows_agree_wherever_they_are_cut(pitch) -> None:
    market, decisions = pitch.case(7, n=1_200, symbols=2, listed_row=500)

    for rows in choose_windows(decisions, bars=1_600, seed=SEED):
        assert pitch.play(*cut(market, decisions, rows)).parted is None
