"""What the gate answers: one object for machines, and the arrays a report draws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autarch.canonical import Sha256
from autarch.evidence.claim import Claim, claim_id
from autarch.verdict import CheckResult, GateVerdict, LaneWord, LookWord
from ci.policy import OWN

if TYPE_CHECKING:
    from autarch.decisions import Decisions
    from autarch.engine import Backtest
    from autarch.evidence.waiver import Waiver
    from autarch.market.types import Market
    from autarch.sandbox.values import SandboxLevel
    from ci.candidate import Candidate
    from ci.checks.findings import Findings
    from ci.checks.search import Searched
    from ci.lanes import Lane
    from ci.platform_changes import PlatformChanges
    from ci.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutcome:
    """One verdict. `claim` is None when only some checks ran or the pull request holds no strategy.

    `measured` are the checks as they answered, `checks` as waivers and the lane leave them. `waived`
    names a policy for paper alone as well as the waivers (`waivers`) and the lane that were needed.
    `may_ask` is the lane that train bars allow to ask for, `lane` what hidden bars said. `assumed`
    names values of the data set that nobody measured. `elapsed_s` is wall time by check and
    `level` the confinement the parent measured: for the attestation and for eyes; neither enters
    the claim. `of_machine` names checks that failed for want of time or memory, of which another machine
    may have more: such an outcome has no claim. `whole`: every check was wanted. `findings` are what the
    robustness check measured, worlds and folds included, for whoever draws them, `searched` what the evidence check
    did, with what the ledger counted then (`counted`); `look` is the holdout's word. `platform` is what a platform
    change does to the strategies on main.
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
    measured: tuple[CheckResult, ...] = ()
    whole: bool = False
    waived: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    preset: str = OWN
    may_ask: Lane | None = None
    lane: LaneWord | None = None
    assumed: tuple[str, ...] = ()
    elapsed_s: dict[str, float] = field(default_factory=dict)
    level: SandboxLevel | None = None
    of_machine: tuple[str, ...] = ()
    market: Market | None = None
    decisions: Decisions | None = None
    backtest: Backtest | None = None
    findings: Findings | None = None
    searched: Searched | None = None
    counted: tuple[object, ...] = ()
    look: LookWord | None = None
    platform: PlatformChanges | None = None

    @property
    def evidence(self) -> Sha256 | None:
        """The evidence id, or None when there is no claim."""
        return None if self.claim is None else claim_id(self.claim)

    @property
    def confined(self) -> bool:
        """True when a verdict may rest on this run: every required layer was there, or no strategy code ran."""
        return self.level is None or self.level.is_full

    @property
    def whole_platform(self) -> bool:
        """True for a platform change that may land, so that it is worth trying on the strategies of main."""
        return self.candidate.kind == "platform" and self.verdict == "accepted"

    @property
    def sandbox(self) -> str:
        """The confinement in one line."""
        return "no strategy code was run" if self.level is None else self.level.summary()

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
            "preset": self.preset,
            "lane": self.lane or (f"would be {self.may_ask}" if self.may_ask else None),
            "holdout": self.look,
            "waived": list(self.waived),
            "assumed": list(self.assumed),
            "platform": None if self.platform is None else self.platform.to_json(),
            "sandbox": None if self.level is None else self.level.to_json(),
            "checks": [check.to_json() for check in self.checks],
            "metrics": self.metrics,
        }
