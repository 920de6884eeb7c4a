"""Samples to figures: medians and minima per engine, ratios, whether final equities agree."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.plan import Entry
from benchmarks.peers.samples import Samples
from benchmarks.peers.work import works

AGREEMENT = 1e-9
DIFFERS = {("W1s", "vectorbt")}
"""Where a peer means something else; the page shows what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One engine on one work, over all its rounds.

    Attributes:
        entry: What was measured.
        played: Symbol-bars of one run.
        cpu_s: Median over rounds of the median run, processor seconds, indicators included.
        cpu_s_min: The fastest run of all.
        wall_s: As `cpu_s`, wall seconds.
        play_s: As `cpu_s`, without the indicators.
        equity: Final equity.
        fills: As the engine counts.
        process_s: Median seconds of importing and of the first, untimed run.
        resident: Median bytes held after the runs, less those held before the prices were read.
        resident_peak: The most ever held.
    """

    entry: Entry
    played: int
    cpu_s: float
    cpu_s_min: float
    wall_s: float
    play_s: float
    equity: float
    fills: int
    process_s: float
    resident: float
    resident_peak: float

    @property
    def ns_a_bar(self) -> float:
        """Processor nanoseconds a symbol-bar, indicators included."""
        return self.cpu_s / self.played * 1e9

    @property
    def play_ns_a_bar(self) -> float:
        """Processor nanoseconds a symbol-bar, without the indicators."""
        return self.play_s / self.played * 1e9


def figure(samples: Samples, stage: str, entry: Entry) -> Figure | None:
    """Return the figures of one entry, None when nothing was sampled."""
    found = samples.of(stage, entry.key)
    if not found:
        return None
    play = [_median_run(one, "cpu", without="signals") for one in found]
    return Figure(
        entry=entry,
        played=entry.bars * entry.pairs * works()[entry.work].symbols,
        cpu_s=statistics.median(_median_run(one, "cpu") for one in found),
        cpu_s_min=min(sum(run["cpu"].values()) for one in found for run in one["runs"]),
        wall_s=statistics.median(_median_run(one, "wall") for one in found),
        play_s=statistics.median(play),
        equity=found[-1]["equity"],
        fills=found[-1]["fills"],
        process_s=statistics.median(one["import_s"] + one["warm_s"] for one in found),
        resident=statistics.median(one["resident_after"] - one["resident_before"] for one in found),
        resident_peak=max(one["resident_peak"] for one in found),
    )


def figures(samples: Samples, stage: str, entries: tuple[Entry, ...]) -> list[Figure]:
    """Return the figures of every sampled entry of a stage, in the plan's order."""
    found = (figure(samples, stage, entry) for entry in entries)
    return [one for one in found if one is not None]


def ours(found: list[Figure], other: Figure) -> Figure | None:
    """Return Autarch on the same bars and pairs as `other`."""
    alike = (
        one
        for one in found
        if one.entry.engine == "autarch" and (one.entry.bars, one.entry.pairs) == (other.entry.bars, other.entry.pairs)
    )
    return next(alike, None)


def difference(found: list[Figure], other: Figure) -> float | None:
    """Return the relative difference of final equities on the same bars; None without Autarch's."""
    mine = ours(found, other)
    return None if mine is None else abs(other.equity - mine.equity) / abs(mine.equity)


def disagreements(samples: Samples, stages: Mapping[str, tuple[Entry, ...]]) -> list[str]:
    """Return, in words, every final equity that should be Autarch's and is further than 1e-9 from it."""
    found = []
    for name, entries in stages.items():
        known = figures(samples, name, entries)
        for one in known:
            apart = difference(known, one)
            if apart is not None and apart > AGREEMENT and (name, one.entry.engine) not in DIFFERS:
                found.append(f"{one.entry.key} ends with {one.equity!r}, {apart:.1e} from Autarch's")
    return found


def _median_run(sample: Any, clock: str, *, without: str = "") -> float:
    totals = (sum(seconds for part, seconds in run[clock].items() if part != without) for run in sample["runs"])
    return float(statistics.median(totals))
