"""Evidence is derived again by the real command; what differs or cannot be computed is told apart."""

from __future__ import annotations

import pytest

from autarch.errors import DeployError, UndecidedError
from live.rederive import rederive_all


@pytest.fixture(scope="module")
def yard(base_yard, tmp_path_factory):
    return base_yard.copy(tmp_path_factory.mktemp("yard"))


def test_a_claim_that_this_runtime_does_not_reach_is_refused_by_its_first_field(yard, tmp_path):
    evidence = yard.released("v0.1.0").strategies[0].evidence

    with pytest.raises(DeployError, match='does not re-derive: engine is claimed "eeee'):
        rederive_all(yard.repo, tmp_path, [evidence])


def test_a_claim_that_cannot_be_computed_is_undecided_and_its_narration_is_passed_on(yard, tmp_path):
    copy = yard.copy(tmp_path / "yard")
    said = []
    ours = _engine()
    claim = copy.claim(copy.main, base=copy.main, engine=ours)
    evidence = copy.store(claim)

    with pytest.raises(UndecidedError, match=f"evidence {evidence[:12]}"):
        rederive_all(copy.repo, tmp_path, [evidence], progress=said.append)

    assert said


def _engine():
    from autarch.repo.engine import engine_digest

    return engine_digest()
