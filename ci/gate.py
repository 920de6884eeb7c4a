"""The gate: run the checks in order of law, stop before a score where a law is broken, answer once."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from autarch.decisions import Decisions
from autarch.errors import UndecidedError, UsageError
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.verdict import overall
from ci.candidate import Candidate
from ci.checklist import Checklist, with_those_they_rest_on
from ci.checks import backtest, causality, determinism, policy, risk, scope, warmup
from ci.claiming import claim_of
from ci.context import Answer, Clock, Evaluated, GateInputs, Judged, Progress
from ci.outcome import GateOutcome
from ci.policy import CHECK_NAMES

OTHER_HASH_SEED = 4_211
OTHER_CLOCK_SHIFT_S = 86_400 * 1_009
"""The second child believes it is years later; a strategy must not be able to tell."""


def judge(
    candidate: Candidate,
    inputs: GateInputs,
    *,
    progress: Progress,
    clock: Clock,
    only: frozenset[str] | None = None,
) -> GateOutcome:
    """Judge one candidate by the laws and limits of `inputs.policy`, on train bars alone.

    After a failed scope, policy, determinism or causality check nothing is scored: what follows is
    `skipped`, with the reason. A check that cannot be computed is `undecided`, and so is the verdict
    unless another check failed.

    Args:
        candidate: The proposal, as `ci.target` resolves it.
        inputs: Everything else the verdict depends on.
        progress: Receives one line for whatever takes longer than a moment.
        clock: Monotonic seconds, for elapsed times only.
        only: Names of checks to answer, with those they rest on; the outcome then carries no claim.

    Raises:
        UsageError: `only` names a check that does not exist.
    """
    wanted = _wanted(candidate, only)
    checklist = Checklist(policy=inputs.policy, wanted=wanted, progress=progress, clock=clock)
    found = _Found()
    checklist.ask("scope", lambda: scope.check(candidate))
    if candidate.removal:
        _answer_removal(candidate, checklist)
    else:
        checklist.ask("policy", lambda: policy.check(candidate))
    if candidate.source is not None and checklist.is_clear("determinism"):
        _run_strategy(candidate, candidate.source, inputs, checklist, found)
    outcome = _outcome(candidate, inputs, checklist, found)
    if wanted != frozenset(CHECK_NAMES) or not found.confined:
        return outcome
    return dataclasses.replace(outcome, claim=claim_of(outcome, inputs))


@dataclass(kw_only=True)
class _Found:
    """What a run has computed so far."""

    market: Market | None = None
    decisions: Decisions | None = None
    judged: Judged | None = None
    sandbox: str = "no strategy code was run"
    confined: bool = True


def _wanted(candidate: Candidate, only: frozenset[str] | None) -> frozenset[str]:
    unknown = sorted((only or frozenset()) - set(CHECK_NAMES))
    if unknown:
        raise UsageError(f"no check is called {', '.join(unknown)}; the checks are {', '.join(CHECK_NAMES)}")
    if candidate.kind == "platform":
        return frozenset({"scope"})
    return with_those_they_rest_on(only) if only else frozenset(CHECK_NAMES)


def _answer_removal(candidate: Candidate, checklist: Checklist) -> None:
    """Pass what is left: no law can be broken by code that is not there, and removing risk needs no score."""
    detail = f"strategies/{candidate.slug} goes; nothing is left that could break this"
    for name in CHECK_NAMES:
        checklist.ask(name, lambda: Answer(verdict="passed", detail=detail))


def _run_strategy(
    candidate: Candidate, source: StrategySource, inputs: GateInputs, checklist: Checklist, found: _Found
) -> None:
    with ExitStack() as stack:
        shared: list[Evaluated] = []

        def determined() -> Answer:
            shared.append(_prepare(candidate, source, inputs, stack, checklist.progress))
            found.market = shared[0].market
            found.sandbox, found.confined = _confinement(shared[0])
            answer, found.decisions = determinism.check(shared[0])
            return answer

        if not checklist.ask("determinism", determined) or found.decisions is None:
            return
        evaluated, decisions = shared[0], found.decisions
        with ThreadPoolExecutor(max_workers=1) as pool:  # the two checks ask different workers
            second = pool.submit(checklist.ask, "warmup", lambda: warmup.check(evaluated, decisions))
            checklist.ask("causality", lambda: causality.check(evaluated, decisions))
            second.result()
    checklist.ask("backtest", lambda: _score(evaluated, decisions, inputs, found))
    checklist.ask("risk", lambda: _risk(inputs, found))


def _prepare(
    candidate: Candidate, source: StrategySource, inputs: GateInputs, stack: ExitStack, progress: Progress
) -> Evaluated:
    """Start both workers, which import while the market is loaded here."""
    manifest = source.manifest
    progress(f"starting two workers, loading {inputs.lock.name} train")
    main = stack.enter_context(Worker(hash_seed=0, allow_weak=inputs.allow_weak))
    other = stack.enter_context(
        Worker(hash_seed=OTHER_HASH_SEED, clock_shift_s=OTHER_CLOCK_SHIFT_S, allow_weak=inputs.allow_weak)
    )
    market = load_market(
        inputs.lock,
        split="train",
        symbols=(*manifest.symbols, *manifest.context),
        interval=manifest.interval,
        stores=inputs.stores,
    )
    for worker in (main, other):
        if worker.numerics != inputs.numerics:
            raise UndecidedError(
                f"a worker's numeric self-test is {worker.numerics}, this process has {inputs.numerics}: "
                "their arithmetic differs; run through the command line, which sets the numeric pin"
            )
    return Evaluated(candidate=candidate, source=source, policy=inputs.policy, market=market, main=main, other=other)


def _confinement(evaluated: Evaluated) -> tuple[str, bool]:
    """Return the confinement both workers reach, in words, and whether a verdict may rest on it."""
    levels = (evaluated.main.level, evaluated.other.level)
    missing = sorted({layer.name for level in levels for layer in level.missing})
    if missing:
        return f"weak, not a verdict: no {', '.join(missing)} (kernel {levels[0].kernel})", False
    return f"full, {len(levels[0].layers)} layers, kernel {levels[0].kernel}", True


def _score(evaluated: Evaluated, decisions: Decisions, inputs: GateInputs, found: _Found) -> Answer:
    answer, found.judged = backtest.check(evaluated.market, decisions, lock=inputs.lock, policy=inputs.policy)
    return answer


def _risk(inputs: GateInputs, found: _Found) -> Answer:
    if found.judged is None:
        return Answer(verdict="undecided", detail="there is no backtest to measure")
    return risk.check(found.judged, policy=inputs.policy)


def _outcome(candidate: Candidate, inputs: GateInputs, checklist: Checklist, found: _Found) -> GateOutcome:
    checks = checklist.close()
    gate_policy = inputs.policy
    waived = (f"limits of {gate_policy.path} (a walk-through: all are wide open)",) if gate_policy.walkthrough else ()
    return GateOutcome(
        verdict=overall(checks),
        candidate=candidate,
        policy=gate_policy,
        engine=inputs.engine,
        trials=inputs.trials,
        checks=checks,
        metrics={} if found.judged is None else {"train": dict(found.judged.metrics)},
        claim=None,
        dataset=inputs.lock.ref,
        waived=waived,
        assumed=_assumed(candidate, inputs),
        elapsed_s=dict(checklist.elapsed_s),
        sandbox=found.sandbox,
        market=found.market,
        decisions=found.decisions,
        backtest=None if found.judged is None else found.judged.result,
    )


def _assumed(candidate: Candidate, inputs: GateInputs) -> tuple[str, ...]:
    """Return the assumed values this strategy's numbers depend on: the costs', and its own symbols'."""
    symbols = () if candidate.source is None else candidate.source.manifest.symbols
    return tuple(name for name in inputs.lock.assumed if name.split(".")[0] in {"costs", *symbols})
