"""The policy check counts what it found, and the count is what its verdict rests on."""

from __future__ import annotations

import pytest

from ci.checks import policy

from .conftest import a_candidate

HONEST = "    return Targets(exposure=np.zeros(len(bars.close)))\n"


@pytest.mark.parametrize(("body", "findings"), [(HONEST, 0.0), ("    exec('1')\n" + HONEST, 1.0)])
def test_one_finding_is_one_too_many(body: str, findings: float) -> None:
    answer = policy.check(a_candidate(body))

    (counted,) = answer.measures
    assert (counted.value, counted.holds) == (findings, findings == 0.0)
    assert answer.verdict == ("passed" if counted.holds else "failed")
