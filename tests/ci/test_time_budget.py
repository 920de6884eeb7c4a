"""A strategy that is legal and slow: rejected, early, in words its author can act on, and never in a claim."""

from __future__ import annotations

import msgspec

from autarch.sandbox.budget import Budget

SLOW = "    for _ in range(400_000):\n        pass\n"


def strategy_seconds(policy, seconds: float):
    return msgspec.structs.replace(policy, sandbox=msgspec.structs.replace(policy.sandbox, strategy_seconds=seconds))


def test_too_slow_for_all_its_windows_is_rejected_with_pace_need_and_budget(gate, kit, quick_policy) -> None:
    outcome = gate(kit.candidate(SLOW + kit.trend), policy=strategy_seconds(quick_policy, 1.0))
    failed = next(check for check in outcome.checks if check.verdict == "failed")

    assert outcome.verdict == "rejected"
    assert failed.name in {"determinism", "causality"}
    assert "too slow: " in failed.detail
    assert "s a window" in failed.detail
    assert "of the 1 s that one verdict may take" in failed.detail
    assert failed.detail.endswith("make decide() cheaper")


def test_a_rejection_for_want_of_time_is_no_claim_that_others_would_derive_again(gate, kit, quick_policy) -> None:
    slow = gate(kit.candidate(SLOW + kit.trend), policy=strategy_seconds(quick_policy, 1.0))
    wrong = gate(kit.candidate("    return Targets(exposure=bars.close / 0.0)\n"))

    assert slow.of_machine
    assert (slow.claim, slow.evidence) == (None, None)
    assert wrong.verdict == "rejected"
    assert wrong.of_machine == ()
    assert wrong.claim is not None


def test_the_budget_is_of_one_verdict_and_leaves_warm_workers_as_they_were(gate, kit, workers, quick_policy) -> None:
    gate(kit.candidate(SLOW + kit.trend), policy=strategy_seconds(quick_policy, 1.0), only={"determinism"})

    assert workers.main.budget is None
    assert workers.other.budget is None
    assert gate(kit.candidate(kit.trend), only={"determinism"}).verdict == "accepted"


def test_an_honest_strategy_uses_a_small_part_of_the_budget(gate, kit, monkeypatch) -> None:
    made: list[Budget] = []

    def remembered(seconds: float) -> Budget:
        made.append(Budget(seconds))
        return made[-1]

    monkeypatch.setattr("ci.workers.Budget", remembered)

    assert gate(kit.candidate(kit.trend), only={"causality", "warmup"}).verdict == "accepted"

    (budget,) = made
    assert 0.8 * budget.seconds < budget.left < budget.seconds
