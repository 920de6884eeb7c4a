"""When funding settles: derived from the stamps that happened, never from a file's label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autarch.errors import DataError
from autarch.market.lock_check import FUNDING_INTERVALS_MIN
from autarch.market.types import Floats, FundingSchedule, Ints

MINUTE_MS = 60_000
_LONG_SPELL_MIN = 3  # settlements; fewer at a longer interval between shorter ones are missing rows


def derive_schedule(stamps: Ints, *, label: str, halts: Sequence[tuple[int, int]] = ()) -> tuple[FundingSchedule, ...]:
    """Return the schedule that settlements at `stamps` (k,), strictly ascending epoch ms, follow.

    An entry begins at the settlement after which the new interval applies; the first begins one
    interval before the first stamp. Settlements missing inside `halts` ([from, to) of declared gaps)
    change nothing.

    Raises:
        DataError: fewer than two stamps, a stamp off its interval's grid, or a distance that no
            interval explains: a missing row.
    """
    if stamps.size < 2:
        raise DataError(f"{label}: {stamps.size} settlements; at least two are needed to tell the interval")
    minutes = _distances(stamps, halts)
    known = np.isin(minutes, FUNDING_INTERVALS_MIN) & (np.diff(stamps) % MINUTE_MS == 0)
    if not known.all():
        row = int(np.argmin(known)) + 1
        raise DataError(
            f"{label}: row {row}, ts {stamps[row]}: {(stamps[row] - stamps[row - 1]) / MINUTE_MS:g} minutes after the "
            f"settlement before; expected one of {', '.join(map(str, FUNDING_INTERVALS_MIN))}: a row is missing"
        )
    off = stamps[1:] % (minutes * MINUTE_MS) != 0
    if off.any():
        row = int(np.argmax(off)) + 1
        raise DataError(f"{label}: row {row}, ts {stamps[row]} is not a multiple of {minutes[row - 1]} minutes")
    starts = np.concatenate(([0], np.flatnonzero(np.diff(minutes)) + 1))
    _check_spells(minutes, starts, stamps, label)
    first = int(stamps[0] - minutes[0] * MINUTE_MS)
    return tuple(
        FundingSchedule(from_ms=first if start == 0 else int(stamps[start]), interval_min=int(minutes[start]))
        for start in starts
    )


def _distances(stamps: Ints, halts: Sequence[tuple[int, int]]) -> Ints:
    """Return minutes between settlements, (k - 1,); across a halt, those of the settlement before or after."""
    minutes = np.diff(stamps) // MINUTE_MS
    for start, end in halts:
        for row in np.flatnonzero((stamps[:-1] < end) & (stamps[1:] >= start) & (minutes > 0)):
            usual = minutes[row - 1] if row > 0 else minutes[-1 if minutes.size == 1 else 1]
            step = usual * MINUTE_MS
            missing = np.arange(stamps[row] + step, stamps[row + 1], step)
            if missing.size and ((missing >= start) & (missing < end)).all():
                minutes[row] = usual
    return minutes


def _check_spells(minutes: Ints, starts: Ints, stamps: Ints, label: str) -> None:
    """Refuse a short spell at a longer interval inside one at a shorter: nobody schedules that."""
    ends = np.append(starts[1:], minutes.size)
    for position in range(1, len(starts) - 1):
        start, end = int(starts[position]), int(ends[position])
        before, inside, after = (int(minutes[i]) for i in (start - 1, start, end))
        if end - start < _LONG_SPELL_MIN and inside > before and inside > after:
            raise DataError(
                f"{label}: row {start + 1}, ts {stamps[start + 1]}: {inside} minutes between settlements every "
                f"{before}; a row is missing"
            )


def minutes_to_settlement(schedule: Sequence[FundingSchedule], at_ms: Ints) -> Floats:
    """Return minutes from each instant to the next settlement strictly after it, shape of `at_ms`; always > 0.

    Only entries with from_ms at or before an instant speak for it, save that an entry's own start is
    a settlement. Instants before the first entry use the first. NaN everywhere without a schedule.
    """
    if not schedule:
        return np.full(at_ms.shape, np.nan)
    starts = np.array([entry.from_ms for entry in schedule], dtype=np.int64)
    steps = np.array([entry.interval_min for entry in schedule], dtype=np.int64) * MINUTE_MS
    step = steps[np.maximum(np.searchsorted(starts, at_ms, side="right") - 1, 0)]
    minutes: Floats = ((at_ms // step + 1) * step - at_ms) / MINUTE_MS
    return minutes
