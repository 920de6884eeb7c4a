"""What a check is given, and what it answers before the gate adds its name and class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.engine import Backtest
from autarch.manifest import StrategySource
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Market
from autarch.referee.process import RefereeProcess
from autarch.sandbox.worker import Worker
from autarch.verdict import Measure
from ci.candidate import Candidate
from ci.policy import Policy

Progress = Callable[[str], None]
"""Takes one line of narration; the command line writes it to stderr."""

Clock = Callable[[], float]
"""Seconds, monotonic; used for elapsed times that never enter a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInputs:
    """All that a verdict depends on beside the candidate itself.

    `engine` and `numerics` name the code and the arithmetic; `ledger` is the head that `trials`
    was counted at. Only the train split is ever read from `stores`. With `allow_weak` a missing
    layer of confinement stops nothing, and then the outcome is no verdict and carries no claim.
    """

    policy: Policy
    lock: DatasetLock
    stores: Stores
    engine: Sha256
    numerics: Sha256
    ledger: str | None = None
    trials: int = 0
    allow_weak: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one check found. `detail` is one sentence, with the cure when it failed."""

    verdict: Literal["passed", "failed", "undecided"]
    detail: str
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What every check that runs the strategy shares: its bytes, the train bars, two workers and the referee.

    `main` answers the decisions that count; `other` differs from it in hash seed and clock; `referee`
    replays decisions and never sees the strategy.
    """

    candidate: Candidate
    source: StrategySource
    policy: Policy
    market: Market
    main: Worker
    other: Worker
    referee: RefereeProcess

    @property
    def seed(self) -> bytes:
        """What samples depend on: the base commit, which a proposer cannot choose freely."""
        return (self.candidate.base or "").encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A backtest of the decisions, with its metrics by name (DESIGN's units; None: not defined)."""

    decisions: Decisions
    result: Backtest
    metrics: dict[str, float | None]
