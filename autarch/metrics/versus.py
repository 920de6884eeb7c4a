"""One series of daily returns, or of decisions, beside another."""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Bools, Floats

ALIKE_TOLERANCE: Final = 0.05
"""Two exposures this share of max_leverage apart are still alike (own choice)."""

_ROUNDING: Final = 1e-12  # 1.0 - 0.95 is a hair above 0.05 as a float


def beta(returns: Floats, other: Floats) -> float | None:
    """Return the slope of daily returns on another's: cov / var of the other (Sharpe, 1964), sample moments.

    Returns that end earlier, at ruin, are compared as far as they go. None for fewer than two days, without
    spread in `other`, or with a NaN.
    """
    pair = _paired(returns, other)
    if pair is None:
        return None
    covariance = np.cov(*pair, ddof=1)
    return _finite(float(covariance[0, 1] / covariance[1, 1])) if covariance[1, 1] > 0.0 else None


def correlation(returns: Floats, other: Floats) -> float | None:
    """Return Pearson's correlation of two series of daily returns, in [-1, 1]; None as `beta`, or without spread."""
    pair = _paired(returns, other)
    if pair is None or float(np.ptp(pair[0])) == 0.0:
        return None
    found = _finite(float(np.corrcoef(*pair)[0, 1]))
    return None if found is None else min(1.0, max(-1.0, found))


def alike(one: Decisions, other: Decisions) -> float | None:
    """Return the share of decisions with equal sign and |exposure| within 5 % of max_leverage of each other.

    Over the rows and shared symbols where both count. Exposures are compared as fractions of the whole sleeve,
    against the smaller of both tolerances.

    Returns:
        A fraction in [0, 1]; None when the two share no interval, rows, symbol or counting bar.
    """
    found = _compared(one, other)
    return None if found is None else float(found[0].mean())


def alike_when_held(one: Decisions, other: Decisions) -> float | None:
    """Return the share as `alike`, of those decisions alone of which at least one is not flat; None without any."""
    found = _compared(one, other)
    if found is None or not found[1].any():
        return None
    same, held = found
    return float(same[held].mean())


def same_direction(one: Decisions, other: Decisions) -> float | None:
    """Return the cosine of the angle between two strategies' exposures over the decisions they share, in [-1, 1].

    sum(a b) / sqrt(sum(a a) sum(b b)): 1.0 for one that is a multiple of the other, whatever the multiple.
    None when they share nothing, or one of them is always flat there.
    """
    pair = _shared(one, other)
    if pair is None:
        return None
    ours, theirs = pair
    size = float((ours * ours).sum()) * float((theirs * theirs).sum())
    return min(1.0, float((ours * theirs).sum()) / float(np.sqrt(size))) if size > 0.0 else None


def _compared(one: Decisions, other: Decisions) -> tuple[Bools, Bools] | None:
    """Return where two decide alike, and where either is not flat, over the decisions they share; None for none."""
    pair = _shared(one, other)
    if pair is None:
        return None
    ours, theirs = pair
    width = ALIKE_TOLERANCE * min(d.max_leverage * d.slice_fraction() for d in (one, other)) + _ROUNDING
    same = (np.sign(ours) == np.sign(theirs)) & (np.abs(np.abs(ours) - np.abs(theirs)) <= width)
    return same, (ours != 0.0) | (theirs != 0.0)


def _shared(one: Decisions, other: Decisions) -> tuple[Floats, Floats] | None:
    """Return both exposures as fractions of the whole sleeve, where both count on symbols they share; None for none."""
    shared = [symbol for symbol in one.symbols if symbol in other.symbols]
    if one.interval != other.interval or one.exposure.shape[0] != other.exposure.shape[0] or not shared:
        return None
    left, right = ([d.symbols.index(symbol) for symbol in shared] for d in (one, other))
    both = one.counts[:, left] & other.counts[:, right]
    if not both.any():
        return None
    ours = (one.exposure[:, left] * one.slice_fraction())[both]
    theirs = (other.exposure[:, right] * other.slice_fraction())[both]
    return ours, theirs


def _paired(returns: Floats, other: Floats) -> tuple[Floats, Floats] | None:
    days = min(returns.size, other.size)
    left, right = returns[:days], other[:days]
    if days < 2 or not (np.isfinite(left).all() and np.isfinite(right).all()) or float(np.ptp(right)) == 0.0:
        return None
    return left, right


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
