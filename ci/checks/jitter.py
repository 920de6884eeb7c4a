"""Parameters moved a little: a thesis survives it, a fit to one history does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.manifest import Manifest, ParamValue, SearchRange

MOVES: Final = (-2, -1, 1, 2)
"""How many steps away from its value each parameter is tried."""

STEP_FRAC: Final = 0.1
"""A step is this share of the value at least (own choice): a grid as fine as one likes must not make jitter nothing."""

RANGE_FRAC: Final = 0.05
"""And of the range where the value is zero, which has no share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One parameter set that differs from the declared one in one name."""

    name: str
    params: Mapping[str, ParamValue]


def moved_sets(manifest: Manifest, *, sets_max: int, rng: np.random.Generator) -> tuple[Moved, ...]:
    """Return the declared parameters with one of them moved by one or two steps, down and up.

    Those in [search] are moved on its grid and within its range; without [search], every int and float is,
    by tenths of its value. A whole number moves by one at least. What falls outside, or on a value already
    there, is left out. Of more than `sets_max` sets a sample is drawn.
    """
    found = []
    for name, value in manifest.params.items():
        if isinstance(value, bool) or (manifest.search and name not in manifest.search):
            continue
        span = manifest.search.get(name)
        step = step_of(value, span)
        values = {_placed(value + move * step, value, span) for move in MOVES if step > 0.0} - {value, None}
        found += [Moved(name=name, params={name: one}) for one in sorted(v for v in values if v is not None)]
    if len(found) <= sets_max:
        return tuple(found)
    kept = sorted(rng.choice(len(found), size=sets_max, replace=False).tolist())
    return tuple(found[index] for index in kept)


def step_of(value: float, span: SearchRange | None) -> float:
    """Return how far one step moves `value`: a tenth of it, in whole steps of its grid, at least one; 0.0: nowhere.

    Args:
        value: As declared.
        span: Its [search], None without one.
    """
    share = STEP_FRAC * abs(value)
    if share == 0.0 and span is not None:
        share = RANGE_FRAC * (span.high - span.low)
    grid = 1.0 if isinstance(value, int) else 0.0
    if span is not None and span.step is not None:
        grid = float(span.step)
    if grid == 0.0:
        return share
    return grid * max(1, math.floor(share / grid + 0.5)) if share > 0.0 or span is not None else 0.0


def _placed(moved: float, value: float, span: SearchRange | None) -> ParamValue | None:
    """Return `moved` as the manifest would write it, None outside its range."""
    if span is not None and not float(span.low) - 1e-12 <= moved <= float(span.high) + 1e-12:
        return None
    if isinstance(value, int):
        return round(moved)
    return float(format(moved, ".12g"))  # 0.3, not 0.30000000000000004
