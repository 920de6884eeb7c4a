"""The part of a gate run that runs the strategy: evaluate, ask again, score. Fills in what it finds."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from autarch.decisions import Decisions
from autarch.errors import AutarchError, UndecidedError
from autarch.evaluation import decide_blocks
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.market.types import Market
from autarch.sandbox.values import SandboxLevel
from ci.candidate import Candidate, Incumbent
from ci.checklist import Checklist
from ci.checks import backtest, causality, determinism, evidence, memory, parity, referee, risk, robustness, warmup
from ci.checks.findings import Findings, Task, measure
from ci.checks.parity import Rehearsing
from ci.checks.referee import Refereeing
from ci.checks.search import Searched, search
from ci.context import Answer, Evaluated, GateInputs, Judged
from ci.lanes import Lane, may_ask, relation
from ci.workers import Workers, asking_threads, started_workers


@dataclass(kw_only=True)
class StrategyRun:
    """One strategy's way through the checks that run it; the last fields are what it has found so far."""

    candidate: Candidate
    source: StrategySource
    inputs: GateInputs
    checklist: Checklist
    workers: Workers | None = None
    market: Market | None = None
    decisions: Decisions | None = None
    judged: Judged | None = None
    findings: Findings | None = None
    searched: Searched | None = None
    may_ask: Lane | None = None
    level: SandboxLevel | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _evaluated: Evaluated | None = None
    _refereeing: Refereeing | None = None
    _rehearsing: Rehearsing | None = None

    def run(self) -> None:
        """Ask every check that is still clear, in order; the market stays loaded for the report."""
        with self._stack:
            honest = self.checklist.ask("determinism", self._determinism)
            evaluated, decisions = self._evaluated, self.decisions
            if evaluated is None or decisions is None:
                return
            if honest:
                self._begin_replays(evaluated, decisions)
            self.checklist.progress(f"asking up to {self.inputs.policy.causality.cuts} decisions again")
            with asking_threads(1, evaluated.main, evaluated.other) as pool:  # a second core, while causality asks
                beside = [
                    pool.submit(self.checklist.ask, "warmup", lambda: warmup.check(evaluated, decisions)),
                    pool.submit(self.checklist.ask, "memory", lambda: memory.check(evaluated, decisions)),
                ]
                self.checklist.ask("causality", lambda: causality.check(evaluated, decisions))
                self.may_ask = self._lane(evaluated, decisions)
                for check in beside:
                    check.result()
            self._score(evaluated, decisions)

    def _score(self, evaluated: Evaluated, decisions: Decisions) -> None:
        """Ask what scores, which nothing is before causality has passed.

        While the referee is awaited, what robustness needs is measured already.
        """
        is_wanted = "robustness" in self.checklist.wanted and self.checklist.is_clear("backtest")
        with asking_threads(1, evaluated.main, evaluated.other) as pool:
            ahead = pool.submit(self._measured, evaluated, decisions) if is_wanted else None
            self.checklist.ask("backtest", lambda: self._backtest(evaluated, decisions))
            self.checklist.ask("parity", lambda: self._parity(evaluated, decisions))
            self.checklist.ask("risk", lambda: self._risk(evaluated))
            self.checklist.ask("robustness", lambda: self._robustness(ahead))
        self.checklist.ask("evidence", lambda: self._evidence(evaluated))

    def _lane(self, evaluated: Evaluated, decisions: Decisions) -> Lane | None:
        """Return the lane that train bars allow to ask for; none where the two cannot be compared."""
        incumbent = self.candidate.incumbent
        if incumbent is None or not may_ask(self.candidate):
            return None
        with suppress(AutarchError):  # main's own version may not run any more
            return relation(decisions, decide_blocks(evaluated.other, incumbent.source, self._seen_by(incumbent)))
        return None

    def _seen_by(self, incumbent: Incumbent) -> Market:
        """Return the train bars that main's version is asked about: those at hand, if they hold its context."""
        manifest, market = incumbent.source.manifest, self.market
        wanted = (*manifest.symbols, *manifest.context)
        if market is not None and set(wanted) <= set(market.symbols):
            return market
        return load_market(
            self.inputs.lock, split="train", symbols=wanted, interval=manifest.interval, stores=self.inputs.stores
        )

    def _determinism(self) -> Answer:
        self._evaluated = evaluated = self._prepare()
        answer, self.decisions = determinism.check(evaluated)
        return answer

    def _prepare(self) -> Evaluated:
        """Start the workers, which import while the market is loaded here."""
        manifest, inputs = self.source.manifest, self.inputs
        self.checklist.progress(f"loading {inputs.lock.name} train, starting workers")
        workers = self.workers or self._stack.enter_context(started_workers(allow_weak=inputs.allow_weak))
        self.market = load_market(
            inputs.lock,
            split="train",
            symbols=(*manifest.symbols, *manifest.context),
            interval=manifest.interval,
            stores=inputs.stores,
        )
        for found in workers.numerics:
            if found != inputs.numerics:
                raise UndecidedError(
                    f"a worker's numeric self-test is {found}, this process has {inputs.numerics}: their arithmetic "
                    "differs; run through the command line, which sets the numeric pin"
                )
        self._stack.enter_context(workers.under(inputs.policy.sandbox))
        self.level = workers.level
        return Evaluated(
            candidate=self.candidate,
            source=self.source,
            policy=inputs.policy,
            market=self.market,
            main=workers.main,
            other=workers.other,
            referee=workers.referee,
            rehearsal=workers.rehearsal,
        )

    def _begin_replays(self, evaluated: Evaluated, decisions: Decisions) -> None:
        """Let referee and live path replay while other checks ask; they end with the stack if nobody asks for them."""
        if "backtest" in self.checklist.wanted:
            with suppress(AutarchError):  # told when the backtest begins it again
                self._refereeing = self._refereeing_of(evaluated, decisions)
                self._stack.callback(self._refereeing.drop)
        if "parity" in self.checklist.wanted:
            with suppress(AutarchError):  # likewise
                self._rehearsing = parity.begin(evaluated, decisions, lock=self.inputs.lock)
                self._stack.callback(self._rehearsing.drop)

    def _refereeing_of(self, evaluated: Evaluated, decisions: Decisions) -> Refereeing:
        inputs = self.inputs
        return referee.begin(
            evaluated.referee, evaluated.market, decisions, lock=inputs.lock, policy=inputs.policy, seed=evaluated.seed
        )

    def _backtest(self, evaluated: Evaluated, decisions: Decisions) -> Answer:
        refereeing = self._refereeing or self._refereeing_of(evaluated, decisions)
        answer, self.judged = backtest.check(
            evaluated.market, decisions, lock=self.inputs.lock, policy=self.inputs.policy, refereeing=refereeing
        )
        return answer

    def _parity(self, evaluated: Evaluated, decisions: Decisions) -> Answer:
        rehearsing = self._rehearsing or parity.begin(evaluated, decisions, lock=self.inputs.lock)
        return parity.check(evaluated, decisions, rehearsing)

    def _risk(self, evaluated: Evaluated) -> Answer:
        if self.judged is None:
            return Answer(verdict="undecided", detail="there is no backtest to measure")
        return risk.check(self.judged, evaluated.market, lock=self.inputs.lock, policy=self.inputs.policy)

    def _measured(self, evaluated: Evaluated, decisions: Decisions) -> Findings:
        inputs = self.inputs
        return measure(
            Task(
                evaluated=evaluated,
                decisions=decisions,
                lock=inputs.lock,
                stores=inputs.stores,
                neighbours=inputs.neighbours,
            )
        )

    def _robustness(self, ahead: Future[Findings] | None) -> Answer:
        self.findings = None if ahead is None else ahead.result()
        if self.judged is None or self.findings is None:
            return Answer(verdict="undecided", detail="there is no backtest to measure")
        limits = self.inputs.policy.robustness
        return robustness.answer(self.findings, self.judged, limits=limits, slug=self.source.manifest.name)

    def _evidence(self, evaluated: Evaluated) -> Answer:
        if self.judged is None:
            return Answer(verdict="undecided", detail="there is no backtest to measure")
        self.checklist.progress("searching around it, to tell luck")
        self.searched = search(evaluated, self.judged, lock=self.inputs.lock)
        record = evidence.record_of(self.searched, self.inputs)
        return evidence.check(record, limits=self.inputs.policy.evidence)
