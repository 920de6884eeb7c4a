"""A stream of proposals, true ones among them, decided by Autarch's rules and by others beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from autarch.evidence.epoch import RULE, rule_of
from autarch.market.lock_types import Epoch
from autarch.stats.online import OnlineRule, Tested
from autarch.stats.online import Rule as OnlineRuleName
from autarch.stats.sharpe import dsr, psr
from benchmarks.calibration.capital import Spent, spent, standard_policy
from benchmarks.calibration.pool import Pool
from benchmarks.calibration.proposals import HOLDOUT_DAYS, Proposal, proposal, search_of, world_of
from ci.promotion.deciding import Measured, settle

EDGES: Final = (1.0, 1.5, 2.0, 3.0)
SHARES: Final = (0.01, 0.05)
CAPITAL_OF: Final = (0.05, 2.0)
"""Share and Sharpe ratio of the streams whose capital is counted."""
NAIVE_LEVEL: Final = 0.05
OURS: Final = "Autarch"
DSR_MIN: Final = 0.95
CANDIDATES: Final[dict[OnlineRuleName, float]] = {"saffron": 0.5, "addis": 0.25}
"""Their lambda, as their authors choose it."""
FAMILIES_OF_ONE: Final = 10
"""Proposals of one family in the streams of correlated families."""
FAMILIES_TRUE: Final = 0.2
"""Share of the families that have an edge, where any has."""
SETS_OF_ONE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of stream: its scenario, share of true proposals, their annual Sharpe ratio, days of holdout."""

    scenario: str
    share: float
    edge: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What one rule did in one stream: promotions false and true, true proposals, and what was asked about."""

    false: int
    true: int
    n_true: int
    asked: int
    asked_true: int


Answers = tuple[list[bool], list[bool]]
"""Which proposals a human asked about, and which were promoted."""
Rule = Callable[[Sequence[Proposal], int], Answers]
"""Of proposals in order, on a holdout of so many days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one world tells: each rule's fate in each cell, and capital-days by days of holdout."""

    fates: dict[Cell, dict[str, Fate]]
    spent: dict[int, Spent] = field(default_factory=dict)


def independent(pool: Pool, *, seed: int, count: int) -> Told:
    """Return what streams tell whose proposals have days of their own, for every share, edge and holdout."""
    rng = np.random.default_rng([seed, 1])
    every = np.arange(pool.n_families)
    worlds = [world_of(pool, rng) for _ in range(count)]
    seeds = rng.integers(2**32, size=count).tolist()
    places = rng.permutation(count).tolist()

    def of(place: int, edge: float) -> Proposal:
        author = np.random.default_rng([seeds[place], int(edge * 10)])
        columns = search_of(worlds[place], author, edge=edge, families=every)
        return proposal(worlds[place], columns, edge=edge, seed=seed)

    noise = [of(place, 0.0) for place in range(count)]
    found = {Cell(scenario="independent", share=0.0, edge=0.0, days=size): fates(noise, size) for size in HOLDOUT_DAYS}
    money, most = {}, math.ceil(max(SHARES) * count)
    for edge in EDGES:
        true = {place: of(place, edge) for place in places[:most]}
        for share in SHARES:
            chosen = set(places[: math.ceil(share * count)])
            line = [true[place] if place in chosen else noise[place] for place in range(count)]
            for size in HOLDOUT_DAYS:
                found[Cell(scenario="independent", share=share, edge=edge, days=size)] = fates(line, size)
                if (share, edge) == CAPITAL_OF:
                    money[size] = _capital(line, size)
    return Told(fates=found, spent=money)


def _capital(line: Sequence[Proposal], size: int) -> Spent:
    _, promoted = RULES[OURS](line, size)
    merged = [k for k, one in enumerate(line) if one.merges and one.heard[size].word in {"improved", "no change"}]
    return spent([line[k] for k in merged], [promoted[k] for k in merged], standard_policy())


def correlated(pool: Pool, *, seed: int, count: int, edge: float = 2.0) -> Told:
    """Return what streams tell on the same days: families of near copies, none true, or one family in five."""
    rng = np.random.default_rng([seed, 2])
    world = world_of(pool, rng)
    groups = rng.choice(pool.n_families, size=max(2, count // FAMILIES_OF_ONE), replace=False)
    order = rng.permutation(np.repeat(groups, FAMILIES_OF_ONE)[:count])
    found = {}
    for share in (0.0, FAMILIES_TRUE):
        real = set(groups[: math.ceil(share * groups.size)].tolist())
        line = []
        for family in order:
            own = edge if int(family) in real else 0.0
            columns = search_of(world, rng, edge=own, families=np.array([family]), sets=SETS_OF_ONE)
            line.append(proposal(world, columns, edge=own, seed=seed))
        for size in HOLDOUT_DAYS:
            found[Cell(scenario="families", share=share, edge=edge if share else 0.0, days=size)] = fates(line, size)
    return Told(fates=found)


def fates(line: Sequence[Proposal], days: int) -> dict[str, Fate]:
    """Return what each rule did."""
    return {name: _fate(line, *rule(line, days)) for name, rule in RULES.items()}


def _fate(line: Sequence[Proposal], asked: Sequence[bool], promoted: Sequence[bool]) -> Fate:
    real = [one.edge > 0.0 for one in line]
    return Fate(
        false=sum(p and not r for p, r in zip(promoted, real, strict=True)),
        true=sum(p and r for p, r in zip(promoted, real, strict=True)),
        n_true=sum(real),
        asked=sum(asked),
        asked_true=sum(a and r for a, r in zip(asked, real, strict=True)),
    )


def _autarch(line: Sequence[Proposal], days: int) -> Answers:
    """Merged, told `improved`, and tested on days of which no word was told."""
    asked = [one.merges and one.heard[days].word == "improved" for one in line]
    return asked, run_through(asked, [one.heard[days].kept for one in line])


def _all_merged(line: Sequence[Proposal], days: int) -> Answers:
    """The same, where the human asks about everything that merges."""
    asked = [one.merges and one.heard[days].word in {"improved", "no change"} for one in line]
    return asked, run_through(asked, [one.heard[days].kept for one in line])


def _unparted(line: Sequence[Proposal], days: int) -> Answers:
    """The rule before the holdout was parted: a word about all of it, then a test on all of it."""
    whole = [one.heard[days].whole for one in line]
    asked = [
        one.merges and found.ratio * math.sqrt(found.days_effective) > 1.0
        for one, found in zip(line, whole, strict=True)
    ]
    return asked, run_through(asked, whole)


def _other(name: OnlineRuleName) -> Rule:
    def rule(line: Sequence[Proposal], days: int) -> Answers:
        asked = [one.merges and one.heard[days].word == "improved" for one in line]
        return asked, run_through(asked, [one.heard[days].kept for one in line], name=name)

    return rule


def _naive(line: Sequence[Proposal], days: int) -> Answers:
    """Whatever has p < 0.05 on the whole holdout."""
    return [True] * len(line), [one.heard[days].whole.p < NAIVE_LEVEL for one in line]


def _best_in_sample(line: Sequence[Proposal], days: int) -> Answers:  # noqa: ARG001  a rule's signature
    """The one with the best Sharpe ratio on train."""
    best = max(range(len(line)), key=lambda place: line[place].train.ratio)
    return [True] * len(line), [place == best for place in range(len(line))]


def _deflated(line: Sequence[Proposal], days: int) -> Answers:  # noqa: ARG001  a rule's signature
    """DSR on train of at least 0.95, N and V[SR] from all proposals so far."""
    promoted = []
    for place, one in enumerate(line):
        so_far = [other.train.ratio for other in line[: place + 1]]
        deflated = psr(one.train)
        if len(so_far) > 1:
            deflated = dsr(one.train, trials=len(so_far), variance=float(np.var(so_far, ddof=1)))
        promoted.append(deflated >= DSR_MIN)
    return [True] * len(line), promoted


def run_through(asked: Sequence[bool], measured: Sequence[Measured], *, name: OnlineRuleName = RULE) -> list[bool]:
    """Return which of those asked about the epoch's rule promotes, in order; another rule where `name` says so."""
    terms = rule_of(Epoch())
    rule = replace(terms, name=name, candidate=CANDIDATES.get(name, terms.candidate))
    so_far: list[Tested] = []
    promoted = [False] * len(asked)
    for place, is_asked in enumerate(asked):
        if is_asked:
            so_far.append(_one(rule, so_far, measured[place]))
            promoted[place] = so_far[-1].passed
    return promoted


def _one(rule: OnlineRule, so_far: Sequence[Tested], measured: Measured) -> Tested:
    if rule.name in CANDIDATES:  # their levels rest on p-values, which the gate's own decision does not hand on
        return rule.test(so_far, measured.p)
    answer = settle(rule, so_far, measured)
    return Tested(p=measured.p, level=answer.level, passed=answer.passed)


RULES: Final[dict[str, Rule]] = {
    OURS: _autarch,
    "Autarch, all merged are judged": _all_merged,
    "the same holdout looked at and judged": _unparted,
    "LORD++ with the levels of onlineFDR": _other("lord++"),
    "SAFFRON in place of LORD++": _other("saffron"),
    "ADDIS in place of LORD++": _other("addis"),
    "naive p < 0.05": _naive,
    "best in sample": _best_in_sample,
    "DSR >= 0.95 alone": _deflated,
}
