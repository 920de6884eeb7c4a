"""Every other canary: memory of the past, state, unstable recursion, recklessness, flattery."""

from __future__ import annotations

import pytest

from ci.policy import CHECK_NAMES

from .cage import Cage, catchers, judged, miss, proposal
from .corpus import Canary, canaries

OTHERS = tuple(c for c in canaries() if c.card.kind != "clairvoyant" and c.card.check in CHECK_NAMES)


def named(found: Canary) -> str:
    return found.name


@pytest.mark.slow
@pytest.mark.parametrize("cheat", [c for c in OTHERS if not c.card.through], ids=named)
def test_a_cheat_is_caught_by_its_check(cage: Cage, cheat: Canary) -> None:
    outcome = judged(cage, cheat)

    assert miss(cheat, outcome.checks) == ""


@pytest.mark.slow
@pytest.mark.parametrize("cheat", [c for c in OTHERS if c.card.behind], ids=named)
def test_what_the_policy_refuses_is_caught_without_it_too(cage: Cage, cheat: Canary) -> None:
    checks = cage.judge_without(cheat.card.check, proposal(cheat.folder))

    assert cheat.card.behind in [c.name for c in catchers(checks)]
