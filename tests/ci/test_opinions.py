"""Two opinions of one strategy: what differs, what was moved, and what share of the gain rests on it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from autarch.decisions import Decisions
from ci.checks.opinions import compare

N = 401


def decisions(exposure: np.ndarray, *, stop: np.ndarray | None = None, counts: bool = True) -> Decisions:
    n = exposure.size
    return Decisions(
        symbols=("BTCUSDT",),
        interval="15m",
        mode="each",
        max_leverage=1.0,
        exposure=exposure[:, None].astype(np.float64),
        stop_loss=(np.full(n, np.nan) if stop is None else stop)[:, None],
        take_profit=np.full((n, 1), np.nan),
        counts=np.full((n, 1), counts),
    )


def rising(n: int = N, *, step: float = 0.001) -> SimpleNamespace:
    """Return a market whose close gains `step` of the first at every bar's end, in equal shares of each."""
    return SimpleNamespace(of=lambda _symbol: SimpleNamespace(close=100.0 * (1.0 + step) ** np.arange(n)))


def test_what_the_differing_bars_earned_is_told_of_the_gain_of_all() -> None:
    held, left = np.ones(N), np.ones(N)
    left[:100] = 0.0

    found = compare(decisions(held), decisions(left), rising(), tolerance=1e-6, signs=False)

    # 100 bars earn 0.1, less 2 x sqrt(100 x 0.001 ** 2) = 0.02 for chance; all 400 earn 0.4 (the last has no next bar).
    assert found.earned_frac == pytest.approx(0.08 / 0.4)
    assert found.moved_frac == pytest.approx(100 / N)


def test_the_root_of_squares_stands_in_for_a_gain_that_cancels() -> None:
    held = np.where(np.arange(N) % 2, 1.0, -1.0)
    other = held.copy()
    other[1:200:2] = 0.0  # a hundred winning bars

    found = compare(decisions(held), decisions(other), rising(), tolerance=1e-6, signs=False)

    # They earn 0.1 - 0.02; the whole cancels, and its root of squares is sqrt(400 x 0.001 ** 2) = 0.02: all of it.
    assert found.earned_frac == 1.0


def test_without_a_bar_that_counts_in_both_nothing_differs() -> None:
    one = decisions(np.ones(N))

    found = compare(one, decisions(np.zeros(N), counts=False), rising(), tolerance=1e-6, signs=False)

    assert (found.compared_frac, found.differing_frac, found.moved_frac, found.first) == (0.0, 0.0, 0.0, None)


def test_distances_that_are_near_or_absent_in_both_are_alike() -> None:
    stop = np.full(N, 0.02)
    stop[::2] = np.nan
    near = stop * (1.0 + 1e-9)

    found = compare(
        decisions(np.ones(N), stop=stop), decisions(np.ones(N), stop=near), rising(), tolerance=1e-6, signs=False
    )

    assert found.differing_frac == 0.0


def test_another_distance_moves_what_was_held_on_its_bars_and_no_more() -> None:
    held = np.ones(N)
    held[300:] = 0.0  # a flat bar's distance acts on nothing
    stop, wider = np.full(N, 0.02), np.full(N, 0.02)
    wider[:75] = 0.03
    wider[350:] = 0.03

    found = compare(decisions(held, stop=stop), decisions(held, stop=wider), rising(), tolerance=1e-6, signs=False)

    assert found.differing_frac == pytest.approx(75 / N)
    assert found.moved_frac == pytest.approx(75 / 300)
    assert found.first is not None
    assert (found.first.row, found.first.name, found.first.one, found.first.other) == (0, "stop_loss", 0.02, 0.03)
