"""What is honest about an idea passes the check that its cheating sister fails: the check tells them apart."""

from __future__ import annotations

import pytest

from ci.policy import CHECK_NAMES

from .cage import Cage, proposal
from .corpus import Canary, canaries


def pairs() -> tuple[Canary, ...]:
    """Return canaries with a twin, one for each check and code: some share a plain trend."""
    found: dict[tuple[str, str], Canary] = {}
    for each in canaries():
        if each.twin is not None and each.card.check in CHECK_NAMES:
            _, _, rule = (each.twin / "strategy.py").read_text(encoding="ascii").partition("def decide")
            found.setdefault((each.card.behind or each.card.check, rule), each)
    return tuple(found.values())


def named(found: Canary) -> str:
    return found.name


@pytest.mark.slow
@pytest.mark.parametrize("cheat", pairs(), ids=named)
def test_the_honest_twin_passes_the_check_that_catches_the_cheat(cage: Cage, cheat: Canary) -> None:
    assert cheat.twin is not None
    check = cheat.card.behind or cheat.card.check

    outcome = cage.judge(proposal(cheat.twin), only=(check,))

    found = {c.name: c for c in outcome.checks}
    assert found[check].verdict == "passed", found[check].detail
    assert found["policy"].verdict == "passed", found["policy"].detail
