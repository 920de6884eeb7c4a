"""The gate: run the checks in order of law, stop before a score where a law is broken, answer once."""

from __future__ import annotations

from autarch.errors import UsageError
from autarch.verdict import overall
from ci.candidate import Candidate
from ci.checklist import Checklist, with_those_they_rest_on
from ci.checks import policy, scope
from ci.concluding import conclude
from ci.context import Answer, Clock, GateInputs, Progress
from ci.outcome import GateOutcome
from ci.policy import CHECK_NAMES
from ci.running import StrategyRun
from ci.workers import Workers


def judge(  # noqa: PLR0913  what is judged, by what, and four ways to watch or narrow it
    candidate: Candidate,
    inputs: GateInputs,
    *,
    progress: Progress,
    clock: Clock,
    only: frozenset[str] | None = None,
    workers: Workers | None = None,
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
        workers: Warm workers to ask, whose children are fresh all the same; by default two are started.

    Raises:
        UsageError: `only` names a check that does not exist.
    """
    wanted = _wanted(candidate, only)
    checklist = Checklist(policy=inputs.policy, wanted=wanted, progress=progress, clock=clock)
    checklist.ask("scope", lambda: scope.check(candidate))
    run = None
    if candidate.removal:
        _answer_removal(candidate, checklist)
    else:
        checklist.ask("policy", lambda: policy.check(candidate))
        if candidate.source is not None and checklist.is_clear("determinism"):
            run = StrategyRun(
                candidate=candidate, source=candidate.source, inputs=inputs, checklist=checklist, workers=workers
            )
            run.run()
    return conclude(_measured(candidate, inputs, checklist, run), inputs)


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


def _measured(candidate: Candidate, inputs: GateInputs, checklist: Checklist, run: StrategyRun | None) -> GateOutcome:
    checks = checklist.close()
    judged = None if run is None else run.judged
    return GateOutcome(
        verdict=overall(checks),
        candidate=candidate,
        policy=inputs.policy,
        engine=inputs.engine,
        trials=inputs.trials,
        checks=checks,
        measured=checks,
        whole=checklist.wanted == frozenset(CHECK_NAMES),
        of_machine=tuple(sorted(checklist.of_machine)),
        metrics={} if judged is None else {"train": dict(judged.metrics)},
        claim=None,
        dataset=inputs.lock.ref,
        preset=inputs.preset,
        may_ask=None if run is None else run.may_ask,
        assumed=assumed_of(candidate, inputs),
        elapsed_s=dict(checklist.elapsed_s),
        level=None if run is None else run.level,
        market=None if run is None else run.market,
        decisions=None if run is None else run.decisions,
        backtest=None if judged is None else judged.result,
        findings=None if run is None else run.findings,
        searched=None if run is None else run.searched,
        counted=inputs.counted,
    )


def assumed_of(candidate: Candidate, inputs: GateInputs) -> tuple[str, ...]:
    """Return the assumed values this strategy's numbers depend on: the costs', and its own symbols'."""
    symbols = () if candidate.source is None else candidate.source.manifest.symbols
    return tuple(name for name in inputs.lock.assumed if name.split(".")[0] in {"costs", *symbols})
