"""What one parameter set of a sweep came to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autarch.canonical import Sha256
from autarch.manifest import ParamValue


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptTrial:
    """One parameter set on the bars of one market.

    Attributes:
        params: The values that were named; all others are the manifest's.
        score: See `autarch.sweep.score.OBJECTIVE`; None where the strategy refused or cannot be scored.
        sharpe: Annual, daily clock; None likewise.
        final_equity: Quote at the last close; None when nothing was played.
        n_fills: Fills, legs counted one by one; None likewise.
        decisions: The decision digest; None when the strategy refused, or digests were not asked for.
        detail: Why there is no score, in one sentence; else empty.
    """

    params: dict[str, ParamValue]
    score: float | None = None
    sharpe: float | None = None
    final_equity: float | None = None
    n_fills: int | None = None
    decisions: Sha256 | None = None
    detail: str = ""


def best_first(trials: Iterable[SweptTrial]) -> list[SweptTrial]:
    """Return the scored trials, highest score first; of equals the one tried earlier."""
    scored = [(trial.score, trial) for trial in trials if trial.score is not None]
    return [trial for _, trial in sorted(scored, key=lambda pair: -pair[0])]
