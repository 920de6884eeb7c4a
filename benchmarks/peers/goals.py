"""The goals the figures are held against, and the samples that other benchmarks print."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.figures import Figure, figures
from benchmarks.peers.plan import GROWTH, YEAR, Entry
from benchmarks.peers.samples import Samples

Stages = Mapping[str, tuple[Entry, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure and what it should be; `found` is None where it was not measured."""

    what: str
    op: str
    limit: float
    unit: str
    found: float | None

    @property
    def word(self) -> str:
        """Whether it is met, in a word."""
        if self.found is None:
            return "not measured"
        met = self.found >= self.limit if self.op == ">=" else self.found <= self.limit
        return "yes" if met else "NO"


def goals(samples: Samples, stages: Stages) -> list[Goal]:
    """Return every goal with what was found."""
    return [*_kernel(samples, stages), *_swept(samples, stages), *_growth(samples, stages), *_cold(samples)]


def _kernel(samples: Samples, stages: Stages) -> Iterator[Goal]:
    one, stopped, ten = (_by_engine(samples, stages, name) for name in ("W1", "W1f", "W4"))
    mine, bare = stopped.get("autarch"), stopped.get("floor")
    yield Goal(
        what="kernel, W1f: stop and funding, every report",
        op=">=",
        limit=60.0,
        unit="M bars/s",
        found=None if mine is None else 1e3 / mine.play_ns_a_bar,
    )
    yield Goal(
        what="kernel on W1f beside vectorbt on W1 (orders and value curve)",
        op=">=",
        limit=10.0,
        unit="x",
        found=_ratio(one.get("vectorbt"), mine, "play_ns_a_bar"),
    )
    yield Goal(
        what="the same, both with their indicators",
        op=">=",
        limit=10.0,
        unit="x",
        found=_ratio(one.get("vectorbt"), mine, "ns_a_bar"),
    )
    yield Goal(
        what="kernel on W1f beside the bare loop (which has its indicators inside)",
        op="<=",
        limit=4.0,
        unit="x",
        found=None if mine is None or bare is None else mine.play_ns_a_bar / bare.ns_a_bar,
    )
    yield Goal(
        what="kernel on W4 beside vectorbt (orders and value curve)",
        op=">=",
        limit=10.0,
        unit="x",
        found=_ratio(ten.get("vectorbt"), ten.get("autarch"), "play_ns_a_bar"),
    )


def _swept(samples: Samples, stages: Stages) -> Iterator[Goal]:
    swept = latest(samples, "sweep")
    for work, way, text, limit in (
        ("W3", "one", "one process", 5.0),
        ("W3", "two", "two processes", 9.0),
        ("W4", "one", "one process", 4.0),
    ):
        peer = _by_engine(samples, stages, work).get("vectorbt")
        seconds = _median_of(swept, work, way)
        yield Goal(
            what=f"{work} with decisions through the worker, {text}, beside vectorbt (wall)",
            op=">=",
            limit=limit,
            unit="x",
            found=None if peer is None or seconds is None else peer.wall_s / seconds,
        )
    single, double = _median_of(swept, "dask", "one"), _median_of(swept, "dask", "two")
    yield Goal(
        what="W3 on a Dask cluster of two workers beside one worker (wall)",
        op=">=",
        limit=1.7,
        unit="x",
        found=None if single is None or double is None else single / double,
    )


def _growth(samples: Samples, stages: Stages) -> Iterator[Goal]:
    grown = {
        one.entry.bars: one
        for one in figures(samples, "growth", stages.get("growth", ()))
        if one.entry.engine == "autarch"
    }
    first, last = grown.get(GROWTH[0]), grown.get(GROWTH[-1])
    yield Goal(
        what="a bar's time at 5,256,000 bars beside 52,560",
        op="<=",
        limit=1.2,
        unit="x",
        found=None if first is None or last is None else last.ns_a_bar / first.ns_a_bar,
    )
    yield Goal(
        what="memory held for a bar at 5,256,000 bars: market, quantities, results",
        op="<=",
        limit=200.0,
        unit="bytes",
        found=None if last is None else last.resident / last.played,
    )


def _cold(samples: Samples) -> Iterator[Goal]:
    found = latest(samples, "cold")
    yield Goal(
        what=f"`autarch backtest`, {YEAR:,} minutes, process start to printed result, caches warm",
        op="<=",
        limit=3.0,
        unit="s",
        found=None if found is None else statistics.median(found["wall_s"]),
    )


def latest(samples: Samples, stage: str) -> Any:
    """Return the newest answer of a benchmark that prints one JSON object, None without any."""
    found = samples.of(stage, stage)
    return found[-1] if found else None


def _by_engine(samples: Samples, stages: Stages, stage: str) -> dict[str, Figure]:
    """Return the first figure of each engine: the one on the whole work."""
    found: dict[str, Figure] = {}
    for one in figures(samples, stage, stages.get(stage, ())):
        found.setdefault(one.entry.engine, one)
    return found


def _ratio(other: Figure | None, mine: Figure | None, of: str) -> float | None:
    return None if other is None or mine is None else float(getattr(other, of)) / float(getattr(mine, of))


def _median_of(answer: Any, work: str, way: str) -> float | None:
    seconds = ((answer or {}).get(work) or {}).get(way)
    return statistics.median(seconds) if seconds else None
