"""Where the gate asks again: at changes, where a peek would have paid, and somewhere in every block."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.decisions import Decisions
from ci.checks import cuts
from ci.checks.cuts import plan_cuts
from ci.checks.payoffs import Path, largest, payoff_of_distances, payoff_of_exposures

BLOCK = 100


def decisions_of(exposure: np.ndarray, *, mode: str = "each") -> Decisions:
    n_bars, n_symbols = exposure.shape
    return Decisions(
        symbols=tuple(f"S{i}USDT" for i in range(n_symbols)),
        interval="15m",
        mode=mode,
        max_leverage=1.0,
        exposure=exposure.astype(np.float64),
        stop_loss=np.full(exposure.shape, np.nan),
        take_profit=np.full(exposure.shape, np.nan),
        counts=np.ones((n_bars, n_symbols), dtype=bool),
    )


def paths_of(close: np.ndarray) -> tuple[Path, ...]:
    return tuple(Path(high=column, low=column, close=column) for column in close.T)


def walk(n_bars: int, n_symbols: int, seed: int = 1) -> tuple[Path, ...]:
    rng = np.random.default_rng(seed)
    return paths_of(100 * np.exp(np.cumsum(rng.normal(0, 0.01, (n_bars, n_symbols)), axis=0)))


def blocks(n_bars: int) -> np.ndarray:
    return np.arange(n_bars) // BLOCK


def test_all_sign_changes_are_asked_when_they_fit_half_the_budget() -> None:
    exposure = np.zeros((1000, 1))
    exposure[200:300] = 1.0
    exposure[600:605] = -1.0

    plan = plan_cuts(decisions_of(exposure), walk(1000, 1), blocks=blocks(1000), budget=100, seed=b"base")

    assert {200, 300, 600, 605} <= set(plan.rows[0].tolist())
    assert plan.n_cuts == 100


def test_moves_of_a_thousandth_of_the_leverage_are_asked_when_they_fit_half_the_budget() -> None:
    # Forty stairs of exactly a thousandth, fifty bars apart: the smallest that is a move at all.
    exposure = 0.5 + 0.001 * (np.arange(2050) // 50)[:, None]

    plan = plan_cuts(decisions_of(exposure), walk(2050, 1), blocks=blocks(2050), budget=100, seed=b"base")

    assert set(range(50, 2050, 50)) <= set(plan.rows[0].tolist())


def test_some_cut_falls_in_every_block() -> None:
    plan = plan_cuts(decisions_of(np.zeros((1000, 1))), walk(1000, 1), blocks=blocks(1000), budget=40, seed=b"base")

    assert set(plan.rows[0] // BLOCK) == set(range(10))


def test_the_exit_put_off_where_the_next_bar_paid_most_is_asked() -> None:
    # 200 exits on bars 10, 20, ...; only the bar after the one put off at 1239 moves much.
    exposure = np.zeros((2010, 1))
    for start in range(0, 2000, 10):
        exposure[start : start + 5] = 1.0
    close = np.full((2010, 1), 100.0)
    close[1235:] = 105.0  # held at 1234, the bar before the change at 1235, it earns 5 %

    plan = plan_cuts(decisions_of(exposure), paths_of(close), blocks=blocks(2010), budget=32, seed=b"base")

    assert 1234 in plan.rows[0]


def test_payoffs_are_the_gain_over_the_best_alibi() -> None:
    exposure = np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    close = np.array([100.0, 100.0, 110.0, 99.0, 99.0])

    paid = payoff_of_exposures(exposure, close, coarse=exposure)

    # Bar 0, flat, 0 %: nothing. Bar 1, long before +10 %: 0.10 over flat. Bar 2, long before -10 %: no gain
    # over anything. Bar 3, flat before 0 %: nothing. The last bar has no next one.
    assert np.allclose(paid, [0.0, 0.10, 0.0, 0.0, 0.0])


def test_leaving_before_a_fall_counts_as_paid() -> None:
    exposure = np.array([1.0, 1.0, 0.0, 0.0])
    close = np.array([100.0, 100.0, 100.0, 80.0])

    assert np.isclose(payoff_of_exposures(exposure, close, coarse=exposure)[2], 0.20)  # (0 - 1) * (80 / 100 - 1)


def test_only_counting_bars_are_asked_and_budgets_hold() -> None:
    exposure = np.sign(np.sin(np.arange(3000) / 7))[:, None].repeat(3, axis=1)
    decisions = decisions_of(exposure)
    decisions.counts[:500] = False

    plan = plan_cuts(decisions, walk(3000, 3), blocks=blocks(3000), budget=100, seed=b"base")

    assert plan.columns == ((0,), (1,), (2,))
    assert [rows.size for rows in plan.rows] == [34, 33, 33]
    assert min(int(rows.min()) for rows in plan.rows) >= 500


def test_a_panel_is_asked_as_one() -> None:
    exposure = np.sign(np.sin(np.arange(500) / 7))[:, None].repeat(3, axis=1)

    plan = plan_cuts(decisions_of(exposure, mode="panel"), walk(500, 3), blocks=blocks(500), budget=50, seed=b"x")

    assert plan.columns == ((0, 1, 2),)
    assert plan.n_cuts == 50


def test_a_flicker_too_small_to_trade_does_not_drown_the_changes_that_matter() -> None:
    exposure = np.zeros((4000, 1))
    exposure[:, 0] = np.where(np.arange(4000) % 2, 1e-9, -1e-9)
    real = np.arange(100, 3900, 200)
    for start in real:
        exposure[start : start + 50] = 1.0

    plan = plan_cuts(decisions_of(exposure), walk(4000, 1), blocks=blocks(4000), budget=160, seed=b"base")

    assert {*real, *(real + 50)} <= set(plan.rows[0].tolist())


def test_large_changes_of_sign_are_asked_before_a_crowd_of_small_ones() -> None:
    exposure = np.where(np.arange(4000) % 2, 0.002, -0.002)[:, None]
    real = np.arange(101, 3900, 200)
    exposure[real] = 1.0

    plan = plan_cuts(decisions_of(exposure), walk(4000, 1), blocks=blocks(4000), budget=320, seed=b"base")

    assert set(real) <= set(plan.rows[0].tolist())


def test_a_single_bar_of_another_size_is_asked_among_moves_on_every_bar() -> None:
    # A size that drifts by a twentieth a bar, and four single bars on which half of it is gone.
    exposure = 0.6 + 0.3 * np.sin(np.arange(4000) / 6.0)[:, None]
    odd = np.array([333, 1234, 2500, 3777])
    exposure[odd] *= 0.5

    plan = plan_cuts(
        decisions_of(exposure), paths_of(np.full((4000, 1), 9.0)), blocks=blocks(4000), budget=64, seed=b""
    )

    assert set(odd) <= set(plan.rows[0].tolist())


def test_the_one_entry_whose_stop_was_moved_out_of_a_fall_s_way_is_asked() -> None:
    # 300 entries of five bars with a stop of 2 %; the market is flat but for a dip of 10 % after the one at
    # 1500, where the stop is 20 %: 30 cuts in all, and chance alone would find it once in 67.
    exposure, stop = np.zeros((3000, 1)), np.full((3000, 1), 0.02)
    for start in range(0, 3000, 10):
        exposure[start : start + 5] = 1.0
    stop[1500] = 0.2
    close = np.full((3000, 1), 100.0)
    close[1502] = 90.0
    decisions = dataclasses.replace(decisions_of(exposure), stop_loss=stop)

    plan = plan_cuts(decisions, paths_of(close), blocks=blocks(3000), budget=30, seed=b"base")

    assert 1500 in plan.rows[0]


def test_moves_of_a_take_profit_are_asked_like_changes() -> None:
    exposure, take = np.ones((3000, 1)), np.full((3000, 1), 0.05)
    take[700:720], take[2100:] = 0.01, np.nan
    decisions = dataclasses.replace(decisions_of(exposure), take_profit=take)

    plan = plan_cuts(decisions, walk(3000, 1), blocks=blocks(3000), budget=64, seed=b"base")

    assert {700, 720, 2100} <= set(plan.rows[0].tolist())


def test_a_stop_is_paid_what_it_saved_over_the_neighbours_stops() -> None:
    # Long at 100 from bar 1, down to 95 at bar 2, back at 104 at bar 3, where it ends. The stop of bar 1, 10 %,
    # is not touched: +4 %. The stops of bars 0 and 2, 3 %, would have been: -3 %. So it is paid 7 %.
    exposure = np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    stop = np.array([0.03, 0.10, 0.03, 0.03, 0.03])
    none = np.full(5, np.nan)
    path = paths_of(np.array([[100.0], [100.0], [95.0], [104.0], [104.0]]))[0]

    paid = payoff_of_distances(exposure, stop, none, path, coarse=exposure)
    short = payoff_of_distances(-exposure, none, np.full(5, 0.03), path, coarse=-exposure)

    assert np.allclose(paid, [0.0, 0.07, 0.0, 0.0, 0.0])
    # Short, the take-profit of 3 % is reached at 95: +3 %; without one it ends at 104: -4 %.
    assert np.allclose(short, [0.0, 0.07, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("tight", [0, 2])
def test_the_stop_of_either_neighbour_alone_is_an_alibi(tight: int) -> None:
    # As above: the stop of bar 1 earns +4 %, and 3 %, which one neighbour alone had, would have lost 3 %.
    stop = np.full(5, 0.10)
    stop[tight] = 0.03
    path = paths_of(np.array([[100.0], [100.0], [95.0], [104.0], [104.0]]))[0]
    exposure = np.array([0.0, 1.0, 1.0, 0.0, 0.0])

    paid = payoff_of_distances(exposure, stop, np.full(5, np.nan), path, coarse=exposure)

    assert np.allclose(paid, [0.0, 0.07, 0.0, 0.0, 0.0])


def test_adding_is_an_entry_and_reducing_is_none() -> None:
    exposure = np.array([0.5, 1.0, 0.5, 0.5, 0.0, 0.0])
    path = paths_of(np.array([[100.0], [100.0], [100.0], [90.0], [110.0], [110.0]]))[0]
    stop = np.array([0.05, 0.2, 0.2, 0.2, 0.2, 0.2])

    paid = payoff_of_distances(exposure, stop, np.full(6, np.nan), path, coarse=exposure)

    # Bar 0, stopped at -5 %, is no gain. Bar 1 adds with 20 %, holds to +10 %; with bar 0's 5 % it were -5 %.
    assert np.allclose(paid, [0.0, 0.15, 0.0, 0.0, 0.0, 0.0])


@given(data=st.data())
def test_extremes_over_spans_are_those_of_the_slices(data: st.DataObject) -> None:
    values = np.array(data.draw(st.lists(st.integers(-50, 50), min_size=1, max_size=70)), dtype=float)
    first = np.array(data.draw(st.lists(st.integers(0, values.size - 1), min_size=1, max_size=9)))
    last = np.array([data.draw(st.integers(int(low), values.size - 1)) for low in first])

    found = largest(values, first, last)

    assert found.tolist() == [values[a : b + 1].max() for a, b in zip(first, last, strict=True)]


@given(seed=st.binary(max_size=8), budget=st.integers(1, 400))
def test_the_plan_depends_on_the_seed_alone_and_never_exceeds_the_budget(seed: bytes, budget: int) -> None:
    exposure = np.sign(np.sin(np.arange(800) / 5))[:, None]
    arguments = {"blocks": blocks(800), "budget": budget, "seed": seed}

    one = plan_cuts(decisions_of(exposure), walk(800, 1), **arguments)
    other = plan_cuts(dataclasses.replace(decisions_of(exposure)), walk(800, 1), **arguments)

    assert one.rows[0].tolist() == other.rows[0].tolist()
    assert one.n_cuts == min(budget, 800)
    assert sorted(set(one.rows[0].tolist())) == one.rows[0].tolist()


def test_distances_and_each_size_of_change_have_an_eighth_of_the_budget_to_themselves(monkeypatch) -> None:
    n_bars, budget, asked = 400, 160, []
    exposure = np.tile([0.5, 0.5, -0.5, -0.4], n_bars // 4)[:, None]
    decisions = dataclasses.replace(decisions_of(exposure), stop_loss=np.linspace(0.1, 0.2, n_bars)[:, None])
    sample, best = cuts._sample, cuts._take_best

    def sampled(taken, wanted, share, rng):
        asked.append(("some", share))
        sample(taken, wanted, share, rng)

    def taken_best(taken, wanted, score, share, rng):
        asked.append(("best", share))
        best(taken, wanted, score, share, rng)

    monkeypatch.setattr(cuts, "_sample", sampled)
    monkeypatch.setattr(cuts, "_take_best", taken_best)

    plan = plan_cuts(decisions, walk(n_bars, 1), blocks=blocks(n_bars), budget=budget, seed=(1,))

    assert asked[:4] == [("some", 20), ("best", 20), ("best", 20), ("best", 20)]
    assert plan.n_cuts == budget
