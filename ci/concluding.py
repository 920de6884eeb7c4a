"""From what the checks measured to the verdict: words of the ledger, waivers, lane and claim. Pure."""

from __future__ import annotations

import dataclasses

from autarch.errors import AutarchError
from autarch.verdict import CheckResult, overall
from ci.checks import evidence
from ci.claiming import claim_of
from ci.context import GateInputs
from ci.lanes import lane_checks
from ci.outcome import GateOutcome
from ci.waiving import apply_waivers


def conclude(outcome: GateOutcome, inputs: GateInputs) -> GateOutcome:
    """Return the verdict on what `outcome` measured, under the ledger, waivers, lane and look of `inputs`.

    It may be asked again with a later ledger head: what runs of the strategy measured does not depend on it, and
    what the evidence check makes of the ledger is made again.
    """
    decisions = None if outcome.decisions is None else outcome.decisions.digest()
    measured = tuple(_evidence(check, outcome, inputs) for check in outcome.measured)
    applied = apply_waivers(measured, inputs.waivers, slug=outcome.candidate.slug, decisions=decisions)
    checks, by_lane = lane_checks(applied.checks, inputs.lane)
    concluded = dataclasses.replace(
        outcome,
        verdict=overall(checks),
        trials=inputs.trials,
        checks=checks,
        waived=(*_conditions(outcome, inputs), *applied.texts, *(() if by_lane is None else (by_lane,))),
        waivers=applied.used,
        lane=inputs.lane,
        look=inputs.look,
    )
    if not (outcome.whole and outcome.confined):
        return concluded
    return dataclasses.replace(concluded, claim=claim_of(concluded, inputs))


def _evidence(check: CheckResult, outcome: GateOutcome, inputs: GateInputs) -> CheckResult:
    """Return the evidence check under what this ledger head counts, any other check as it was."""
    if check.name != "evidence":
        return check
    if outcome.searched is None or outcome.counted == inputs.counted:
        return evidence.with_word(check, inputs.look)
    try:
        answer = evidence.check(evidence.record_of(outcome.searched, inputs), limits=inputs.policy.evidence)
    except AutarchError as error:
        return dataclasses.replace(check, verdict="undecided", measures=(), detail=str(error))
    told = dataclasses.replace(check, verdict=answer.verdict, measures=answer.measures, detail=answer.detail)
    return evidence.with_word(told, inputs.look)


def _conditions(outcome: GateOutcome, inputs: GateInputs) -> tuple[str, ...]:
    """Return what stands between every verdict of this run and a real one: an opened policy, weak confinement."""
    policy = inputs.policy
    found = []
    if policy.walkthrough:
        found.append(f"every limit, by {policy.path}: a walk-through, all limits wide open")
    elif policy.paper_only:
        found.append(f"real venues, by {policy.path}: preset {inputs.preset}, for paper alone")
    if not outcome.confined:
        found.append(outcome.sandbox)
    return tuple(found)
