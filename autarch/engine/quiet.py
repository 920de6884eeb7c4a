"""Stretches in which nothing happens to a symbol: how long they last and how near they came to liquidation.

Between two events of a symbol its quantity, average entry and triggers stand still, so a stretch needs
no rules, only comparisons and marks. Loops look at blocks without an exit, since that is the form that
compilers turn into vector instructions.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.desk import Desk, column, floats_at, ints_at, state_of
from autarch.engine.jit import apart, inlined
from autarch.engine.layout import LIQUIDATION, LIQUIDATION_GAP, POSITION, STOP, TAKE
from autarch.engine.rules import sign
from autarch.engine.tape import HIGH, LOW
from autarch.market.types import Floats

_BLOCK: Final = 32


@apart
def next_change(d: Desk, row: int) -> int:
    """Return the first row from `row` on whose decision is not the one before it; n when none is.

    Before the first row everything decided is zero. The last row's decision is never acted on.
    """
    n, width = d.n_bars, d.symbols
    values = floats_at(d.wish_wanted)
    if row == 0:
        for j in range(width):
            if values[j] != 0.0 and n > 1:
                return 0
        row = 1
    if row >= n - 1:
        return int(n)
    now, before = floats_at(d.wish_wanted + 8 * row * width), floats_at(d.wish_wanted + 8 * (row - 1) * width)
    place, size = row - row, (n - 1 - row) * width
    while place + _BLOCK <= size:
        changed = False
        for i in range(place, place + _BLOCK):
            changed |= now[i] != before[i]
        if changed:
            break
        place += _BLOCK
    while place < size:
        if now[place] != before[place]:
            return int(row + place // width)
        place += 1
    return int(n)


@apart
def next_trigger(d: Desk, j: int, since: int, until: int) -> int:
    """Return the first row in [since, until) whose extremes meet a trigger of what is held, or `until`.

    A row that is not traded is flat at the last close, which met none.
    """
    s = state_of(d, j)
    side = sign(s[POSITION])
    nearest = s[STOP]
    if np.isnan(nearest) or side * (s[LIQUIDATION] - nearest) > 0.0:
        nearest = s[LIQUIDATION]
    floor, ceiling = (nearest, s[TAKE]) if side > 0.0 else (s[TAKE], nearest)
    low, high = column(d, j, LOW, since), column(d, j, HIGH, since)
    place, size = since - since, until - since
    while place + _BLOCK <= size:
        hit = False
        for i in range(place, place + _BLOCK):
            hit |= (low[i] <= floor) | (high[i] >= ceiling)
        if hit:
            break
        place += _BLOCK
    while place < size and not (low[place] <= floor or high[place] >= ceiling):
        place += 1
    return int(since + place)


@apart
def note_gap(d: Desk, j: int, until: int) -> None:
    """Note how near the rows before `until` that are not noted yet brought a held position to its liquidation price.

    The distance grows with a long's low and falls with a short's high, so the worst of them tells.
    """
    s, noted = state_of(d, j), ints_at(d.run_noted)
    since = noted[j]
    noted[j] = max(since, until)
    if s[POSITION] == 0.0 or since >= until or np.isnan(s[LIQUIDATION]):
        return
    side = sign(s[POSITION])
    if side > 0.0:
        worst = _least(column(d, j, LOW, since), until - since, 1.0)
    else:
        worst = -_least(column(d, j, HIGH, since), until - since, -1.0)
    s[LIQUIDATION_GAP] = min(s[LIQUIDATION_GAP], side * (worst - s[LIQUIDATION]) / worst)


@inlined
def _least(values: Floats, size: int, sign_: float) -> float:
    """Return the least of sign * values, four chains at a time: one alone waits for itself."""
    a = b = c = d = np.inf
    quarter = size // 4
    for i in range(quarter):
        v, w, x, y = values[i], values[quarter + i], values[2 * quarter + i], values[3 * quarter + i]
        a, b = min(a, sign_ * v), min(b, sign_ * w)
        c, d = min(c, sign_ * x), min(d, sign_ * y)
    for i in range(4 * quarter, size):
        a = min(a, sign_ * values[i])
    return min(a, b, c, d)
