"""When shared margin is called: an account without positions never is, one with positions by what is left of it."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.engine.layout import ENTRY, LIQUIDATION_GAP, POSITION, new_state
from autarch.engine.margin import is_called
from autarch.engine.terms import N_TERMS, QTY_SCALE, QTY_UNIT

TIERS = np.array([[[np.inf, 0.01, 0.0]], [[np.inf, 0.01, 0.0]]])
"""One tier each: 1 % of the position's value must be left."""


def terms() -> np.ndarray:
    found = np.zeros((2, N_TERMS))
    found[:, [QTY_UNIT, QTY_SCALE]] = 1.0
    return found


@pytest.mark.parametrize("capital", [-1.0, 0.0, 1.0])
def test_an_account_that_holds_nothing_is_never_called(capital) -> None:
    states = np.stack([new_state(), new_state()])
    before = states[:, LIQUIDATION_GAP].copy()

    assert not is_called(states, terms(), TIERS, np.array([100.0, 50.0]), capital)
    assert np.array_equal(states[:, LIQUIDATION_GAP], before, equal_nan=True)


@pytest.mark.parametrize(("capital", "called"), [(21.01, False), (21.0, True), (20.99, True)])
def test_an_account_is_called_where_what_is_left_is_the_maintenance_margin(capital, called) -> None:
    # One coin bought at 120 and marked at 100: capital - 20 is left, and 1 % of 100 must be.
    states = np.stack([new_state(), new_state()])
    states[0, [POSITION, ENTRY]] = 1.0, 120.0

    assert is_called(states, terms(), TIERS, np.array([100.0, 50.0]), capital) is called
    assert states[0, LIQUIDATION_GAP] == pytest.approx(max(0.0, capital - 21.0) / 100.0)
