"""What a curve says of itself, from days that a hand can check."""

from __future__ import annotations

import numpy as np
import pytest

from ci.checks.ground import Curve

DAY_MS = 86_400_000


def of_days(*equity: float) -> Curve:
    return Curve(
        capital=1000.0,
        equity=np.array(equity),
        ts=DAY_MS * np.arange(len(equity), dtype=np.int64),
        interval_ms=DAY_MS,
        first_row=0,
        is_ruined=False,
    )


def test_the_shortfall_is_the_mean_of_the_worst_twentieth_and_never_below_zero() -> None:
    # Of few days the worst one alone: 990 / 1,100 - 1 = -10 %.
    assert of_days(1000.0, 1100.0, 990.0, 1000.0).shortfall == pytest.approx(0.1)
    assert of_days(1000.0, 1010.0, 1030.0).shortfall == 0.0
