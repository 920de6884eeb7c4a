"""Draw what has been judged before: the checks as the claim has them, the curves played again on the same bars.

Nothing here judges. What a claim says is shown as it stands; what is drawn comes from asking the strategy once
more, and where its decisions are others than the claim's, the report says so first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import msgspec

from autarch.engine import CostModel
from autarch.errors import AutarchError, StrategyError
from autarch.evaluation import decide_blocks
from autarch.evaluation.playing import play_decisions
from autarch.evidence.claim import Claim, ClaimedCheck
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.market.types import Market
from autarch.verdict import CheckResult, Measure, overall
from ci.candidate import Candidate
from ci.checks.findings import Findings, Task, measure
from ci.context import Evaluated, GateInputs, Progress
from ci.outcome import GateOutcome
from ci.report_scene import Scene
from ci.workers import Workers

NOT_JUDGED: Final = "Nobody has judged these bytes yet: what is drawn here is a backtest, no verdict."


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of a candidate's verdict: the claim with every number, or the checks' words alone, or neither."""

    claim: Claim | None = None
    checks: tuple[CheckResult, ...] = ()
    said: tuple[tuple[str, str], ...] = ()


def replayed(candidate: Candidate, inputs: GateInputs, told: Told, *, workers: Workers, progress: Progress) -> Scene:
    """Return the scene of a candidate, with curves where the bars are here and it runs on them.

    What keeps it from being drawn becomes the scene's notice: a report of a verdict must not need the strategy to run.
    """
    outcome = _outcome(candidate, inputs, told)
    notices = [] if outcome.checks else [NOT_JUDGED]
    if candidate.source is None:
        return Scene(outcome=outcome, said=dict(told.said), notice=" ".join(notices))
    try:
        outcome = _drawn(outcome, candidate.source, inputs, workers=workers, progress=progress)
    except AutarchError as error:
        notices.append(f"No curves can be drawn: {error}.")
    notices += _doubts(outcome, told)
    return Scene(outcome=outcome, said=dict(told.said), notice=" ".join(notices))


def check_of(claimed: ClaimedCheck) -> CheckResult:
    """Return a claim's check as the gate answered it."""
    measures = tuple(Measure(name=m.name, value=m.value, op=m.op, limit=m.limit, unit=m.unit) for m in claimed.measures)
    return CheckResult(
        name=claimed.name, klass=claimed.klass, verdict=claimed.verdict, measures=measures, detail=claimed.detail
    )


def _outcome(candidate: Candidate, inputs: GateInputs, told: Told) -> GateOutcome:
    claim = told.claim
    checks = told.checks if claim is None else tuple(check_of(check) for check in claim.checks)
    return GateOutcome(
        verdict=claim.verdict if claim is not None else overall(checks) if checks else "undecided",
        candidate=candidate,
        policy=inputs.policy,
        engine=inputs.engine,
        trials=inputs.trials if claim is None else claim.trials,
        checks=checks,
        metrics={} if claim is None else claim.metrics,
        claim=claim,
        dataset=inputs.lock.ref,
        waived=() if claim is None else claim.waived,
        preset=inputs.preset if claim is None else claim.policy.preset,
        lane=None if claim is None else claim.lane,
        look=None if claim is None else claim.look,
        assumed=tuple(name for name in inputs.lock.assumed if name.split(".")[0] in _owners(candidate)),
    )


def _owners(candidate: Candidate) -> set[str]:
    return {"costs", *(() if candidate.source is None else candidate.source.manifest.symbols)}


def _drawn(
    outcome: GateOutcome, source: StrategySource, inputs: GateInputs, *, workers: Workers, progress: Progress
) -> GateOutcome:
    """Return the outcome with bars, decisions, backtest and what robustness would measure, placebo worlds left out."""
    manifest = source.manifest
    progress(f"loading {inputs.lock.name} train")
    symbols = (*manifest.symbols, *manifest.context)
    market = load_market(inputs.lock, split="train", symbols=symbols, interval=manifest.interval, stores=inputs.stores)
    with workers.under(inputs.policy.sandbox):
        progress("playing it again")
        decisions = decide_blocks(workers.main, source, market)
        costs, capital = CostModel.from_lock(inputs.lock), inputs.policy.backtest.capital
        played = play_decisions(source, decisions, market, costs=costs, capital=capital)
        task = Task(
            evaluated=_evaluated(outcome.candidate, source, inputs, market=market, workers=workers),
            decisions=decisions,
            lock=inputs.lock,
            stores=inputs.stores,
            neighbours=inputs.neighbours,
        )
        progress("moving its parameters, costs and delay")
        findings = _findings(task)
    metrics = outcome.metrics or {"train": played.metrics}
    drawn = replace(outcome, market=market, decisions=decisions, backtest=played.result, metrics=metrics)
    return replace(drawn, findings=findings, level=workers.level)


def _findings(task: Task) -> Findings | None:
    try:
        return measure(task)
    except StrategyError:  # too slow for all of it under the policy's budget; the curve itself is there
        return None


def _evaluated(
    candidate: Candidate, source: StrategySource, inputs: GateInputs, *, market: Market, workers: Workers
) -> Evaluated:
    """Return what the checks share, with no placebo world asked for: they are what takes longest."""
    robustness = msgspec.structs.replace(inputs.policy.robustness, placebo_bars=0)
    return Evaluated(
        candidate=candidate,
        source=source,
        policy=msgspec.structs.replace(inputs.policy, robustness=robustness),
        market=market,
        main=workers.main,
        other=workers.other,
        referee=workers.referee,
        rehearsal=workers.rehearsal,
    )


def _doubts(outcome: GateOutcome, told: Told) -> list[str]:
    claim, decisions = told.claim, outcome.decisions
    if claim is None or decisions is None or claim.digests.decisions is None:
        return []
    if decisions.digest() == claim.digests.decisions:
        return []
    return ["What is drawn are other decisions than the evidence names: derive it again with autarch verify."]
