"""What an outcome says of itself, without any check having run."""

from __future__ import annotations

import pytest

from autarch.canonical import Sha256
from ci.candidate import Candidate
from ci.outcome import GateOutcome
from ci.policy import load_policy


@pytest.mark.parametrize(
    ("kind", "verdict", "tried"),
    [
        ("platform", "accepted", True),
        ("platform", "rejected", False),
        ("platform", "undecided", False),
        ("strategy", "accepted", False),
        ("strategy", "rejected", False),
    ],
)
def test_only_a_platform_change_that_may_land_is_tried_on_the_strategies_of_main(root, kind, verdict, tried) -> None:
    outcome = GateOutcome(
        verdict=verdict,
        candidate=Candidate(kind=kind, slug=None, source=None),
        policy=load_policy(root),
        engine=Sha256("0" * 64),
        trials=0,
        checks=(),
        metrics={},
        claim=None,
    )

    assert outcome.whole_platform is tried
    assert outcome.exit_code == {"accepted": 0, "rejected": 1, "undecided": 3}[verdict]
    assert outcome.confined  # no strategy code ran
