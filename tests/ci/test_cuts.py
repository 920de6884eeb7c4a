"""Where the gate asks again: at changes, where a peek would have paid, and somewhere in every block."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autarch.decisions import Decisions
from ci.checks.cuts import payoff_of_not_changing, plan_cuts

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


def walk(n_bars: int, n_symbols: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (n_bars, n_symbols)), axis=0))


def blocks(n_bars: int) -> np.ndarray:
    return np.arange(n_bars) // BLOCK


def test_all_sign_changes_are_asked_when_they_fit_half_the_budget() -> None:
    exposure = np.zeros((1000, 1))
    exposure[200:300] = 1.0
    exposure[600:605] = -1.0

    plan = plan_cuts(decisions_of(exposure), walk(1000, 1), blocks=blocks(1000), budget=100, seed=b"base")

    assert {200, 300, 600, 605} <= set(plan.rows[0].tolist())
    assert plan.n_cuts == 100


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

    plan = plan_cuts(decisions_of(exposure), close, blocks=blocks(2010), budget=32, seed=b"base")

    assert 1234 in plan.rows[0]


def test_payoffs_are_the_gain_over_the_best_alibi() -> None:
    exposure = np.array([0.0, 1.0, 1.0, 0.0, 0.0])
    close = np.array([100.0, 100.0, 110.0, 99.0, 99.0])

    paid = payoff_of_not_changing(exposure, close)

    # Bar 0, flat, 0 %: nothing. Bar 1, long before +10 %: 0.10 over flat. Bar 2, long before -10 %: no gain
    # over anything. Bar 3, flat before 0 %: nothing. The last bar has no next one.
    assert np.allclose(paid, [0.0, 0.10, 0.0, 0.0, 0.0])


def test_leaving_before_a_fall_counts_as_paid() -> None:
    exposure = np.array([1.0, 1.0, 0.0, 0.0])
    close = np.array([100.0, 100.0, 100.0, 80.0])

    assert np.isclose(payoff_of_not_changing(exposure, close)[2], 0.20)  # (0 - 1) * (80 / 100 - 1)


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


@given(seed=st.binary(max_size=8), budget=st.integers(1, 400))
def test_the_plan_depends_on_the_seed_alone_and_never_exceeds_the_budget(seed: bytes, budget: int) -> None:
    exposure = np.sign(np.sin(np.arange(800) / 5))[:, None]
    arguments = {"blocks": blocks(800), "budget": budget, "seed": seed}

    one = plan_cuts(decisions_of(exposure), walk(800, 1), **arguments)
    other = plan_cuts(dataclasses.replace(decisions_of(exposure)), walk(800, 1), **arguments)

    assert one.rows[0].tolist() == other.rows[0].tolist()
    assert one.n_cuts == min(budget, 800)
    assert sorted(set(one.rows[0].tolist())) == one.rows[0].tolist()
