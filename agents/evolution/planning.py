"""What is tried in a round: a pure function of what earlier rounds came to, so that a crash changes no plan."""

from __future__ import annotations

import math
import random
import re
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.evolution.population import Candidate, Member, islanders, members_of
from agents.evolution.records import Arm
from agents.evolution.selecting import Record, Tried, next_agent, pick, pick_operator, pick_partner
from agents.evolution.settings import Settings
from agents.ports import Operator
from autarch.canonical import canonical_digest

SEED_MAX = 2**31
REPORT_MAX = 4_000
SLUG_MAX = 40
_OPERATORS: tuple[Operator, ...] = ("mutate", "cross", "create", "simplify", "repair", "port")
_FOUNDING = 4
"""Proposals that may be spent on each founder."""
_SUFFIX = re.compile(r"(_\d+_\d+)+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One proposal to ask for: who, how, from whom, under which name.

    `parents` are names of members, `mends` that of a candidate to repair. `task` is what is wanted beside the
    operator, `report` the gate's words about the version to repair.
    """

    step: int
    round: int
    agent: str
    arm: Arm
    operator: Operator
    island: int
    parents: tuple[str, ...]
    slug: str
    seed: int
    task: str = ""
    report: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What does not change in a run: its number and seed, who proposes, what there is to trade.

    `numeric` are agents that can only move numbers: a tuner.
    """

    run: int
    seed: int
    agents: tuple[str, ...]
    numeric: frozenset[str]
    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    settings: Settings

    @property
    def per_round(self) -> int:
        """Proposals a round: each agent has room for one."""
        return max(self.settings.loop.candidates_per_round, len(self.agents))


def plan_round(
    setting: Setting, number: int, *, candidates: Sequence[Candidate], seeds: Sequence[Member]
) -> tuple[Errand, ...]:
    """Return the errands of round `number` (from 1).

    Args:
        setting: The run.
        number: Of the round.
        candidates: Of every run on these bars; those of this round and later ones of this run are left out.
        seeds: Main's strategies.
    """
    past = [c for c in candidates if (c.run, c.answered.round) < (setting.run, number)]
    planner = _Planner(setting, number, past, members_of(past, seeds=seeds))
    return tuple(planner.errand(slot) for slot in range(setting.per_round))


def records_of(candidates: Sequence[Candidate], seeds: Sequence[Member]) -> dict[str, Record]:
    """Return what each agent's proposals have come to.

    A proposal gains what its train score adds to its best parent's, or to zero where it has none; one that was
    stopped, or broke a law, gains nothing and costs what it cost.
    """
    scores: dict[str, float] = {seed.name: seed.score for seed in seeds}
    found: dict[str, Record] = {}
    for one in candidates:
        answered = one.answered
        before = max((scores[name] for name in answered.ancestors if name in scores), default=0.0)
        gained = 0.0
        if one.is_member and not one.broke_a_law and one.score is not None:
            scores[one.name] = one.score
            gained = max(0.0, one.score - before)
        old = found.get(answered.agent, Record())
        found[answered.agent] = Record(
            proposals=old.proposals + 1, gain=old.gain + gained, usd=old.usd + float(answered.usd)
        )
    return found


def tried_of(candidates: Sequence[Candidate]) -> dict[str, Tried]:
    """Return what each operator has come to outside of the baseline.

    A proposal is a hit where its train score is above zero and among the best tenth of all there were by then, its own
    included: what is new and what is a child are held to the same.
    """
    scores: list[float] = []
    found: dict[str, Tried] = {}
    for one in candidates:
        if one.answered.arm == "baseline":
            continue
        is_hit = False
        if one.is_member and not one.broke_a_law and one.score is not None:
            insort(scores, one.score)
            better = len(scores) - bisect_right(scores, one.score)
            is_hit = one.score > 0.0 and better < math.ceil(len(scores) / 10)
        old = found.get(one.answered.operator, Tried())
        found[one.answered.operator] = Tried(proposals=old.proposals + 1, hits=old.hits + is_hit)
    return found


def _beginnings(candidates: Sequence[Candidate]) -> dict[str, str]:
    """Return for each candidate whom a line of repairs began with: itself, where it repairs nobody."""
    found: dict[str, str] = {}
    for one in candidates:
        mended = one.answered.ancestors if one.answered.operator == "repair" else ()
        found[one.name] = found.get(mended[0], mended[0]) if mended else one.name
    return found


class _Planner:
    """Plans one round, slot by slot, with one generator."""

    def __init__(self, setting: Setting, number: int, past: Sequence[Candidate], members: Sequence[Member]) -> None:
        self._setting, self._number, self._past = setting, number, past
        self._members = [m for m in members if m.arm != "baseline"]  # they would make the baseline part of the loop
        self._earners = [m for m in self._members if m.score > 0.0]  # a loser's children are worth less than new ideas
        digest = canonical_digest([setting.seed, setting.run, number])
        self._rng = random.Random(digest)  # noqa: S311  a plan, not a secret
        self._records = dict(records_of(past, [m for m in members if not m.agent]))
        self._children = Counter(name for c in past for name in c.answered.ancestors)
        self._begun_by = _beginnings(past)
        self._mended = Counter(self._begun_by[c.name] for c in past if c.answered.operator == "repair")
        self._tried = tried_of(past)

    def errand(self, slot: int) -> Errand:
        """Return the errand of one slot, from 0."""
        step = (self._number - 1) * self._setting.per_round + slot + 1
        writers = [a for a in self._setting.agents if a not in self._setting.numeric]
        if writers and self._is_baseline(step):
            return self._made(step, writers[step % len(writers)], "baseline", "create", ())
        agent = self._agent()
        island = step % self._setting.settings.loop.islands
        if agent in self._setting.numeric:
            parent = self._tunable(island)
            return self._made(
                step, agent, "evolution", "mutate", () if parent is None else (parent,), island=island, in_place=True
            )
        return self._written(step, agent, island)

    def _is_baseline(self, step: int) -> bool:
        """Return whether the share of the baseline has grown by a whole proposal with this step."""
        share = self._setting.settings.loop.baseline_frac
        return int(step * share + 1e-9) > int((step - 1) * share + 1e-9)

    def _agent(self) -> str:
        bandit = self._setting.settings.bandit
        name = next_agent(
            self._setting.agents,
            self._records,
            explore=bandit.explore_frac,
            free_usd=bandit.free_usd,
            rng=self._rng,
        )
        old = self._records.get(name, Record())
        self._records[name] = Record(proposals=old.proposals + 1, gain=old.gain, usd=old.usd)
        return name

    def _parent(self, island: int) -> Member | None:
        loop = self._setting.settings.loop
        migrated = (self._number - 1) // loop.migrate_every_rounds
        local = islanders(self._earners, island=island, islands=loop.islands, migrated=migrated)
        return pick(local or self._earners, self._children, self._rng)

    def _tunable(self, island: int) -> Member | None:
        """Return a parent with numbers to move, of this island where there is one."""
        able = [m for m in self._earners if m.has_search] or [m for m in self._members if m.has_search]
        return pick([m for m in able if m.island == island] or able, self._children, self._rng)

    def _written(self, step: int, agent: str, island: int) -> Errand:
        operator = self._operator()
        if operator == "repair":
            broken = self._broken()
            if broken is not None:
                self._mended[self._begun_by[broken.name]] += 1
                return self._repair(step, agent, island, broken)
            operator = "mutate"
        parent = None if operator == "create" or self._is_founding(step) else self._parent(island)
        if parent is None:
            return self._made(step, agent, "evolution", "create", (), island=island, task=self._niche())
        if operator == "cross":
            partner = pick_partner(parent, self._earners, self._children, self._rng)
            if partner is not None:
                return self._made(step, agent, "evolution", "cross", (parent, partner), island=island)
            operator = "mutate"
        task = self._elsewhere() if operator == "port" else ""
        return self._made(step, agent, "evolution", operator, (parent,), island=island, task=task)

    def _is_founding(self, step: int) -> bool:
        """Return whether too few earn for anyone to breed: who breeds from a handful ends where it began."""
        founders = self._setting.settings.loop.founders
        return step <= _FOUNDING * founders and len(self._earners) < founders

    def _operator(self) -> Operator:
        given = self._setting.settings.operators
        return pick_operator({name: getattr(given, name) for name in _OPERATORS}, self._tried, self._rng)

    def _broken(self) -> Candidate | None:
        """Return the best rejected candidate that may still be repaired, or the newest that did not even run."""
        most = self._setting.settings.operators.repairs_max
        found = [c for c in self._past if c.answered.arm == "evolution" and self._mended[self._begun_by[c.name]] < most]
        rejected = [c for c in found if c.judged is not None and c.judged.verdict == "rejected"]
        unable = [c for c in found if c.sketched is not None and c.sketched.stopped in {"policy", "fault"}]
        best = sorted(rejected, key=lambda c: -(c.score or 0.0))
        return best[0] if best else unable[-1] if unable else None

    def _repair(self, step: int, agent: str, island: int, broken: Candidate) -> Errand:
        if broken.judged is not None:
            lines = [f"{f.check} ({f.klass}): {f.detail}" for f in broken.judged.failures]
        else:
            lines = [broken.sketched.detail if broken.sketched is not None else ""]
        return self._made(
            step, agent, "evolution", "repair", (), island=island, report="\n".join(lines)[:REPORT_MAX], mends=broken
        )

    def _niche(self) -> str:
        families = sorted({member.family for member in self._members})
        return f"Leave these families alone, they are taken: {', '.join(families)}." if families else ""

    def _elsewhere(self) -> str:
        symbols, intervals = self._setting.symbols, self._setting.intervals
        count = self._rng.randint(1, len(symbols))
        chosen = sorted(self._rng.sample(symbols, count), key=symbols.index)
        return f"Trade {', '.join(chosen)} at {self._rng.choice(intervals)} by the same mechanism."

    def _made(  # noqa: PLR0913  an errand is named by all of these
        self,
        step: int,
        agent: str,
        arm: Arm,
        operator: Operator,
        parents: tuple[Member, ...],
        *,
        island: int = 0,
        task: str = "",
        report: str | None = None,
        mends: Candidate | None = None,
        in_place: bool = False,
    ) -> Errand:
        names = (mends.name,) if mends is not None else tuple(parent.name for parent in parents)
        self._children.update(names)
        root = mends.answered.slug if mends is not None else parents[0].slug if parents else "idea"
        keeps = mends is not None or (in_place and bool(parents))  # what is mended or tuned keeps its folder
        return Errand(
            step=step,
            round=self._number,
            agent=agent,
            arm=arm,
            operator=operator,
            island=island,
            parents=names,
            slug=root if keeps else slug_of(root, run=self._setting.run, step=step),
            seed=int(canonical_digest([self._setting.seed, self._setting.run, step])[:12], 16) % SEED_MAX,
            task=task,
            report=report,
        )


def slug_of(root: str, *, run: int, step: int) -> str:
    """Return a folder name that no other step has: `ema_trend` becomes `ema_trend_2_17`."""
    suffix = f"_{run}_{step}"
    stem = _SUFFIX.sub("", root)
    return stem[: SLUG_MAX - len(suffix)] + suffix


def spent_by(candidates: Sequence[Candidate]) -> Mapping[str, float]:
    """Return dollars by agent."""
    spent: dict[str, float] = {}
    for one in candidates:
        spent[one.answered.agent] = spent.get(one.answered.agent, 0.0) + float(one.answered.usd)
    return spent
