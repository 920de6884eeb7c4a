"""From a gate's outcome to the claim that others can derive again."""

from __future__ import annotations

from autarch.canonical import sha256_hex
from autarch.evidence.claim import (
    Claim,
    ClaimedDataset,
    ClaimedDigests,
    ClaimedPolicy,
    ClaimedStrategy,
    claimed_check,
)
from ci.context import GateInputs
from ci.outcome import GateOutcome


def claim_of(outcome: GateOutcome, inputs: GateInputs) -> Claim | None:
    """Return the claim of a whole gate run, or None when there is nothing to derive again.

    A diff that is not one strategy, a removal and a manifest that does not parse leave no strategy
    whose verdict could be repeated from its tree; what could not be computed proves nothing; and what took
    too long here may be quick elsewhere.
    """
    candidate = outcome.candidate
    if candidate.kind != "strategy" or candidate.source is None or candidate.problems:
        return None
    if outcome.verdict == "undecided" or outcome.of_machine:
        return None
    result = outcome.backtest
    return Claim(
        schema=1,
        kind="strategy",
        strategy=ClaimedStrategy(
            name=candidate.source.manifest.name,
            tree=candidate.tree,
            manifest_sha256=sha256_hex(candidate.source.manifest_bytes),
            code_sha256=sha256_hex(candidate.source.code),
        ),
        base=candidate.base,
        engine=inputs.engine,
        policy=ClaimedPolicy(
            path=inputs.policy.path,
            sha256=inputs.policy.digest,
            walkthrough=inputs.policy.walkthrough,
            preset=inputs.preset,
        ),
        dataset=ClaimedDataset(name=inputs.lock.name, digest=inputs.lock.digest),
        ledger=inputs.ledger,
        trials=inputs.trials,
        digests=ClaimedDigests(
            numerics=inputs.numerics,
            decisions=None if outcome.decisions is None else outcome.decisions.digest(),
            fills=None if result is None else result.fills_digest(),
            equity=None if result is None else result.equity_digest(),
        ),
        checks=tuple(claimed_check(check) for check in outcome.checks),
        metrics=outcome.metrics,
        verdict=outcome.verdict,
        waived=outcome.waived,
        as_of=inputs.waivers.day,
        lane=inputs.lane,
        look=inputs.look,
        tried=inputs.tried,
        variance=inputs.variance,
    )
