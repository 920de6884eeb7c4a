"""Two opinions of one strategy on the same bars: where they differ by more than a tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Bools, Floats, Market
from ci.checks.asking import NAMES, same, when


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
    """How two opinions differ: shares, and the first differing bar; None when there is none.

    `compared_frac` is of the first opinion's counting bars, `differing_frac` of those compared.
    """

    compared_frac: float
    differing_frac: float
    first: Apart | None


def compare(one: Decisions, other: Decisions, *, tolerance: float, signs: bool) -> Difference:
    """Return where two opinions differ, on the bars that count in both.

    Exposures differ when they are further apart than `tolerance` of max_leverage, or, with `signs`, when
    their signs do. Distances differ when they are further apart than `tolerance` of the larger one, or one
    is absent; on bars where the first opinion is flat they act on nothing and are not compared.
    """
    both = one.counts & other.counts
    bound = tolerance * one.max_leverage
    apart = {"exposure": np.abs(one.exposure - other.exposure) > bound}
    if signs:
        apart["exposure"] |= np.sign(one.exposure) != np.sign(other.exposure)
    held = one.exposure != 0.0
    for name in NAMES[1:]:
        apart[name] = held & _distances_differ(getattr(one, name), getattr(other, name), tolerance)
    differs = both & np.logical_or.reduce(list(apart.values()))
    compared, counting = int(both.sum()), int(one.counts.sum())
    return Difference(
        compared_frac=compared / counting if counting else 0.0,
        differing_frac=float(differs.sum()) / compared if compared else 0.0,
        first=_first(one, other, differs, apart),
    )


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
