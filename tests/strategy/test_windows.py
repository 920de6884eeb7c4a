"""Sums over windows: exact memory, and numbers that agree with each window computed anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from autarch.strategy import windows

PROFILE = settings(derandomize=True, max_examples=60, deadline=None)
SHAPES = array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=40)
VALUES = arrays(np.float64, SHAPES, elements=st.floats(-1e3, 1e3).map(lambda value: round(value, 3)))
LENGTHS = st.integers(1, 45)


def each_window(x, n):
    return [x[i : i + n] for i in range(x.shape[0] - n + 1)]


@PROFILE
@given(VALUES, LENGTHS)
def test_sums_squares_and_likeness_agree_with_each_window_computed_anew(x, n):
    shape = (max(0, x.shape[0] - n + 1), *x.shape[1:])
    expected = [window.sum(axis=0) for window in each_window(x, n)]
    around = [((window - window.mean(axis=0)) ** 2).sum(axis=0) for window in each_window(x, n)]
    one_value = [(window == window[0]).all(axis=0) for window in each_window(x, n)]

    sums, squares = windows.sums_and_squares(x, n)

    assert windows.sums(x, n).tobytes() == sums.tobytes()
    assert sums.shape == squares.shape == shape
    assert np.allclose(sums, np.reshape(expected, shape), rtol=1e-12, atol=1e-9)
    assert np.allclose(squares, np.reshape(around, shape), rtol=1e-9, atol=1e-9)
    assert np.array_equal(windows.alike(x, n), np.reshape(one_value, shape).astype(bool))


@PROFILE
@given(VALUES, LENGTHS, st.integers(0, 40))
def test_the_same_rows_give_the_same_bytes_wherever_the_array_begins(x, n, begin):
    for of in (lambda v: windows.sums(v, n), lambda v: windows.sums_and_squares(v, n)[1]):
        assert of(x[begin:]).tobytes() == np.ascontiguousarray(of(x)[begin:]).tobytes()


@pytest.mark.parametrize("n", [2, 96, 97, 1000])
def test_squares_are_not_lost_beside_a_large_mean(n):
    x = 1e6 + np.random.default_rng(7).normal(0.0, 1e-3, 1200)
    means = [(math.fsum(w) / n, w) for w in each_window(x, n)]
    exact = [math.fsum((v - mean) ** 2 for v in w) for mean, w in means]

    assert np.allclose(windows.sums_and_squares(x, n)[1], exact, rtol=1e-6)


def test_a_nan_spoils_the_windows_it_is_in_and_no_other():
    x = np.arange(8.0)
    x[3] = np.nan

    assert np.isnan(windows.sums(x, 3)).tolist() == [False, True, True, True, False, False]
    assert np.isnan(windows.sums_and_squares(x, 3)[1]).tolist() == [False, True, True, True, False, False]
    assert not windows.alike(np.full(4, np.nan), 2).any()
