"""Who there is: candidates and main's strategies as the journal tells of them. Pure: records in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents.evolution.behaviour import Signature
from agents.evolution.journal import Noted
from agents.evolution.records import Answered, Begun, Ended, Judged, Opened, Record, Sketched, name_of

LAWS = frozenset({"scope", "policy", "determinism", "causality", "backtest", "parity"})
"""Checks whose failure shows a strategy that must not breed: what it earned it did not earn."""
MAIN = "main:"
"""Begins the name of a strategy of main, where a candidate's begins with its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One step of one run, as far as it has come."""

    run: int
    answered: Answered
    answer: Noted
    sketched: Sketched | None = None
    sketch: Noted | None = None
    judged: Judged | None = None
    judgement: Noted | None = None
    opened: Opened | None = None

    @property
    def name(self) -> str:
        """Run and step."""
        return name_of(self.run, self.answered.step)

    @property
    def stopped(self) -> str:
        """What stopped it before it was judged, empty for nothing."""
        return self.answered.stopped or ("" if self.sketched is None else self.sketched.stopped)

    @property
    def is_member(self) -> bool:
        """Whether it has a behaviour of its own and may stand in the archive."""
        return self.sketched is not None and not self.stopped

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to find out about it."""
        return bool(self.stopped) or self.judged is not None

    @property
    def broke_a_law(self) -> bool:
        """Whether the gate found it cheating, or could not tell."""
        return self.judged is not None and any(f.check in LAWS for f in self.judged.failures)

    @property
    def score(self) -> float | None:
        """On train, with the numbers it would be proposed with."""
        own = None if self.sketched is None else self.sketched.score
        return own if self.judged is None else self.judged.score

    @property
    def cell(self) -> tuple[int, ...]:
        """Of the archive."""
        if self.judged is not None:
            return self.judged.cell
        return () if self.sketched is None else self.sketched.cell

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """On train."""
        if self.judged is not None:
            return self.judged.metrics
        return {} if self.sketched is None else self.sketched.metrics

    @property
    def newest(self) -> Noted:
        """The record whose files are the newest."""
        return self.judgement or self.answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who may become a parent. `island` holds it; `failures` are the gate's words where it was rejected."""

    name: str
    slug: str
    family: str
    island: int
    score: float
    cell: tuple[int, ...]
    agent: str = ""
    arm: str = "evolution"
    operator: str = ""
    round: int = 0
    ancestors: tuple[str, ...] = ()
    verdict: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    has_search: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: its beginning, its candidates by step, its end if it has come to one."""

    number: int
    begun: Begun
    candidates: tuple[Candidate, ...] = ()
    ended: Ended | None = None


def runs_of(notes: Iterable[Noted]) -> tuple[Run, ...]:
    """Return every run of a journal, oldest first, each candidate with all that is known of it."""
    begun: dict[int, Begun] = {}
    ended: dict[int, Ended] = {}
    steps: dict[int, dict[int, Candidate]] = {}
    for noted in notes:
        record: Record = noted.record
        mine = steps.setdefault(record.run, {})
        match record:
            case Begun():
                begun[record.run] = record
            case Ended():
                ended[record.run] = record
            case Answered():
                mine[record.step] = Candidate(run=record.run, answered=record, answer=noted)
            case Sketched():
                mine[record.step] = replace(mine[record.step], sketched=record, sketch=noted)
            case Judged():
                mine[record.step] = replace(mine[record.step], judged=record, judgement=noted)
            case Opened():
                mine[record.step] = replace(mine[record.step], opened=record)
    return tuple(
        Run(
            number=number,
            begun=first,
            candidates=tuple(steps[number][step] for step in sorted(steps[number])),
            ended=ended.get(number),
        )
        for number, first in sorted(begun.items())
    )


def members_of(candidates: Iterable[Candidate], *, seeds: Sequence[Member]) -> tuple[Member, ...]:
    """Return who may breed: main's strategies and every candidate with a behaviour of its own, laws unbroken."""
    families = {seed.name: seed.family for seed in seeds}
    found = list(seeds)
    for one in candidates:
        answered = one.answered
        known = [families[name] for name in answered.ancestors if name in families]
        family = known[0] if known else answered.slug
        families[one.name] = family
        if not one.is_member or one.broke_a_law or one.score is None:
            continue
        found.append(
            Member(
                name=one.name,
                slug=answered.slug,
                family=family,
                island=answered.island,
                score=one.score,
                cell=one.cell,
                agent=answered.agent,
                arm=answered.arm,
                operator=answered.operator,
                round=answered.round,
                ancestors=answered.ancestors,
                verdict="" if one.judged is None else one.judged.verdict,
                metrics=one.metrics,
            )
        )
    return tuple(found)


def elites(members: Sequence[Member]) -> dict[tuple[int, ...], Member]:
    """Return the best of each cell of the archive, the earlier of equals, by cell."""
    best: dict[tuple[int, ...], Member] = {}
    for member in members:
        if member.cell not in best or member.score > best[member.cell].score:
            best[member.cell] = member
    return dict(sorted(best.items()))


def islanders(members: Sequence[Member], *, island: int, islands: int, migrated: int) -> tuple[Member, ...]:
    """Return who breeds on an island: who was born there, and the best of its neighbours so far.

    Args:
        members: All.
        island: From 0.
        islands: How many there are, in a ring.
        migrated: Migrations that have happened: so many islands back have sent their best.
    """
    own = [member for member in members if member.island == island]
    guests: list[Member] = []
    for step in range(1, min(migrated, islands - 1) + 1):
        there = [member for member in members if member.island == (island - step) % islands]
        guests += sorted(there, key=lambda m: -m.score)[:1]
    return (*own, *guests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What novelty is measured against: structures, and signatures with the name of whose they are."""

    structures: frozenset[str]
    signatures: tuple[tuple[str, Signature], ...]
