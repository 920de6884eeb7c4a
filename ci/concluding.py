"""From what the checks measured to the verdict: waivers and the lane applied, the claim made. Pure."""

from __future__ import annotations

import dataclasses

from autarch.verdict import overall
from ci.claiming import claim_of
from ci.context import GateInputs
from ci.lanes import lane_checks
from ci.outcome import GateOutcome
from ci.waiving import apply_waivers


def conclude(outcome: GateOutcome, inputs: GateInputs) -> GateOutcome:
    """Return the verdict on what `outcome` measured, under the ledger, waivers and lane of `inputs`.

    It may be asked again with a later ledger head: what was measured does not depend on it.
    """
    decisions = None if outcome.decisions is None else outcome.decisions.digest()
    applied = apply_waivers(outcome.measured, inputs.waivers, slug=outcome.candidate.slug, decisions=decisions)
    checks, by_lane = lane_checks(applied.checks, inputs.lane)
    concluded = dataclasses.replace(
        outcome,
        verdict=overall(checks),
        trials=inputs.trials,
        checks=checks,
        waived=(*_conditions(outcome, inputs), *applied.texts, *(() if by_lane is None else (by_lane,))),
        waivers=applied.used,
        lane=inputs.lane,
    )
    if not (outcome.whole and outcome.confined):
        return concluded
    return dataclasses.replace(concluded, claim=claim_of(concluded, inputs))


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
