"""When funding settles: derived from the stamps that happened, never from a file's label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autarch.errors import DataError
from autarch.market.lock_check import FUNDING_INTERVALS_MIN
from autarch.market.types import Floats, FundingSchedule, Ints

MINUTE_MS = 60_000
_COARSE_RUN_MIN = 3  # settlements: a shorter spell at a longer interval between equal ones is a missing row


def derive_schedule(stamps: Ints, *, label: str) -> tuple[FundingSchedule, ...]:
    """Return the schedule that settlements at `stamps` (k,), strictly ascending epoch ms, follow.

    An entry begins at the settlement after which the new interval applies; the first begins one
    interval before the first stamp.

    Raises:
        DataError: fewer than two stamps, a stamp off its interval's grid, or a distance that no
            interval explains: a missing row.
    """
    if stamps.size < 2:
        raise DataError(f"{label}: {stamps.size} settlements; at least two are needed to tell the interval")
    minutes = np.diff(stamps) // MINUTE_MS
    exact = (np.diff(stamps) % MINUTE_MS == 0) & np.isin(minutes, FUNDING_INTERVALS_MIN)
    if not exact.all():
        row = int(np.argmin(exact)) + 1
        raise DataError(
            f"{label}: row {row}, ts {stamps[row]}: {(stamps[row] - stamps[row - 1]) / MINUTE_MS:g} minutes after the "
            f"settlement before; expected one of {', '.join(map(str, FUNDING_INTERVALS_MIN))}: a row is missing"
        )
    off = stamps[1:] % (minutes * MINUTE_MS) != 0
    if off.any():
        row = int(np.argmax(off)) + 1
        raise DataError(f"{label}: row {row}, ts {stamps[row]} is not a multiple of {minutes[row - 1]} minutes")
    starts = np.concatenate(([0], np.flatnonzero(np.diff(minutes)) + 1))
    _check_runs(minutes, starts, stamps, label)
    first = int(stamps[0] - minutes[0] * MINUTE_MS)
    return tuple(
        FundingSchedule(from_ms=first if start == 0 else int(stamps[start]), interval_min=int(minutes[start]))
        for start in starts
    )


def _check_runs(minutes: Ints, starts: Ints, stamps: Ints, label: str) -> None:
    ends = np.append(starts[1:], minutes.size)
    for position in range(1, len(starts) - 1):
        start, end = int(starts[position]), int(ends[position])
        before, inside, after = (int(minutes[i]) for i in (start - 1, start, end))
        if end - start < _COARSE_RUN_MIN and inside > before and inside > after:
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
