"""Two opinions of one strategy on the same bars: where they differ, by how much, and what it earned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Bools, Floats, Market
from ci.checks.asking import NAMES, same, when

CHANCE_DEVIATIONS = 2.0
"""Standard deviations of what differs that chance may have earned; own choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """The first bar on which two opinions differ, with both values of `name`."""

    row: int
    column: int
    name: str
    one: float
    other: float

    def told(self, market: Market, symbols: tuple[str, ...], *, otherwise: str) -> str:
        """Return `exposure of BTCUSDT at train row 812, ... is 1.0, and 0.5 <otherwise>`."""
        where = f"{self.name} of {symbols[self.column]} at {when(market, self.row)}"
        return f"{where} is {self.one:.9g}, and {self.other:.9g} {otherwise}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two opinions differ.

    Attributes:
        compared_frac: Bars that count in both, of those that count in the first.
        differing_frac: Bars that differ, of those compared.
        moved_frac: Exposure that differs, of all exposure of the first; a bar whose distances differ with all its own.
        earned_frac: What the first earned on bars that differ more than the other would have, beyond
            CHANCE_DEVIATIONS of it, of what it earned on all: of its absolute gain or, where that is larger, of
            the root of the sum of squares. From close to close, without costs. Never below 0.0.
        first: The first differing bar; None when there is none.
    """

    compared_frac: float
    differing_frac: float
    moved_frac: float
    earned_frac: float
    first: Apart | None


def compare(one: Decisions, other: Decisions, market: Market, *, tolerance: float, signs: bool) -> Difference:
    """Return where two opinions differ, on the bars that count in both.

    Exposures differ when they are further apart than `tolerance` of max_leverage, or, with `signs`, when
    their signs do. Distances differ when they are further apart than `tolerance` of the larger one, or one
    is absent; on bars where the first opinion is flat they act on nothing and are not compared.
    """
    both = one.counts & other.counts
    gap = one.exposure - other.exposure
    apart = {"exposure": np.abs(gap) > tolerance * one.max_leverage}
    if signs:
        apart["exposure"] |= np.sign(one.exposure) != np.sign(other.exposure)
    held = one.exposure != 0.0
    for name in NAMES[1:]:
        apart[name] = held & _distances_differ(getattr(one, name), getattr(other, name), tolerance)
    differs = both & np.logical_or.reduce(list(apart.values()))
    compared, counting = int(both.sum()), int(one.counts.sum())
    by_distance = differs & ~apart["exposure"]
    moved = np.abs(gap[differs & apart["exposure"]]).sum() + np.abs(one.exposure[by_distance]).sum()
    return Difference(
        compared_frac=compared / counting if counting else 0.0,
        differing_frac=float(differs.sum()) / compared if compared else 0.0,
        moved_frac=_share(float(moved), float(np.abs(one.exposure[both]).sum())),
        earned_frac=_earned(one.exposure, np.where(differs, gap, 0.0), both, one.symbols, market),
        first=_first(one, other, differs, apart),
    )


def _earned(exposure: Floats, gap: Floats, both: Bools, symbols: tuple[str, ...], market: Market) -> float:
    if not gap.any():
        return 0.0
    close = np.stack([market.of(symbol).close for symbol in symbols], axis=1)
    ahead = np.zeros(close.shape)
    ahead[:-1] = close[1:] / close[:-1] - 1.0
    by_gap, whole = gap * ahead, (exposure * ahead)[both]
    beyond_chance = float(by_gap.sum()) - CHANCE_DEVIATIONS * float(np.sqrt((by_gap**2).sum()))
    scale = max(abs(float(whole.sum())), float(np.sqrt((whole**2).sum())))
    return _share(max(0.0, beyond_chance), scale)


def _share(part: float, whole: float) -> float:
    """Return part / whole, never above 1.0; a part of nothing is all of it."""
    if part == 0.0:
        return 0.0
    return min(1.0, part / whole) if whole > 0.0 else 1.0


def _distances_differ(one: Floats, other: Floats, tolerance: float) -> Bools:
    if np.isnan(one).all() and np.isnan(other).all():
        return np.zeros(one.shape, dtype=np.bool_)
    near = np.abs(one - other) <= tolerance * np.maximum(one, other)
    return np.asarray(~(near | same(one, other)))


def _first(one: Decisions, other: Decisions, differs: Bools, apart: dict[str, Bools]) -> Apart | None:
    if not differs.any():
        return None
    row = int(np.argmax(differs.any(axis=1)))
    column = int(np.argmax(differs[row]))
    name = next(name for name in NAMES if apart[name][row, column])
    values = (float(getattr(each, name)[row, column]) for each in (one, other))
    return Apart(row=row, column=column, name=name, one=next(values), other=next(values))
