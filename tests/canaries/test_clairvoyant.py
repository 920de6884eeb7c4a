"""Every canary that sees the future is caught by its check, and would have been rich had it not been."""

from __future__ import annotations

import pytest

from .cage import Cage, catchers, judged, miss, proposal, source_of
from .corpus import Canary, canaries

SEERS = tuple(c for c in canaries() if c.card.kind == "clairvoyant")
SHARPE_MIN, LEAD_MIN = 1.0, 1.0
"""What a peek must at least earn, and by how much it must beat its honest twin: else it is a man of straw."""


def named(found: Canary) -> str:
    return found.name


@pytest.mark.slow
@pytest.mark.parametrize("cheat", [c for c in SEERS if not c.card.through], ids=named)
def test_a_cheat_that_sees_the_future_is_caught_by_its_check(cage: Cage, cheat: Canary) -> None:
    outcome = judged(cage, cheat)

    assert miss(cheat, outcome.checks) == ""
    assert outcome.metrics == {}  # and no score has been told to whoever tries


@pytest.mark.slow
@pytest.mark.parametrize("cheat", SEERS, ids=named)
def test_seeing_the_future_would_have_paid(cage: Cage, cheat: Canary) -> None:
    assert cheat.twin is not None, f"{cheat.name} has no honest twin to be measured against"

    cheated, honest = (cage.earns(source_of(folder))["sharpe"] for folder in (cheat.folder, cheat.twin))

    assert cheated is not None
    assert honest is not None
    assert cheated > SHARPE_MIN
    assert cheated > honest + LEAD_MIN


@pytest.mark.slow
@pytest.mark.parametrize("cheat", [c for c in SEERS if c.card.behind], ids=named)
def test_what_the_policy_refuses_is_caught_without_it_too(cage: Cage, cheat: Canary) -> None:
    checks = cage.judge_without(cheat.card.check, proposal(cheat.folder))

    assert cheat.card.behind in [c.name for c in catchers(checks)]
