"""What is packed for the kernel: tables of one shape, and which rows of a market count for what."""

from __future__ import annotations

import numpy as np

from autarch.engine.packing import stacked_tiers


def test_a_shorter_table_of_tiers_repeats_its_last() -> None:
    short = np.array([[1.0, 2.0, 3.0]])
    long = np.array([[4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [10.0, 11.0, 12.0]])

    stacked = stacked_tiers([short, long])

    assert stacked.tolist() == [[[1.0, 2.0, 3.0]] * 3, long.tolist()]
