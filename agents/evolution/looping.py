"""One run of the loop: plan, ask, refuse copies, choose numbers, judge, open. Every fact is recorded before the next.

Whatever ends this process, the same command goes on from the last record: the plan of a round follows from earlier
rounds, an answer is recorded before it is used, and what was not recorded is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agents.evolution.answering import answered_by, brief_for, root_of
from agents.evolution.figures import Figures, figures_of
from agents.evolution.parties import Parties, Standing
from agents.evolution.planning import Errand, Setting, plan_round
from agents.evolution.population import Candidate, Member, Run, runs_of
from agents.evolution.records import Begun, Ended
from agents.evolution.stepping import Steps
from agents.evolution.studying import STUDY_NAME, study_of, trials_of
from agents.evolution.tournament import finalists, room_for
from agents.ports import BudgetError, VendorError
from autarch.errors import UsageError
from autarch.manifest import INTERVAL_MS
from autarch.market import read_lock

SEEDS_NAME = "seeds.json"
INTERVALS = ("15m", "30m", "1h", "2h", "4h")
"""Intervals that a port may be asked for, where the data set's own divides them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a user asks for."""

    base: str
    agents: tuple[str, ...]
    rounds: int
    seed: int
    nightly: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What a run came to. `paused` says why it is not at its end, and that the same command goes on; else empty."""

    run: Run
    figures: Figures
    paused: str = ""


class Evolution:
    """A run under way."""

    def __init__(self, parties: Parties, begun: Begun, standing: Sequence[Standing]) -> None:
        """Prepare; nothing runs yet.

        Args:
            parties: Whom it works with.
            begun: The run, as `begin` returns it.
            standing: Strategies of main at the run's base, which breed, and of open pull requests, which do not.
        """
        self._with, self.begun = parties, begun
        lock = read_lock(parties.terms.lock)
        self._standing = tuple(standing)
        self._steps = Steps(parties, self.begun, self._standing)
        self._setting = Setting(
            run=self.begun.run,
            seed=self.begun.seed,
            agents=self.begun.agents,
            numeric=parties.numeric,
            symbols=lock.symbols,
            intervals=tuple(i for i in INTERVALS if INTERVAL_MS[i] % INTERVAL_MS[lock.interval] == 0),
            settings=parties.settings,
        )

    def run(self) -> Came:
        """Run to the end, or as far as budgets go, and return what it came to.

        Raises:
            UndecidedError: the forge, a machine or a sandbox failed; the same command goes on from there.
        """
        self._steps.sketch_standing()
        paused = ""
        for number in range(1, self.begun.rounds + 1):
            try:
                self._round(number)
            except (BudgetError, VendorError) as error:
                paused = str(error)
                break
            seen = self.figures()
            self._with.progress(f"round {number} of {self.begun.rounds}: {seen.line()}")
            if seen.stagnant_rounds >= self._with.settings.loop.stagnant_rounds_max:
                self._with.progress(f"nothing better for {seen.stagnant_rounds} rounds; the run ends here")
                break
        if not paused or self.begun.nightly:  # a night ends with what there is; nobody is there to raise a cap
            self._finish(paused or "its rounds are done")
            paused = ""
        return Came(run=self._mine(), figures=self.figures(), paused=paused)

    def figures(self) -> Figures:
        """Return how the run stands."""
        return figures_of(self.candidates(), run=self.begun.run, seeds=self._steps.seeds)

    def candidates(self) -> tuple[Candidate, ...]:
        """Return the candidates of every run on these bars, oldest first."""
        return candidates_on(self._with, self.begun.dataset)

    def _mine(self) -> Run:
        return next(r for r in runs_of(self._with.journal.read()) if r.number == self.begun.run)

    def _round(self, number: int) -> None:
        candidates = self.candidates()
        errands = plan_round(self._setting, number, candidates=candidates, seeds=self._steps.seeds)
        have = {c.answered.step for c in candidates if c.run == self.begun.run}
        for errand in errands:
            if errand.step not in have:
                self._ask(errand)
        steps = frozenset(errand.step for errand in errands)
        self._steps.sketch(steps)
        self._steps.judge(steps)

    def _ask(self, errand: Errand) -> None:
        known = {c.name: c for c in self.candidates()}
        standing = {s.name: s for s in self._standing}
        brief = brief_for(errand, self.begun, known, standing, self._with.journal)
        self._with.progress(f"step {errand.step}: {errand.agent} ({errand.arm}) is to {errand.operator} {errand.slug}")
        record, attached = answered_by(
            self._with.proposers[errand.agent],
            brief,
            errand,
            self.begun,
            when_s=self._with.clock_s(),
            root=root_of(errand.parents, self.begun, known, standing),
        )
        self._with.journal.append(record, attached=attached)

    def _finish(self, why: str) -> None:
        """Open what deserves it, have all trials counted, and write the end."""
        mine = self._mine()
        study = study_of(trials_of(mine, self._with.journal), begun=self.begun, slug="evolution")
        publisher = self._with.publisher
        if publisher is not None:
            unrecorded = {c.name for c in mine.candidates if c.opened is None}
            limits = self._with.settings.tournament
            room = room_for(
                self.candidates(),
                now_s=self._with.clock_s(),
                open_now=sum(name not in unrecorded for name in publisher.waiting()),
                most_a_night=limits.max_prs_per_night,
                most_open=limits.max_open_prs,
            )
            for one in finalists(mine.candidates, room=room):
                opened = publisher.publish(one, study, begun=self.begun)
                self._with.journal.append(opened)
                self._with.progress(f"pull request {opened.pull}: {one.answered.slug} on {opened.branch}")
        _ended(self._with, mine, why, self._steps.seeds)


def candidates_on(parties: Parties, dataset: str) -> tuple[Candidate, ...]:
    """Return the candidates of every run of the journal on the bars `dataset` (name@digest), oldest first."""
    runs = runs_of(parties.journal.read())
    return tuple(c for run in runs if run.begun.dataset == dataset for c in run.candidates)


def begin(parties: Parties, wanted: Wanted) -> Begun:
    """Begin a run, or return the one that was left unfinished by the same command.

    Raises:
        UsageError: another run is unfinished, or nothing was asked for.
    """
    if not wanted.agents or wanted.rounds < 1:
        raise UsageError(f"{len(wanted.agents)} agents for {wanted.rounds} rounds; at least one of each is needed")
    dataset = read_lock(parties.terms.lock).ref
    runs = runs_of(parties.journal.read())
    left = [run.begun for run in runs if run.ended is None]
    if left:
        same = left[-1]
        if (same.agents, same.seed, same.dataset) == (wanted.agents, wanted.seed, dataset):
            parties.progress(f"run {same.run} was left unfinished; going on with it")
            return same
        raise UsageError(
            f"run {same.run} is unfinished: --agent {','.join(same.agents)} --seed {same.seed} on {same.dataset}. "
            "Go on with it by that command, or end it with: autarch evolve --abandon"
        )
    begun = Begun(
        run=max((run.number for run in runs), default=0) + 1,
        when_s=parties.clock_s(),
        base=wanted.base,
        dataset=dataset,
        agents=wanted.agents,
        rounds=wanted.rounds,
        seed=wanted.seed,
        nightly=wanted.nightly,
        settings=parties.settings_digest,
    )
    parties.journal.append(begun)
    return begun


def abandon(parties: Parties) -> Ended | None:
    """End the run that is unfinished, its trials counted and nothing opened; None: there is none."""
    left = [run for run in runs_of(parties.journal.read()) if run.ended is None]
    if not left:
        return None
    return _ended(parties, left[-1], "it was abandoned", ())


def newest(parties: Parties) -> Came | None:
    """Return how the newest run stands, None where there never was one."""
    runs = runs_of(parties.journal.read())
    if not runs:
        return None
    run = runs[-1]
    candidates = candidates_on(parties, run.begun.dataset)
    return Came(run=run, figures=figures_of(candidates, run=run.number, seeds=_seeds_of(parties, run)))


def _seeds_of(parties: Parties, run: Run) -> tuple[Member, ...]:
    """Return what stood on main when a run ended; nothing for one that has not."""
    for noted in parties.journal.read():
        if isinstance(noted.record, Ended) and noted.record.run == run.number:
            content = parties.journal.attachment(noted, SEEDS_NAME)
            return () if content is None else msgspec.json.decode(content, type=tuple[Member, ...])
    return ()


def _ended(parties: Parties, run: Run, why: str, seeds: tuple[Member, ...]) -> Ended:
    """Have all trials of a run counted, and write its end, with what stood on main then."""
    study = study_of(trials_of(run, parties.journal), begun=run.begun, slug="evolution")
    if parties.publisher is not None:
        parties.publisher.count(study)
    ended = Ended(run=run.number, when_s=parties.clock_s(), why=why, study=study.digest, trials=len(study.trials))
    kept = {STUDY_NAME: study.packed(), SEEDS_NAME: msgspec.json.encode(seeds, order="sorted")}
    parties.journal.append(ended, attached=kept)
    return ended
