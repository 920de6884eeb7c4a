"""Bars of every interval, made from the bars that the market moves in."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from autarch.canonical import EpochMs
from live.simulator.core.rows import KlineRow

BARS_MAX = 200_000


@dataclass(slots=True, kw_only=True)
class Bars:
    """Final bars of one symbol, oldest first, and the one that is being made."""

    base_ms: int
    final: list[KlineRow] = field(default_factory=list)
    open_bar: KlineRow | None = None

    def take(self, row: KlineRow) -> None:
        """Note a bar's newest state."""
        if not row.confirm:
            self.open_bar = row
            return
        self.final.append(row)
        self.open_bar = None
        if len(self.final) > 2 * BARS_MAX:
            del self.final[:BARS_MAX]

    def between(self, start_ms: int, end_ms: int, *, interval_ms: int, limit: int) -> list[KlineRow]:
        """Return at most `limit` of the newest bars that open within [start, end], newest first."""
        buckets = self._buckets(start_ms, end_ms, interval_ms)
        return [joined(bucket, interval_ms) for bucket in buckets[:limit]]

    def upto(self, row: KlineRow, interval_ms: int) -> KlineRow:
        """Return the bar of an interval that `row` lies in, as it stood with `row`, whatever has come since."""
        if interval_ms == self.base_ms:
            return row
        start = row.start_ms - row.start_ms % interval_ms
        first, after = (bisect_left(self.final, at, key=lambda one: one.start_ms) for at in (start, row.start_ms))
        return joined([*self.final[first:after], row], interval_ms)

    def _buckets(self, start_ms: int, end_ms: int, interval_ms: int) -> list[list[KlineRow]]:
        first = bisect_left(self.final, start_ms - start_ms % interval_ms, key=lambda row: row.start_ms)
        rows = self.final[first:]
        if self.open_bar is not None:
            rows = [*rows, self.open_bar]
        buckets: dict[int, list[KlineRow]] = {}
        for row in rows:
            bucket = row.start_ms - row.start_ms % interval_ms
            if start_ms <= bucket <= end_ms:
                buckets.setdefault(bucket, []).append(row)
        return [buckets[key] for key in sorted(buckets, reverse=True)]


def joined(rows: Sequence[KlineRow], interval_ms: int) -> KlineRow:
    """Return one bar of `interval_ms` from those that lie in it; final once the last of them has closed."""
    first, last = rows[0], rows[-1]
    start = first.start_ms - first.start_ms % interval_ms
    ends = last.start_ms + last.interval_ms >= start + interval_ms
    return replace(
        last,
        interval_ms=interval_ms,
        start_ms=EpochMs(start),
        open=first.open,
        high=max(row.high for row in rows),
        low=min(row.low for row in rows),
        volume=sum((row.volume for row in rows[1:]), first.volume),
        turnover=sum((row.turnover for row in rows[1:]), first.turnover),
        confirm=last.confirm and ends,
    )
