"""Each op against a plain loop, on hand-computed rows, and against a truncated future."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from autarch.strategy import ops

NAN = float("nan")
PROFILE = settings(max_examples=40, deadline=None, derandomize=True)
LEVELS = st.sampled_from([NAN, 0.0, -0.5, 0.5, 1.0, -1.0, 2.0])
SHAPES = array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=25)


def signals(kind=bool):
    return arrays(kind, SHAPES)


def values(shape=SHAPES, elements=LEVELS):
    return arrays(np.float64, shape, elements=elements)


def by_column(loop, *columns):
    """Apply a loop over plain lists to each column of arrays of one shape."""
    first = columns[0]
    if first.ndim == 1:
        return np.array(loop(*(c.tolist() for c in columns)))
    return np.stack([loop(*(c[:, k].tolist() for c in columns)) for k in range(first.shape[1])], axis=1)


def same(a, b):
    return a.shape == b.shape and np.array_equal(np.asarray(a, float), np.asarray(b, float), equal_nan=True)


# hand-computed rows


def test_latch_is_set_by_enter_and_cleared_by_exit_which_wins():
    enter = [0, 1, 0, 0, 1, 0]
    leave = [0, 0, 0, 1, 1, 0]

    assert ops.latch(enter, leave).tolist() == [False, True, True, False, False, False]


def test_hold_lasts_n_rows_and_is_prolonged():
    assert ops.hold([1, 0, 0, 0, 1, 1, 0, 0], 2).tolist() == [1, 1, 0, 0, 1, 1, 1, 0]


def test_cooldown_silences_the_n_rows_after_a_signal_let_through():
    assert ops.cooldown([1, 1, 1, 1, 0, 0, 1], 2).tolist() == [1, 0, 0, 1, 0, 0, 1]


def test_hysteresis_keeps_its_state_between_the_thresholds_and_through_nan():
    x = [0.0, 2.0, 1.0, NAN, -1.0, 1.0]

    assert ops.hysteresis(x, 1.5, 0.0).tolist() == [False, True, True, True, False, False]
    # exactly at a threshold nothing changes: 1.5 is not above 1.5, 0.0 not below 0.0
    assert ops.hysteresis([1.5, 2.0, 0.0], 1.5, 0.0).tolist() == [False, True, True]


def test_band_moves_only_beyond_its_width_but_always_to_flat_and_to_another_side():
    target = [0.3, 0.5, 0.6, 0.0, -0.1, -0.2, 0.1, NAN]

    # from 0 to 0.3 a side is taken; 0.5 is 0.2 away, kept; 0.6 is 0.3 away, taken
    assert ops.band(target, 0.25).tolist() == [0.3, 0.3, 0.6, 0.0, -0.1, -0.1, 0.1, 0.1]


def test_trail_leaves_after_a_retreat_from_the_best_close_and_waits_for_another_side():
    position = [1, 1, 1, 1, 1, -1, -1, -1, 0, 1]
    close = [100, 110, 100, 98, 120, 100, 90, 99.5, 80, 80]

    # long: best 110, 10 % below is 99: 100 stays, 98 leaves; short: best 90, 10 % above is 99: 99.5 leaves
    assert ops.trail(position, close, 0.1).tolist() == [1, 1, 1, 0, 0, -1, -1, 0, 0, 1]


def test_crossed_fires_once_on_each_crossing():
    a = [1.0, 3.0, 3.0, 2.0, 1.0, NAN, 3.0]

    assert ops.crossed(a, 2.0).tolist() == [0, 1, 0, 0, -1, 0, 0]
    assert ops.crossed([1.0, 3.0], [2.0, 2.0]).tolist() == [0, 1]


def test_rank_orders_each_row_averages_ties_and_skips_nan():
    x = [[3.0, 1.0, 2.0], [1.0, 1.0, 2.0], [NAN, 5.0, 4.0], [NAN, NAN, 7.0]]

    # ties: places 0 and 1 share 0.5 of 2 -> 0.25
    assert same(ops.rank(x), np.array([[1.0, 0.0, 0.5], [0.25, 0.25, 1.0], [NAN, 1.0, 0.0], [NAN, NAN, 0.5]]))


def test_zscore_counts_deviations_from_the_window_mean():
    # window 1 2 6: mean 3, variance (4 + 1 + 9) / 3 = 14 / 3, so z = 3 / sqrt(14 / 3)
    found = ops.zscore([1.0, 2.0, 6.0, 6.0, 6.0], 3)

    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(3 / math.sqrt(14 / 3))
    assert found[4] == 0.0


def test_vol_target_sizes_by_the_root_mean_square_return():
    # returns +10 % and -10 %: rms 0.1, so a target of 0.05 wants half
    found = ops.vol_target([100.0, 110.0, 99.0, 99.0, 99.0], 2, 0.05)

    assert np.isnan(found[:2]).all()
    assert found[2] == pytest.approx(0.5)
    assert found[3] == pytest.approx(0.05 / math.sqrt(0.01 / 2))
    assert found[4] == 1.0
    assert ops.vol_target([100.0, 110.0], 1, 0.5, cap=3.0)[1] == 3.0


def test_lag_shows_what_was_n_rows_ago():
    assert same(ops.lag([1.0, 2.0, 3.0], 1), np.array([NAN, 1.0, 2.0]))
    assert same(ops.lag([[1, 5], [2, 6], [3, 7]], 2), np.array([[NAN, NAN], [NAN, NAN], [1.0, 5.0]]))
    assert np.isnan(ops.lag([1.0, 2.0], 5)).all()


def test_sample_takes_what_is_there_when_told_and_keeps_it():
    x = [1.0, 2.0, NAN, 4.0, 5.0]

    # told on rows 1, 2 and 4: row 2 has nothing to take
    assert same(ops.sample(x, [0, 1, 1, NAN, 1]), np.array([NAN, 2.0, 2.0, 2.0, 5.0]))


def test_sample_takes_one_flag_a_row_for_every_column():
    x = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])

    assert same(ops.sample(x, [True, False, True]), np.array([[1.0, 10.0], [1.0, 10.0], [3.0, 30.0]]))


# against plain loops


def loop_sample(x, when):
    held, out = NAN, []
    for v, told in zip(x, when, strict=True):
        held = v if told and not math.isnan(v) else held
        out.append(held)
    return out


def loop_latch(enter, leave):
    state, out = False, []
    for a, b in zip(enter, leave, strict=True):
        state = False if b else state or bool(a)
        out.append(state)
    return out


def loop_cooldown(signal, n):
    out, last = [], None
    for t, s in enumerate(signal):
        out.append(bool(s) and (last is None or t - last > n))
        last = t if out[-1] else last
    return out


def loop_hysteresis(x, upper, lower):
    state, out = False, []
    for v, u, w in zip(x, upper, lower, strict=True):
        state = False if v < w else (True if v > u else state)
        out.append(state)
    return out


def loop_band(target, width):
    held, out = 0.0, []
    for v, w in zip(target, width, strict=True):
        if not math.isnan(v) and (
            v == 0 or math.copysign(1, v) != math.copysign(1, held) or held == 0 or abs(v - held) > w
        ):
            held = v
        out.append(held)
    return out


def loop_trail(position, close, distance):
    out, since = [], None
    for t, wanted in enumerate(position):
        side = 0 if math.isnan(wanted) or wanted == 0 else math.copysign(1, wanted)
        if since is None or since[0] != side:
            since = [side, [], False]
        known = [c for c in since[1] if not math.isnan(c)]
        best = max(known, default=NAN, key=lambda c: side * c) if known else NAN
        price = close[t]
        best = price if math.isnan(best) or side * price > side * best else best
        since[1].append(price)
        if side and side * (best - price) >= distance[t] * best:
            since[2] = True
        out.append(wanted if side and not since[2] else 0.0)
    return out


@PROFILE
@given(signals(), st.integers(1, 6), st.data())
def test_signals_agree_with_a_plain_loop(enter, n, data):
    leave = data.draw(arrays(bool, enter.shape))

    assert same(ops.latch(enter, leave), by_column(loop_latch, enter, leave))
    assert same(ops.cooldown(enter, n), by_column(lambda s: loop_cooldown(s, n), enter))
    held = by_column(lambda s: [any(s[max(0, t - n + 1) : t + 1]) for t in range(len(s))], enter)
    assert same(ops.hold(enter, n), held)


@PROFILE
@given(values(), st.data())
def test_states_agree_with_a_plain_loop(x, data):
    upper, lower = (data.draw(values(x.shape)) for _ in range(2))
    width = data.draw(values(x.shape, st.sampled_from([0.0, 0.4, 0.6, NAN])))
    close = data.draw(values(x.shape, st.sampled_from([NAN, 90.0, 99.0, 100.0, 110.0])))
    distance = data.draw(values(x.shape, st.sampled_from([NAN, 0.01, 0.1])))

    assert same(ops.hysteresis(x, upper, lower), by_column(loop_hysteresis, x, upper, lower))
    assert same(ops.band(x, width), by_column(loop_band, x, width))
    assert same(ops.trail(x, close, distance), by_column(loop_trail, x, close, distance))
    assert same(ops.sample(x, upper > 0), by_column(loop_sample, x, upper > 0))


@PROFILE
@given(values(elements=st.floats(-1e6, 1e6) | st.just(NAN)), st.integers(2, 6))
def test_zscore_agrees_with_numpy_over_each_window(x, n):
    def loop(column):
        out = [NAN] * len(column)
        for t in range(n - 1, len(column)):
            window = np.array(column[t - n + 1 : t + 1])
            deviation = np.sqrt(np.mean((window - window.mean()) ** 2))
            out[t] = 0.0 if np.ptp(window) == 0 else (window[-1] - window.mean()) / deviation
        return out

    # a grid of thousandths, so that no deviation is lost in the rounding of its values
    x = np.round(x, 3)
    assert np.allclose(ops.zscore(x, n), by_column(loop, x), rtol=1e-6, atol=1e-6, equal_nan=True)


def test_zscore_of_values_too_close_to_square_is_zero_and_of_a_window_with_nan_is_nan():
    assert ops.zscore([0.0, 6.5e-231], 2)[1] == 0.0
    assert np.isnan(ops.zscore([NAN, 0.0, 0.0], 2)[1])
    assert ops.zscore([0.1] * 3 + [0.1 + 2e-17], 3)[3] == 0.0


@PROFILE
@given(values(elements=st.floats(1.0, 1e5) | st.just(NAN)), st.integers(1, 5))
def test_vol_target_agrees_with_a_plain_loop(close, n):
    def loop(column):
        out = [NAN] * len(column)
        for t in range(n, len(column)):
            moved = [column[k] / column[k - 1] - 1 for k in range(t - n + 1, t + 1)]
            rms = math.sqrt(sum(r * r for r in moved) / n)
            out[t] = rms if math.isnan(rms) else 2.0 if rms == 0 else min(2.0, 0.01 / rms)
        return out

    assert np.allclose(ops.vol_target(close, n, 0.01, cap=2.0), by_column(loop, close), rtol=1e-12, equal_nan=True)


# truncating the future changes no past value

CAUSAL = {
    "latch": lambda x, y: ops.latch(x > 0, y > 0),
    "hold": lambda x, _: ops.hold(x, 3),
    "cooldown": lambda x, _: ops.cooldown(x, 3),
    "hysteresis": lambda x, y: ops.hysteresis(x, y, -0.5),
    "band": lambda x, _: ops.band(x, 0.4),
    "trail": lambda x, y: ops.trail(x, 100 + 10 * y, 0.05),
    "crossed": ops.crossed,
    "rank": lambda x, _: ops.rank(x.reshape(len(x), -1)),
    "zscore": lambda x, _: ops.zscore(x, 4),
    "vol_target": lambda x, _: ops.vol_target(100 + x, 3, 0.01),
    "lag": lambda x, _: ops.lag(x, 2),
    "sample": lambda x, y: ops.sample(x, y > 0),
}


def test_every_op_is_among_those_shown_to_be_causal():
    assert sorted(CAUSAL) == sorted(ops.__all__)


@pytest.mark.parametrize("name", sorted(CAUSAL))
@PROFILE
@given(data=st.data())
def test_truncating_the_future_changes_no_past_value(name, data):
    x = data.draw(values())
    y = data.draw(values(x.shape))
    n = data.draw(st.integers(1, len(x)))

    whole, part = CAUSAL[name](x, y), CAUSAL[name](x[:n], y[:n])

    assert part.tobytes() == np.ascontiguousarray(whole[:n]).tobytes()


# memory: what is older than it says does not matter


@PROFILE
@given(values(array_shapes(min_dims=1, max_dims=1, min_side=8, max_side=30)), st.integers(2, 5))
def test_windowed_ops_remember_no_more_than_they_say(x, n):
    cut = len(x) // 2

    for name, memory, run in (
        ("hold", n - 1, lambda v: ops.hold(v, n)),
        ("zscore", n - 1, lambda v: ops.zscore(v, n)),
        ("vol_target", n, lambda v: ops.vol_target(100 + v, n, 0.01)),
        ("crossed", 1, lambda v: ops.crossed(v, 0.2)),
        ("lag", n, lambda v: ops.lag(v, n)),
    ):
        later = run(x[cut:])[memory:]
        assert same(later, run(x)[cut + memory :]), name


# inputs


@pytest.mark.parametrize("kind", [bool, np.int8, np.int64, np.float32, np.float64])
def test_any_numeric_kind_is_taken_and_read_only_or_strided_arrays_too(kind):
    x = np.array([[0, 1], [1, 0], [0, 0], [1, 1]], dtype=kind)
    x.setflags(write=False)

    for strided in (x, x[::2], x[:, 0], x.T):
        assert ops.hold(strided, 2).shape == strided.shape
        assert ops.band(strided, 0.1).shape == strided.shape
        assert ops.zscore(strided, 2).shape == strided.shape
    assert x.tolist() == np.array([[0, 1], [1, 0], [0, 0], [1, 1]], dtype=kind).tolist()


def test_nan_counts_as_false_in_a_signal():
    assert ops.hold([NAN, 1.0, NAN], 1).tolist() == [False, True, False]
    assert ops.latch([NAN, 1.0, NAN], [NAN, NAN, NAN]).tolist() == [False, True, True]


@pytest.mark.parametrize("n", [0, -1, 1.5])
@pytest.mark.parametrize("op", [ops.hold, ops.cooldown, ops.zscore, ops.lag])
def test_a_length_that_is_no_whole_number_is_refused(op, n):
    with pytest.raises(ValueError, match="whole number of rows"):
        op([1.0, 2.0], n)


def test_arrays_of_other_shapes_are_refused_with_both():
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        ops.latch([1, 0, 1], [1, 0])
    with pytest.raises(ValueError, match="as in panel mode"):
        ops.rank([1.0, 2.0])


def test_empty_arrays_give_empty_answers():
    for run in CAUSAL.values():
        assert run(np.zeros(0), np.zeros(0)).size == 0 if run is not CAUSAL["rank"] else True
