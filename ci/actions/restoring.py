"""From a parcel to an outcome on a fresh machine: what decisions tell is computed again, never copied.

Computed here, by main's code from the objects, the bars and the decisions: scope, policy, backtest with its referee,
risk, evidence, every metric. Taken from the parcel, since they ask the strategy, which never runs where keys are:
determinism, causality, warm-up, memory, parity, robustness. A verdict rests on them only once another fresh runner has
found the same decisions (`ci.actions.hidden`); `record` and every deployer ask all of it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import CostModel
from autarch.errors import AutarchError
from autarch.market.load import load_market
from autarch.market.types import Market
from autarch.metrics import buy_and_hold
from autarch.metrics.daily import daily_returns
from autarch.referee.process import RefereeProcess
from autarch.verdict import CheckResult, CheckVerdict, overall
from ci.actions.parcel import Parcel, PoisonedError, drawn_of, level_of, results_of, unpack_decisions
from ci.candidate import Candidate
from ci.checklist import STOPPED_BY
from ci.checks import backtest, policy, referee, risk, scope
from ci.checks.ground import Ground
from ci.checks.search import Searched, kept
from ci.context import Answer, GateInputs, Judged
from ci.gate import assumed_of
from ci.lanes import may_ask
from ci.outcome import GateOutcome

TOLERANCE = 1e-9
"""Relative; between two machines of one arithmetic numbers are the same bytes, and a parcel holds float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """What was computed here, by check, and what came with it."""

    answers: dict[str, Answer]
    market: Market | None = None
    decisions: Decisions | None = None
    judged: Judged | None = None
    searched: Searched | None = None


def runs_nothing(candidate: Candidate) -> bool:
    """Return whether main's gate judges `candidate` without asking a strategy."""
    if candidate.kind != "strategy" or candidate.removal or candidate.source is None:
        return True
    return any(check(candidate).verdict != "passed" for check in (scope.check, policy.check))


def restored(parcel: Parcel, candidate: Candidate, inputs: GateInputs, refereeing: RefereeProcess) -> GateOutcome:
    """Return what main's gate says of a strategy, with the parcel's word for what asks it.

    Raises:
        PoisonedError: the parcel differs from what was computed here.
        DataError, UndecidedError: bars are missing, or the referee could not play.
    """
    told = results_of(parcel, inputs.policy.classes)
    again = _again(parcel, candidate, inputs, told, refereeing)
    for name, answer in again.answers.items():
        _require_alike(name, told.get(name), answer)
    checks = tuple(_result(name, check, again) for name, check in told.items())
    _require_order(checks)
    _require_confined(parcel, inputs)
    judged = again.judged
    return GateOutcome(
        verdict=overall(checks),
        candidate=candidate,
        policy=inputs.policy,
        engine=inputs.engine,
        trials=inputs.trials,
        checks=checks,
        measured=checks,
        whole=True,
        of_machine=tuple(name for name in parcel.of_machine if name in told),
        metrics={} if judged is None else {"train": dict(judged.metrics)},
        claim=None,
        dataset=inputs.lock.ref,
        preset=inputs.preset,
        may_ask=parcel.may_ask if may_ask(candidate) else None,
        assumed=assumed_of(candidate, inputs),
        elapsed_s={name: seconds for name, seconds in parcel.elapsed_s.items() if name in told},
        level=level_of(parcel),
        market=again.market,
        decisions=again.decisions,
        backtest=None if judged is None else judged.result,
        searched=again.searched,
        counted=("told by another machine",),  # never equal to a ledger's: the evidence check is always made again
    )


def _again(
    parcel: Parcel,
    candidate: Candidate,
    inputs: GateInputs,
    told: dict[str, CheckResult],
    refereeing: RefereeProcess,
) -> _Again:
    source = candidate.source
    if source is None:
        raise PoisonedError("the parcel is of no strategy")
    answers = {"scope": scope.check(candidate), "policy": policy.check(candidate)}
    if parcel.decisions is None:
        return _Again(answers=answers)
    market = load_market(
        inputs.lock,
        split="train",
        symbols=(*source.manifest.symbols, *source.manifest.context),
        interval=source.manifest.interval,
        stores=inputs.stores,
    )
    decisions = unpack_decisions(parcel.decisions, source.manifest, rows=market.n_bars)
    if not _was_asked(told, "backtest"):
        return _Again(answers=answers, market=market, decisions=decisions)
    seed = (candidate.base or "").encode("ascii")
    begun = referee.begin(refereeing, market, decisions, lock=inputs.lock, policy=inputs.policy, seed=seed)
    answers["backtest"], judged = backtest.check(
        market, decisions, lock=inputs.lock, policy=inputs.policy, refereeing=begun
    )
    if _was_asked(told, "risk"):
        answers["risk"] = risk.check(judged, market, lock=inputs.lock, policy=inputs.policy)
    searched = _searched(parcel, candidate, inputs, market, decisions) if _was_asked(told, "evidence") else None
    return _Again(answers=answers, market=market, decisions=decisions, judged=judged, searched=searched)


def _searched(
    parcel: Parcel, candidate: Candidate, inputs: GateInputs, market: Market, decisions: Decisions
) -> Searched:
    """Return the search with the candidate's own returns computed here, and the drawn ones as they were told."""
    if candidate.source is None:
        raise PoisonedError("the parcel scores what is no strategy")
    manifest = candidate.source.manifest
    costs, capital = CostModel.from_lock(inputs.lock), inputs.policy.backtest.capital
    own = Ground(manifest, market, costs=costs, capital=capital).curve(decisions)
    held = daily_returns(
        buy_and_hold(market, manifest.symbols)[own.first_row :],
        market.ts[own.first_row :],
        interval_ms=market.interval_ms,
    )
    sized = np.zeros(own.daily.size)
    sized[: min(own.daily.size, held.size)] = held[: own.daily.size]
    return Searched(
        own=kept(own),
        drawn=drawn_of(parcel),
        held=sized,
        seed=int.from_bytes(bytes.fromhex(decisions.digest())[:8], "big"),
    )


def _result(name: str, told: CheckResult, again: _Again) -> CheckResult:
    answer = again.answers.get(name)
    if answer is None:
        return told
    return CheckResult(
        name=name, klass=told.klass, verdict=answer.verdict, measures=answer.measures, detail=answer.detail
    )


def _require_alike(name: str, told: CheckResult | None, answer: Answer) -> None:
    """Refuse a parcel whose check says something else than it says here.

    Raises:
        PoisonedError: it does.
    """
    if told is None:
        raise PoisonedError(f"the parcel leaves out {name}, which main's gate asks")
    if told.verdict != answer.verdict:
        raise PoisonedError(f"the parcel has {name} {told.verdict}; computed again it is {answer.verdict}")
    theirs, ours = ({m.name: m.value for m in measures} for measures in (told.measures, answer.measures))
    if list(theirs) != list(ours):
        raise PoisonedError(f"the parcel measures other things for {name} than main's gate does")
    for measure, value in ours.items():
        if not _alike(theirs[measure], value):
            raise PoisonedError(
                f"the parcel has {name} {measure} = {theirs[measure]!r}; computed again it is {value!r}"
            )


def _alike(theirs: float | None, ours: float | None) -> bool:
    if theirs is None or ours is None:
        return theirs is ours
    return abs(theirs - ours) <= TOLERANCE * max(1.0, abs(ours))


def _require_order(checks: tuple[CheckResult, ...]) -> None:
    """Refuse answers that main's gate could not have given in its order: a score where a law is broken.

    Raises:
        PoisonedError: there is one, or a check that passed beside its skipped foundation.
    """
    verdicts: dict[str, CheckVerdict] = {check.name: check.verdict for check in checks}
    for check in checks:
        stopped = [name for name in STOPPED_BY[check.name] if verdicts.get(name, "passed") != "passed"]
        if stopped and check.verdict != "skipped":
            raise PoisonedError(f"the parcel has {check.name} {check.verdict} although {stopped[0]} did not pass")
        if not stopped and check.verdict == "skipped":
            raise PoisonedError(f"the parcel skips {check.name}, and nothing stood in its way")


def _require_confined(parcel: Parcel, inputs: GateInputs) -> None:
    """Refuse a run that leaves out a layer of confinement that main's policy demands.

    Raises:
        PoisonedError: a strategy was asked, and the layers told of are not those of the policy.
    """
    if parcel.decisions is None:
        return
    demanded = set(inputs.policy.sandbox.demands().required)
    if {layer.name for layer in parcel.layers if layer.required} != demanded:
        raise PoisonedError("the parcel tells of other layers of confinement than main's policy demands")


def _was_asked(told: dict[str, CheckResult], name: str) -> bool:
    return name in told and told[name].verdict != "skipped"


def refused(candidate: Candidate, inputs: GateInputs, error: AutarchError) -> GateOutcome:
    """Return the undecided outcome that tells why a parcel is not believed: every check lacks an answer."""
    names = inputs.policy.required_checks("platform" if candidate.kind == "platform" else "strategy")
    checks = tuple(
        CheckResult(name=name, klass=inputs.policy.class_of(name), verdict="undecided", detail=str(error))
        for name in names
    )
    return GateOutcome(
        verdict="undecided",
        candidate=candidate,
        policy=inputs.policy,
        engine=inputs.engine,
        trials=inputs.trials,
        checks=checks,
        metrics={},
        claim=None,
        dataset=inputs.lock.ref,
        measured=checks,
        preset=inputs.preset,
    )
