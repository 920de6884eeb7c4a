"""A gate that is given no workers starts its own, and ends them."""

from __future__ import annotations

from ci.gate import judge

from .conftest import a_candidate


def test_a_gate_without_workers_starts_its_own(inputs) -> None:
    candidate = a_candidate("    return Targets(exposure=np.where(bars.close > bars.open, 0.5, 0.0))\n")

    outcome = judge(
        candidate, inputs, progress=lambda _: None, clock=lambda: 0.0, only=frozenset({"determinism"}), workers=None
    )

    (found,) = [check for check in outcome.checks if check.name == "determinism"]
    assert found.verdict == "passed", found.detail
    assert outcome.level is not None
