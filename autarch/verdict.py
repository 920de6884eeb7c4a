"""What a check answers: measures, a verdict in five words, one sentence with the cure."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

CheckVerdict = Literal["passed", "failed", "undecided", "skipped", "waived"]
CheckClass = Literal["law", "limit", "advice"]
GateVerdict = Literal["accepted", "rejected", "undecided"]
LaneWord = Literal["same", "less", "ordinary"]
"""What the hidden bars said of a change: the same decisions as main's version, less risk, or neither."""

LookWord = Literal["improved", "no change", "worse", "not computed"]
"""What the holdout said of a proposal, beside what stands in its place."""

Comparison = Literal["<=", ">=", "==", "<", ">"]

LAWS: frozenset[str] = frozenset({"scope", "policy", "determinism", "causality", "backtest", "parity"})
"""Checks that are law under every policy: never waived, never demoted."""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number a check looked at. `op` and `limit` are None when it is shown and not judged."""

    name: str
    value: float | None
    op: Comparison | None = None
    limit: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool:
        """True when the value stands on the right side of its limit, or there is no limit."""
        if self.op is None or self.limit is None:
            return True
        return self.value is not None and _COMPARE[self.op](self.value, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The answer of one check. `detail` is one sentence that carries the cure when it failed."""

    name: str
    klass: CheckClass
    verdict: CheckVerdict
    measures: tuple[Measure, ...] = ()
    detail: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch gate --json`."""
        return {
            "name": self.name,
            "class": self.klass,
            "verdict": self.verdict,
            "measures": [
                {"name": m.name, "value": m.value, "op": m.op, "limit": m.limit, "unit": m.unit} for m in self.measures
            ],
            "detail": self.detail,
        }


def overall(results: tuple[CheckResult, ...]) -> GateVerdict:
    """Return the gate's verdict: undecided wins over rejected only when nothing failed.

    An empty tuple is undecided: a gate that ran no check has proved nothing.
    """
    blocking = [r for r in results if r.klass != "advice"]
    if any(r.verdict == "failed" for r in blocking):
        return "rejected"
    if not blocking or any(r.verdict == "undecided" for r in blocking):
        return "undecided"
    return "accepted"
