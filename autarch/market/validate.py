"""What market data must hold before it is believed. A fault is refused with file, row and ts named.

Whatever read the rows (Parquet, Feather, CSV, freqtrade's files, the venue's own answers), they pass here.
Rows count from 0 within their file, a header not counted. Nothing is repaired: not sorted, not deduplicated, not
filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import NoReturn

import numpy as np

from autarch.errors import DataError
from autarch.market.columns import COLUMNS, Table
from autarch.market.lock_types import Gap, Kind
from autarch.market.types import Bools, Ints

RATE_MAX = 0.05  # of notional in one settlement; venues cap far below, a rate in percent lies above
MS_MIN = 946_684_800_000  # 2000-01-01: stamps below are seconds or nonsense
MS_MAX = 4_102_444_800_000  # 2100-01-01: stamps above are micro- or nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one file, or of one series of a venue. `interval_ms` is None for funding; `cure` ends a refusal."""

    file: str
    kind: Kind
    interval_ms: int | None
    table: Table
    cure: str = "correct the file at its source and import again"

    @property
    def ts(self) -> Ints:
        """Stamps of the rows."""
        return np.asarray(self.table["ts"], dtype=np.int64)


def iso(ts: int) -> str:
    """Return `ts` as UTC text for a message."""
    if not 0 <= ts < MS_MAX:
        return "no date of this century"
    return datetime.fromtimestamp(ts / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")


def check_part(part: Part, *, now_ms: int) -> None:
    """Raise DataError unless every row of one file is in order, in range and closed at `now_ms`."""
    ts = part.ts
    if ts.size == 0:
        raise DataError(f"{part.file} has no rows; remove the file or fetch it again")
    _refuse(part, (ts < MS_MIN) | (ts >= MS_MAX), "ts is not in epoch milliseconds of this century")
    if part.interval_ms is not None:
        _refuse(
            part, ts % part.interval_ms != 0, f"ts is not a multiple of {part.interval_ms} ms: off the interval grid"
        )
    steps = np.diff(ts, prepend=ts[0] - 1)
    _refuse(part, steps == 0, "repeats the ts of the row before: a duplicate")
    _refuse(part, steps < 0, "ts is below the row before: the file is not sorted")
    for name in COLUMNS[part.kind][1:]:
        _refuse(part, ~np.isfinite(_column(part, name)), f"{name} is NaN or infinite")
    if part.kind == "funding":
        _refuse(
            part, np.abs(_column(part, "rate")) > RATE_MAX, f"rate is beyond {RATE_MAX} of notional; is it in percent?"
        )
        _refuse(part, ts > now_ms, f"is settled after now ({iso(now_ms)})")
    else:
        _check_prices(part)
        _refuse(
            part, ts + (part.interval_ms or 0) > now_ms, f"is not closed yet at {iso(now_ms)}; drop the unclosed bar"
        )


def _check_prices(part: Part) -> None:
    opens, high, low, close = (_column(part, name) for name in ("open", "high", "low", "close"))
    for name in ("open", "high", "low", "close"):
        _refuse(part, _column(part, name) <= 0, f"{name} is not above zero")
    _refuse(part, high < low, "high is below low")
    _refuse(
        part,
        (high < np.maximum(opens, close)) | (low > np.minimum(opens, close)),
        "open or close is outside low to high",
    )
    if part.kind == "kline":
        _refuse(part, _column(part, "volume") < 0, "volume is negative")


def _column(part: Part, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(part.table[name], dtype=np.float64)


def _refuse(part: Part, bad: Bools, complaint: str) -> None:
    if bad.any():
        _fault(part, int(np.argmax(bad)), complaint)


def _fault(part: Part, row: int, complaint: str) -> NoReturn:
    ts = int(part.ts[row])
    values = ", ".join(f"{name} {float(part.table[name][row])!r}" for name in COLUMNS[part.kind][1:])
    raise DataError(
        f"{part.file} row {row}, ts {ts} ({iso(ts)}): {complaint}. Found {values}. "
        f"Nothing is repaired silently: {part.cure}"
    )


def check_joins(parts: Sequence[Part]) -> None:
    """Raise DataError when files of one series overlap; `parts` are in order of their first ts."""
    for before, after in pairwise(parts):
        if after.ts[0] <= before.ts[-1]:
            raise DataError(
                f"{after.file} row 0, ts {after.ts[0]} ({iso(int(after.ts[0]))}) is not after {before.file} row "
                f"{before.ts.size - 1}, ts {before.ts[-1]}: the parts overlap; keep each bar in one file"
            )


def check_holes(parts: Sequence[Part], gaps: Sequence[Gap], *, symbol: str, span: tuple[int, int]) -> None:
    """Raise DataError for a hole between two rows of one series that no declared gap covers.

    Only holes inside `span` [start, end) are looked at. A hole is covered when every missing bar
    overlaps a gap of `symbol`.
    """
    ts = np.concatenate([part.ts for part in parts])
    starts = np.cumsum([0] + [part.ts.size for part in parts])
    step = parts[0].interval_ms or 0
    for position in np.flatnonzero(np.diff(ts) > step):
        missing = np.arange(ts[position] + step, ts[position + 1], step)
        missing = missing[(missing >= span[0]) & (missing < span[1])]
        uncovered = missing[~_covered(missing, step, gaps, symbol)]
        if uncovered.size:
            index = int(np.searchsorted(starts, position + 1, side="right")) - 1
            row = int(position + 1 - starts[index])
            first, last = int(ts[position]) + step, int(ts[position + 1])
            raise DataError(
                f"{parts[index].file} row {row}, ts {last} ({iso(last)}): {missing.size} bars are missing before it, "
                f"from {first} ({iso(first)}). Fetch them, or declare the gap: "
                f"--declare-gap {symbol}:{first}:{last}:REASON"
            )


def _covered(missing: Ints, step: int, gaps: Sequence[Gap], symbol: str) -> Bools:
    covered = np.zeros(missing.size, dtype=np.bool_)
    for gap in gaps:
        if gap.symbol == symbol:
            covered |= (missing < gap.to_ms) & (missing + step > gap.from_ms)
    return covered


def check_gaps_are_empty(parts: Sequence[Part], gaps: Sequence[Gap], *, symbol: str) -> None:
    """Raise DataError when a declared gap holds bars: it would be a lie in the lock."""
    for part in parts:
        for gap in gaps:
            inside = (part.ts >= gap.from_ms) & (part.ts < gap.to_ms)
            if gap.symbol == symbol and inside.any():
                _fault(part, int(np.argmax(inside)), f"lies in the gap declared from {gap.from_ms} to {gap.to_ms}")
