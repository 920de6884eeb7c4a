"""Lanes: changes that need no new verdict, since they decide what main's version decides, or risk less.

The train bars say which lane a candidate may ask for; the hidden bars (holdout, forward) say one word.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from autarch.decisions import Decisions
from autarch.manifest import Manifest
from autarch.market.types import Bools, Floats
from autarch.verdict import LAWS, CheckResult, LaneWord
from ci.candidate import Candidate

Lane = Literal["same", "less"]

MEANING: dict[Lane, str] = {
    "same": "the same decisions as main's version",
    "less": "no decision of more risk than main's version",
}
_ARRAYS = ("exposure", "stop_loss", "take_profit")


def may_ask(candidate: Candidate) -> bool:
    """Return whether a candidate replaces one strategy of main, so that the two can be compared.

    A child that leaves its parent standing would add to it: that is a new bet, whatever it decides.
    """
    incumbent, source = candidate.incumbent, candidate.source
    if incumbent is None or source is None or incumbent.tree == candidate.tree:
        return False
    return incumbent.slug in {candidate.slug, source.manifest.origin.retires} and _fit(
        source.manifest, incumbent.source.manifest
    )


def relation(candidate: Decisions, incumbent: Decisions) -> Lane | None:
    """Return how `candidate` stands to `incumbent` on every bar of the market both were asked about.

    Less risk: |exposure| is nowhere larger, of the same sign or zero; wherever there is exposure, the
    distances are the incumbent's, since a wider stop is more risk.
    """
    if all(np.array_equal(getattr(candidate, n), getattr(incumbent, n), equal_nan=True) for n in _ARRAYS):
        return "same" if np.array_equal(candidate.counts, incumbent.counts) else None
    ours, theirs = candidate.exposure, incumbent.exposure
    smaller = np.abs(ours) <= np.abs(theirs)
    same_side = (ours == 0.0) | (np.sign(ours) == np.sign(theirs))
    stops = [_alike(getattr(candidate, name), getattr(incumbent, name)) for name in _ARRAYS[1:]]
    bounded = (ours == 0.0) | np.logical_and.reduce(stops)
    return "less" if bool((smaller & same_side & bounded).all()) else None


def laws_hold(checks: Sequence[CheckResult]) -> bool:
    """Return whether every law passed and nothing is undecided: before that no hidden bar is opened."""
    answers = {check.name: check.verdict for check in checks}
    return all(answers.get(name) == "passed" for name in LAWS) and "undecided" not in answers.values()


def lane_checks(checks: Sequence[CheckResult], word: LaneWord | None) -> tuple[tuple[CheckResult, ...], str | None]:
    """Return `checks` as the lane `word` leaves them, and the line that names it if a limit was missed."""
    if word is None or word == "ordinary":
        return tuple(checks), None
    after = tuple(
        dataclasses.replace(check, verdict="waived") if check.verdict == "failed" and check.klass == "limit" else check
        for check in checks
    )
    missed = [now.name for now, before in zip(after, checks, strict=True) if now.verdict != before.verdict]
    if not missed:
        return after, None
    return after, f"limits missed ({', '.join(missed)}), by the lane {word}: {MEANING[word]}, on every bar"


def _fit(ours: Manifest, theirs: Manifest) -> bool:
    same = ("symbols", "interval", "mode", "handover")
    return all(getattr(ours, name) == getattr(theirs, name) for name in same) and (
        ours.max_leverage <= theirs.max_leverage
    )


def _alike(one: Floats, other: Floats) -> Bools:
    alike: Bools = (one == other) | (np.isnan(one) & np.isnan(other))
    return alike
