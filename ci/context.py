"""What a check is given, and what it answers before the gate adds its name and class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.engine import Backtest
from autarch.manifest import StrategySource
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Market
from autarch.referee.process import RefereeProcess, RehearsalProcess
from autarch.sandbox.worker import Worker
from autarch.verdict import LaneWord, LookWord, Measure
from ci.candidate import Candidate
from ci.neighbours import Neighbours
from ci.policy import OWN, Policy
from ci.waiving import Waivers

Progress = Callable[[str], None]
"""Takes one line of narration; the command line writes it to stderr."""

Clock = Callable[[], float]
"""Seconds, monotonic; used for elapsed times that never enter a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInputs:
    """All that a verdict depends on beside the candidate itself.

    `engine` and `numerics` name the code and the arithmetic; `ledger` is the head that `trials`
    was counted at; `waivers` are those that the same commit as the policy holds, `neighbours` its
    strategies and portfolio. `preset` is the one whose limits the policy has, "own" when it has changed
    them. `lane` and `look` are words about hidden bars, quoted from the ledger, like `tried`, the packed returns
    (base64) of what was scored before of the same pull request, and `variance`, that of all scored Sharpe ratios
    a day. Only the train split is ever
    read from `stores`. With `allow_weak` a missing layer of confinement stops nothing, and then the outcome
    is no verdict and carries no claim.
    """

    policy: Policy
    lock: DatasetLock
    stores: Stores
    engine: Sha256
    numerics: Sha256
    ledger: str | None = None
    trials: int = 0
    allow_weak: bool = False
    waivers: Waivers = field(default_factory=Waivers)
    neighbours: Neighbours = field(default_factory=Neighbours)
    preset: str = OWN
    lane: LaneWord | None = None
    look: LookWord | None = None
    tried: tuple[str, ...] = ()
    variance: float | None = None

    @property
    def counted(self) -> tuple[object, ...]:
        """What of the ledger the evidence check rests on, besides the word."""
        return self.trials, self.tried, self.variance


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one check found. `detail` is one sentence, with the cure when it failed."""

    verdict: Literal["passed", "failed", "undecided"]
    detail: str
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What every check that runs the strategy shares: its bytes, the train bars, two workers, referee and live path.

    `main` answers the decisions that count; `other` differs from it in hash seed and clock; `referee` and
    `rehearsal` replay decisions and never see the strategy.
    """

    candidate: Candidate
    source: StrategySource
    policy: Policy
    market: Market
    main: Worker
    other: Worker
    referee: RefereeProcess
    rehearsal: RehearsalProcess

    def afford(self, windows: int) -> None:
        """Raise when `windows` more, at the pace so far, would use more time than the policy gives one verdict.

        Raises:
            StrategyRunError: too slow; names seconds a window and windows needed.
        """
        if self.main.budget is not None:
            self.main.budget.afford(windows)

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
