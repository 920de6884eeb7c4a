"""Trades of a proposal beside its parent's: the same, moved, added, removed; a curve in one line."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from agents.comparison import sparkline, trades_changed
from autarch.engine.result import FILL


def played(*trips: tuple[int, int, int]) -> SimpleNamespace:
    """Return a backtest with long trips of one coin: symbol, entry row, exit row."""
    rows = sorted(
        [(entry, symbol, 1.0) for symbol, entry, _ in trips] + [(exit_, symbol, -1.0) for symbol, _, exit_ in trips]
    )
    fills = np.zeros(len(rows), dtype=FILL)
    position: dict[int, float] = {}
    for place, (row, symbol, qty) in enumerate(rows):
        position[symbol] = position.get(symbol, 0.0) + qty
        fills[place]["symbol"], fills[place]["row"], fills[place]["qty"] = symbol, row, qty
        fills[place]["price"] = 100.0
        if "position" in FILL.names:
            fills[place]["position"] = position[symbol]
    return SimpleNamespace(fills=fills, funding=None)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([(0, 5, 9)], [(0, 5, 9)], (1, 0, 0, 0)),
        ([(0, 5, 9)], [(0, 6, 12)], (0, 1, 0, 0)),
        ([(0, 5, 9)], [(0, 9, 12)], (0, 0, 1, 1)),  # one leaves where the other enters: no overlap
        ([(0, 5, 9)], [(1, 5, 9)], (0, 0, 1, 1)),  # another symbol
        ([(0, 5, 20)], [(0, 6, 8), (0, 10, 12)], (0, 1, 1, 0)),  # one is used once
        ([], [(0, 1, 2)], (0, 0, 1, 0)),
    ],
)
def test_round_trips_are_the_same_moved_added_or_removed(before: list, after: list, told: tuple[int, ...]) -> None:
    found = trades_changed(played(*before), played(*after))

    assert (found.same, found.moved, found.added, found.removed) == told


def test_a_sparkline_goes_from_the_lowest_block_to_the_highest() -> None:
    assert sparkline(np.array([0.0, 1.0, 2.0, 7.0]), points=4) == "▁▂▃█"  # 0, 8/7, 16/7 and the top of eight steps
    assert sparkline(np.full(3, 5.0)) == "▁▁▁"
    assert sparkline(np.array([])) == ""
