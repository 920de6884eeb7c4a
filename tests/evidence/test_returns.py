"""Daily returns survive being kept, and nothing else passes for them."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from autarch.errors import RefusedError
from autarch.evidence.returns import pack_returns, quantised, returns_from, returns_text


@given(npst.arrays(np.float64, st.integers(1, 400), elements=st.floats(-0.9, 5.0)), st.integers(0, 30_000))
def test_what_is_kept_comes_back_to_half_a_unit(returns, first_day):
    text = returns_text(quantised(returns, first_day=first_day))

    found = returns_from(text)

    assert found.first_day == first_day
    assert np.abs(found.values - returns).max() <= 0.5e-5 + 1e-12
    assert returns_text(found) == text


def test_rounding_is_to_the_nearest_unit_and_half_to_even():
    kept = quantised(np.array([0.000_014_9, 0.000_025, 0.000_035_1, -0.012_344]), first_day=1)

    assert kept.units.tolist() == [1, 2, 4, -1234]  # 1.49 -> 1; 2.5 -> 2; 3.51 -> 4; -1234.4 -> -1234


def test_days_outside_the_record_are_flat():
    kept = quantised(np.array([0.01, 0.02, 0.03]), first_day=100)

    assert kept.on(99, 6).tolist() == pytest.approx([0.0, 0.01, 0.02, 0.03, 0.0, 0.0])
    assert kept.on(101, 1).tolist() == pytest.approx([0.02])
    assert kept.on(200, 2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "wrong", [np.array([np.nan]), np.array([np.inf]), np.zeros(0), np.zeros((2, 2)), np.array([3e4])]
)
def test_what_is_no_record_of_returns_is_refused(wrong):
    with pytest.raises(ValueError, match="return"):
        quantised(wrong, first_day=0)


def test_two_years_take_two_kilobytes():
    returns = np.random.default_rng(0).normal(0.0005, 0.01, 730)

    assert len(pack_returns(quantised(returns, first_day=19_000))) < 2_000


def test_another_form_and_a_bomb_are_refused():
    packed = pack_returns(quantised(np.full(5, 0.01), first_day=3))
    for broken in (
        b"ADR1",
        packed[:20],
        b"ADR2" + packed[4:],
        packed + b"tail",
        packed[:8] + b"\x02\0\0\0" + packed[12:],
    ):
        with pytest.raises(RefusedError, match="cannot be read"):
            returns_from(base64.b64encode(broken).decode())
    with pytest.raises(RefusedError, match="cannot be read"):
        returns_from("no base64!")
    with pytest.raises(RefusedError, match="characters"):
        returns_from("A" * 400_000)
