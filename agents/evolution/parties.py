"""Whom the loop works with, as ports: what it is told and asks, and nothing of how that is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from agents.evolution.assessing import Terms
from agents.evolution.fields import Field
from agents.evolution.journal import Journal
from agents.evolution.population import Candidate
from agents.evolution.records import Begun, Failure, Opened
from agents.evolution.settings import Settings
from agents.ports import Proposer
from agents.study import Study
from autarch.manifest import StrategySource
from autarch.repo.git import GitRepo


@dataclass(frozen=True, slots=True, kw_only=True)
class GateQuestion:
    """A candidate to judge: a commit of this repository against its base, on train alone."""

    base: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWord:
    """What the gate said. `seconds` is wall time."""

    verdict: Literal["accepted", "rejected", "undecided"]
    failures: tuple[Failure, ...]
    seconds: float


Gate = Callable[[GateQuestion], GateWord]
"""Sent to other processes, so a function of a module or an instance of a class that pickles."""


class Publisher(Protocol):
    """The forge, as the loop needs it."""

    def waiting(self) -> tuple[str, ...]:
        """Return the names of candidates whose pull requests are open, oldest first.

        Raises:
            UndecidedError: the forge is away.
        """

    def publish(self, candidate: Candidate, study: Study, *, begun: Begun) -> Opened:
        """Open one candidate's pull request, or find the one that was opened before a crash.

        Raises:
            RefusedError, UndecidedError: the forge refuses, or is away.
        """

    def count(self, study: Study) -> None:
        """Have every trial of a run counted, whether it led to a pull request or not; again does nothing.

        Raises:
            RefusedError, UndecidedError: as `publish`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """All that a run needs beside what was asked for.

    `numeric` are proposers that only move numbers: nothing is tuned after them. `own_numbers` are those whose numbers
    are part of what they propose, so that a known structure alone makes no copy.
    `clock_s` gives epoch seconds for records. `gate` None: nothing is judged, for measurements of the loop itself.
    """

    repo: GitRepo
    journal: Journal
    settings: Settings
    settings_digest: str
    terms: Terms
    field: Field
    proposers: Mapping[str, Proposer]
    numeric: frozenset[str]
    own_numbers: frozenset[str]
    gate: Gate | None
    publisher: Publisher | None
    clock_s: Callable[[], int]
    progress: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A strategy that stands already: main's, or one that waits in a pull request."""

    name: str
    commit: str
    source: StrategySource
    breeds: bool
