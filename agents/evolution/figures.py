"""How a run stands: spend, what stopped what, evolution beside its baseline, stagnation, diversity. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.evolution.planning import records_of
from agents.evolution.population import Candidate, Member, elites, members_of
from agents.evolution.selecting import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFigures:
    """One arm: proposals, those that have a behaviour of their own, the best and the mean of their train scores."""

    proposals: int
    members: int
    best: float | None
    mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A run in numbers.

    Attributes:
        tried: Proposals asked for.
        stopped: How many each reason stopped, gate checks included (the first that failed), most frequent first.
        accepted: By the gate on train.
        opened: Pull requests.
        usd: Dollars spent.
        is_estimate: Whether some of them are what an attempt may have cost at most.
        tokens: In and out.
        trials: Backtests on train.
        arms: Evolution and baseline.
        agents: What each agent's proposals came to, by name.
        best: The best train score of evolution by round, None before there is one.
        stagnant_rounds: Rounds since it last grew.
        cells: Behaviours that are occupied, main's strategies included.
        families: Lines of descent among those who may breed.
    """

    tried: int
    stopped: tuple[tuple[str, int], ...]
    accepted: int
    opened: int
    usd: float
    is_estimate: bool
    tokens: int
    trials: int
    arms: Mapping[str, ArmFigures]
    agents: Mapping[str, Record]
    best: tuple[float | None, ...]
    stagnant_rounds: int
    cells: int
    families: int

    def line(self) -> str:
        """Return one line for a watcher."""
        best = next((b for b in reversed(self.best) if b is not None), None)
        shown = "none yet" if best is None else format(best, "+.2f")
        return (
            f"{self.tried} tried, {self.accepted} accepted, best train score {shown}, "
            f"{self.cells} behaviours, {self.stagnant_rounds} rounds without a better one, ${self.usd:.2f}"
        )


def figures_of(candidates: Sequence[Candidate], *, run: int, seeds: Sequence[Member]) -> Figures:
    """Return the figures of one run among all candidates on its bars."""
    mine = [c for c in candidates if c.run == run]
    members = members_of(candidates, seeds=seeds)
    best = _best_by_round(mine)
    return Figures(
        tried=len(mine),
        stopped=tuple(Counter(reason for c in mine if (reason := _reason(c))).most_common()),
        accepted=sum(c.judged is not None and c.judged.verdict == "accepted" for c in mine),
        opened=sum(c.opened is not None for c in mine),
        usd=sum(float(c.answered.usd) for c in mine),
        is_estimate=any(c.answered.is_estimate for c in mine),
        tokens=sum(c.answered.tokens for c in mine),
        trials=sum(_trials(c) for c in mine),
        arms={arm: _arm([c for c in mine if c.answered.arm == arm]) for arm in ("evolution", "baseline")},
        agents=records_of(mine, seeds),
        best=best,
        stagnant_rounds=_stagnant(best),
        cells=len(elites(members)),
        families=len({m.family for m in members}),
    )


def _trials(one: Candidate) -> int:
    """Return the backtests on train: the agent's own, then those of the walk, or the one look where it ended there."""
    seen = one.sketched is not None and bool(one.sketched.decisions)
    return one.answered.trials + (one.judged.trials if one.judged is not None else int(seen))


def _reason(one: Candidate) -> str:
    if one.stopped:
        return one.stopped
    if one.judged is None or one.judged.verdict == "accepted":
        return ""
    return one.judged.failures[0].check if one.judged.failures else one.judged.verdict


def _arm(candidates: Sequence[Candidate]) -> ArmFigures:
    scores = [c.score for c in candidates if c.is_member and not c.broke_a_law and c.score is not None]
    return ArmFigures(
        proposals=len(candidates),
        members=len(scores),
        best=max(scores, default=None),
        mean=sum(scores) / len(scores) if scores else None,
    )


def _best_by_round(mine: Sequence[Candidate]) -> tuple[float | None, ...]:
    best: float | None = None
    found: list[float | None] = []
    for number in range(1, max((c.answered.round for c in mine), default=0) + 1):
        for one in mine:
            is_own = one.answered.round == number and one.answered.arm == "evolution"
            if is_own and one.is_member and not one.broke_a_law and one.score is not None:
                best = one.score if best is None else max(best, one.score)
        found.append(best)
    return tuple(found)


def _stagnant(best: Sequence[float | None]) -> int:
    if not best or best[-1] is None:
        return len(best)
    return len(best) - 1 - best.index(best[-1])
