"""Who breeds, and who writes: parents by fitness and novelty, agents by gain per dollar. Pure, given a generator."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.evolution.population import Member
from agents.ports import Operator

_STEEP = 2.5
_UCB = math.sqrt(2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What an agent's proposals have come to: how many, the score they gained, dollars they took."""

    proposals: int = 0
    gain: float = 0.0
    usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What an operator's proposals have come to: how many, and how many of them were among the best."""

    proposals: int = 0
    hits: int = 0


def weights(members: Sequence[Member], children: Mapping[str, int]) -> list[float]:
    """Return how likely each becomes a parent, unnormalised and above zero.

    rank^-2.5 / sqrt(1 + children) / sqrt(members of its cell): by rank (the power law is one of ShinkaEvolve's), since
    what lies far above the median must not weigh the same as what lies just above it; a line that was followed often,
    and a behaviour that many share, weigh less (own choice). Scores are of train alone; equals have the same rank.
    In the long run children come to rank^(-2.5 * 2/3): a power of 1.5 gave most of them to the worse half.
    """
    crowd = Counter(member.cell for member in members)
    ordered = sorted((member.score for member in members), reverse=True)
    rank = {score: place for place, score in reversed(list(enumerate(ordered, 1)))}
    return [
        rank[m.score] ** -_STEEP / math.sqrt(1 + children.get(m.name, 0)) / math.sqrt(crowd[m.cell]) for m in members
    ]


def pick(members: Sequence[Member], children: Mapping[str, int], rng: random.Random) -> Member | None:
    """Return a parent, None where there is nobody."""
    return rng.choices(members, weights(members, children))[0] if members else None


def pick_partner(
    one: Member, members: Sequence[Member], children: Mapping[str, int], rng: random.Random
) -> Member | None:
    """Return another parent for `one`: of another cell where there is one, else anybody else."""
    others = [m for m in members if m.name != one.name]
    elsewhere = [m for m in others if m.cell != one.cell]
    return pick(elsewhere or others, children, rng)


def pick_operator(given: Mapping[Operator, float], tried: Mapping[str, Tried], rng: random.Random) -> Operator:
    """Return how to propose: by the weights `given`, each times the share of its hits so far.

    Ten proposals with one hit are added to each (a tenth are among the best tenth by chance), so that an operator is
    neither written off nor trusted after a few.
    """
    rates = [(tried.get(name, Tried()).hits + 1) / (tried.get(name, Tried()).proposals + 10) for name in given]
    return rng.choices(list(given), [weight * rate for weight, rate in zip(given.values(), rates, strict=True)])[0]


def next_agent(
    agents: Sequence[str], records: Mapping[str, Record], *, explore: float, free_usd: float, rng: random.Random
) -> str:
    """Return who proposes next: the best upper bound of gain per dollar, or with chance `explore` anybody.

    UCB1 (Auer, Cesa-Bianchi, Fischer 2002) on gain per dollar as a share of the best agent's, so that it lies in
    [0, 1]. Whoever has not proposed yet comes first, in the order given.
    """
    for agent in agents:
        if records.get(agent, Record()).proposals == 0:
            return agent
    if rng.random() < explore:
        return rng.choice(list(agents))
    per_dollar = {a: gain_per_dollar(records[a], free_usd=free_usd) for a in agents}
    top = max(per_dollar.values()) or 1.0
    total = sum(records[a].proposals for a in agents)
    return max(agents, key=lambda a: per_dollar[a] / top + _UCB * math.sqrt(math.log(total) / records[a].proposals))


def gain_per_dollar(record: Record, *, free_usd: float) -> float:
    """Return what an agent's dollars brought; each proposal counts as at least `free_usd`, since time is not free."""
    return record.gain / max(record.usd, free_usd * max(1, record.proposals))
