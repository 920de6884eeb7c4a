"""What the gate answers: one object for machines, and the arrays a report draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autarch.canonical import Sha256
from autarch.evidence.claim import Claim, claim_id
from autarch.verdict import CheckResult, GateVerdict

if TYPE_CHECKING:
    from autarch.decisions import Decisions
    from autarch.engine import Backtest
    from autarch.market.types import Market
    from ci.candidate import Candidate
    from ci.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutcome:
    """One verdict. `claim` is None when only some checks ran or the pull request holds no strategy.

    `waived` names a walk-through policy, whose limits are wide open, as well as waivers. `assumed`
    names values of the data set that nobody measured. `elapsed_s` is wall time by check and
    `sandbox` the confinement the parent measured: for the attestation and for eyes; neither enters
    the claim.
    """

    verdict: GateVerdict
    candidate: Candidate
    policy: Policy
    engine: Sha256
    trials: int
    checks: tuple[CheckResult, ...]
    metrics: dict[str, dict[str, float | None]]
    claim: Claim | None
    dataset: str | None = None
    waived: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    elapsed_s: dict[str, float] = field(default_factory=dict)
    sandbox: str = "no strategy code was run"
    market: Market | None = None
    decisions: Decisions | None = None
    backtest: Backtest | None = None

    @property
    def evidence(self) -> Sha256 | None:
        """The evidence id, or None when there is no claim."""
        return None if self.claim is None else claim_id(self.claim)

    @property
    def exit_code(self) -> int:
        """0 accepted, 1 rejected, 3 undecided."""
        return {"accepted": 0, "rejected": 1, "undecided": 3}[self.verdict]

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch gate --json`."""
        return {
            "verdict": self.verdict,
            "strategy": self.candidate.slug,
            "kind": self.candidate.kind,
            "evidence": self.evidence,
            "dataset": self.dataset,
            "engine": self.engine,
            "trials": self.trials,
            "waived": list(self.waived),
            "assumed": list(self.assumed),
            "checks": [check.to_json() for check in self.checks],
            "metrics": self.metrics,
        }
