"""What a tuner tried: every trial with its parameters and score, packed so that it can be counted.

A study is content-addressed. Its bytes travel as a blob beside the proposal's branch, and the ledger
entry of the proposal records how many trials there were and how widely their scores varied.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from autarch.canonical import Sha256, canonical_json, sha256_hex
from autarch.manifest import ParamValue

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One parameter set. `score` is None where the strategy refused or could not be scored."""

    params: dict[str, ParamValue]
    score: float | None
    sharpe: float | None
    decisions: Sha256 | None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All trials of one study, in the order they ran; the first is the parent's own parameters."""

    strategy: str
    parent: str
    dataset: str
    objective: str
    sampler: str
    seed: int
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The highest score, the earliest of equals; None when nothing could be scored."""
        scored = [t for t in self.trials if t.score is not None]
        return max(scored, key=lambda t: t.score or 0.0, default=None)

    @property
    def sharpe_variance(self) -> float:
        """Sample variance of the trials' annual Sharpe ratios; 0.0 for fewer than two."""
        sharpes = [t.sharpe for t in self.trials if t.sharpe is not None]
        return statistics.variance(sharpes) if len(sharpes) > 1 else 0.0

    def packed(self) -> bytes:
        """Return the canonical JSON of the study, the bytes its digest names."""
        return canonical_json(
            {
                "schema": SCHEMA,
                "strategy": self.strategy,
                "parent": self.parent,
                "dataset": self.dataset,
                "objective": self.objective,
                "sampler": self.sampler,
                "seed": self.seed,
                "trials": [
                    {
                        "params": t.params,
                        "score": t.score,
                        "sharpe": t.sharpe,
                        "decisions": t.decisions,
                        "detail": t.detail,
                    }
                    for t in self.trials
                ],
            }
        )

    @property
    def digest(self) -> Sha256:
        """SHA-256 of `packed()`."""
        return sha256_hex(self.packed())
