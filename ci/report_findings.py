"""What the robustness check measured, ready to be drawn: the fan of what might have been, and the rank among worlds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autarch.market.types import Ints
from ci.checks import placebo
from ci.checks.findings import Findings
from ci.checks.ground import Curve
from ci.checks.robustness import placebo_sharpes

POINTS_MAX = 400
Kind = Literal["own", "jitter", "costs", "delay", "noise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strand:
    """One curve of the fan: equity over capital at the fan's times, never below `GROWTH_MIN`."""

    kind: Kind
    label: str
    growth: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fan:
    """The candidate and what it would have been: `time_s` are UTC seconds of closes, each strand as long."""

    time_s: list[int]
    strands: list[Strand]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One world on a line from the worst Sharpe ratio to the best: `at` in per cent of the way."""

    at: float
    sharpe: float
    kind: str
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Placebo:
    """The candidate among worlds without order: its place, 1 for the best, of how many, and each of them."""

    place: int
    count: int
    rows: int
    low: float
    high: float
    marks: list[Mark]


GROWTH_MIN = 0.01
"""What a curve on a log scale shows of a loss of nearly everything."""


def fan(findings: Findings, *, points_max: int = POINTS_MAX) -> Fan:
    """Return the candidate with its neighbours in parameters, costs, delay and bars; empty without bars."""
    own = findings.own
    rows = np.arange(own.first_row, own.equity.size)
    if rows.size == 0:
        return Fan(time_s=[], strands=[])
    lasts = rows[:: -(-rows.size // points_max)]
    lasts = np.append(lasts[:-1], rows[-1]) if lasts[-1] != rows[-1] else lasts
    strands = [
        Strand(kind=kind, label=label, growth=_growth(curve, lasts))
        for kind, label, curve in _curves(findings)
        if curve is not None and curve.equity.size == own.equity.size
    ]
    return Fan(time_s=[int(t) for t in (own.ts[lasts] + own.interval_ms) // 1000], strands=strands)


def placebo_marks(findings: Findings) -> Placebo | None:
    """Return the candidate among its placebo worlds; None where too few bars allowed any."""
    own, worlds = placebo_sharpes(findings)
    if own is None or not worlds:
        return None
    low, high = min(own, *worlds), max(own, *worlds)
    width = (high - low) or 1.0
    told = [one for one in findings.worlds if one.curve is not None]
    marks = [
        Mark(
            at=round(100.0 * (one.curve.sharpe - low) / width, 2),
            sharpe=one.curve.sharpe,
            kind=one.kind,
            is_own=one.kind == "own",
        )
        for one in told
        if one.curve is not None
    ]
    return Placebo(
        place=placebo.rank(own, worlds),
        count=len(worlds) + 1,
        rows=findings.world_rows,
        low=low,
        high=high,
        marks=sorted(marks, key=lambda mark: (mark.is_own, mark.at)),  # the candidate on top
    )


def _curves(findings: Findings) -> Iterator[tuple[Kind, str, Curve | None]]:
    """Yield the fan from the back to the front."""
    for moved, curve in findings.moved:
        words = ", ".join(f"{name} = {value:g}" for name, value in moved.params.items())
        yield "jitter", words, curve
    yield "costs", "all costs as the policy multiplies them", findings.costs
    yield "costs", "all costs doubled", findings.doubled
    yield "delay", "every decision one bar late", findings.delayed
    yield "noise", "bars off by a hair", findings.noisy
    yield "noise", "numbers off by a hundredth", findings.renumbered
    yield "own", "as proposed", findings.own


def _growth(curve: Curve, rows: Ints) -> list[float]:
    growth = np.maximum(curve.equity[rows] / curve.capital, GROWTH_MIN)
    return [float(f"{value:.5g}") for value in growth]
