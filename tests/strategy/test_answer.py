import numpy as np
import pandas as pd
import pytest

from autarch.errors import StrategyError
from autarch.strategy import Targets, check_targets, check_values
from autarch.strategy.answer import is_within

NAN = float("nan")
INF = float("inf")


def each(exposure, stop_loss=None, *, take_profit=None, **facts):
    told = {"n_rows": 4, "counts_from": 1, "max_leverage": 1.0, **facts}
    return check_targets(Targets(exposure, stop_loss, take_profit), n_symbols=1, mode="each", **told)


def panel(exposure, stop_loss=None, *, max_leverage=1.0):
    return check_targets(
        Targets(exposure, stop_loss),
        n_rows=2,
        n_symbols=3,
        mode="panel",
        max_leverage=max_leverage,
        counts_from=0,
    )


def test_an_answer_becomes_three_columns_of_floats_with_nan_for_absent_distances():
    exposure, stop, take = each(np.array([0, 1, -1, 0]), 0.05)

    assert exposure.tolist() == [[0.0], [1.0], [-1.0], [0.0]]
    assert exposure.dtype == np.float64
    assert stop.tolist() == [[0.05]] * 4
    assert np.isnan(take).all()
    assert take.shape == (4, 1)


@pytest.mark.parametrize(
    "exposure",
    [[0.0, 1.0, 0.0, 0.0], (0, 1, 0, 0), pd.Series([0.0, 1.0, 0.0, 0.0]), np.array([False, True, False, False])],
)
def test_lists_series_and_flags_are_arrays_too(exposure):
    assert each(exposure)[0].ravel().tolist() == [0.0, 1.0, 0.0, 0.0]


def test_a_panel_keeps_its_columns():
    exposure, stop, _ = panel(np.full((2, 3), 0.25), np.full((2, 3), 0.1))

    assert exposure.shape == stop.shape == (2, 3)


def test_rows_before_those_that_count_may_hold_anything():
    exposure, _, _ = each([NAN, 0.5, 0.5, 0.5], [INF, 0.1, 0.1, NAN])

    assert np.isnan(exposure[0, 0])
    assert each([INF, 0.0, 0.0, 0.0], counts_from=4)[0].shape == (4, 1)


@pytest.mark.parametrize("returned", [None, 1.0, np.zeros(4), {"exposure": np.zeros(4)}, Targets])
def test_anything_but_targets_is_refused_by_its_type(returned):
    with pytest.raises(StrategyError, match=r"decide\(\) returned .*; return Targets"):
        check_targets(returned, n_rows=4, n_symbols=1, mode="each", max_leverage=1.0, counts_from=0)


@pytest.mark.parametrize(
    ("exposure", "found"),
    [
        (0.5, r"shape \(\), expected \(4,\): one value for each bar given$"),
        (np.zeros(3), r"shape \(3,\), expected \(4,\)"),
        (np.zeros((4, 1)), r"shape \(4, 1\), expected \(4,\)"),
        ([[0.0, 1.0], [0.0]], "not an array of numbers"),
        (None, "dtype object"),
        (np.array(["0", "1", "0", "0"]), "dtype <U1"),
        (np.zeros(4, dtype=complex), "dtype complex128"),
        (np.zeros(4, dtype="datetime64[s]"), "dtype datetime64"),
    ],
)
def test_an_exposure_of_another_shape_or_kind_is_refused_with_both(exposure, found):
    with pytest.raises(StrategyError, match=f"exposure .*{found}"):
        each(exposure)


def test_a_panels_exposure_needs_a_column_for_each_symbol():
    with pytest.raises(StrategyError, match=r"shape \(2,\), expected \(2, 3\).*and symbol"):
        panel(np.zeros(2))


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_an_exposure_that_is_no_number_is_refused_at_the_first_row_that_counts(value):
    with pytest.raises(StrategyError, match=rf"exposure is {value} in row 2 of 4 .*counts is 1\); expected a finite"):
        each([NAN, 0.0, value, value])


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_leverage_is_met_to_a_hair_and_refused_past_it(side):
    assert each([0.0, side * (2 + 0.9e-9), 0.0, 0.0], max_leverage=2.0)[0][1, 0] == side * (2 + 0.9e-9)
    with pytest.raises(StrategyError, match=r"row 1 of 4 .*at most max_leverage = 2"):
        each([0.0, side * (2 + 1.1e-9), 0.0, 0.0], max_leverage=2.0)


def test_a_panels_leverage_bounds_the_sum_of_sizes_in_a_row():
    third = 1 / 3
    assert panel([[third, -third, third], [1.0, 0.0, 0.0]])[0].shape == (2, 3)
    with pytest.raises(StrategyError, match=r"sum of \|exposure\| is 1.5 in row 1 of 2"):
        panel([[third, -third, third], [0.5, -0.5, 0.5]])


@pytest.mark.parametrize("distance", [0.0, 1.0, -0.1, 2.0, INF])
@pytest.mark.parametrize("name", ["stop_loss", "take_profit"])
def test_a_distance_outside_zero_and_one_is_refused_by_name_and_row(name, distance):
    with pytest.raises(StrategyError, match=rf"{name} is {distance} in row 1"):
        each(np.zeros(4), **{name: distance})
    with pytest.raises(StrategyError, match=rf"{name} is {distance} in row 3"):
        each(np.zeros(4), **{name: [NAN, 0.1, NAN, distance]})


def test_a_distance_of_another_shape_is_refused():
    with pytest.raises(StrategyError, match=r"stop_loss has shape \(3,\), expected a scalar or \(4,\)"):
        each(np.zeros(4), np.zeros(3))


def test_what_comes_from_a_worker_is_checked_by_the_same_rule():
    bad = np.array([[0.0, 0.0], [0.0, NAN]])
    none = np.full((2, 2), NAN)

    check_values(bad, none, none, mode="panel", max_leverage=1.0, counts_from=2)
    with pytest.raises(StrategyError, match="row 1 of 2, column 1"):
        check_values(bad, none, none, mode="panel", max_leverage=1.0, counts_from=0)


def test_the_answer_is_a_copy_of_what_the_strategy_holds():
    mine = np.zeros(4)

    exposure, _, _ = each(mine)
    mine[:] = 9

    assert exposure.max() == 0.0


@pytest.mark.parametrize("place", ["stop_loss", "take_profit"])
@pytest.mark.parametrize(("distance", "fits"), [(0.5, True), (NAN, True), (0.0, False), (1.0, False), (-0.1, False)])
def test_a_quick_look_at_many_answers_lets_no_distance_pass_that_is_none(place, distance, fits):
    given = {"stop_loss": None, "take_profit": None, place: np.array([[[0.2]], [[distance]]])}

    assert is_within(np.array([[[1.0]], [[-1.0]]]), mode="each", max_leverage=1.0, **given) is fits
