"""Evidence is derived again by the real command; what differs or cannot be computed is told apart."""

from __future__ import annotations

import pytest

from autarch.errors import DeployError, UndecidedError
from autarch.repo.signers import trust_at
from live.rederive import rederive_all
from tests.live.release_yard import PERSON


@pytest.fixture(scope="module")
def yard(base_yard, tmp_path_factory):
    return base_yard.copy(tmp_path_factory.mktemp("yard"))


def test_a_claim_that_this_runtime_does_not_reach_is_refused_by_its_first_field(yard, tmp_path):
    evidence = yard.released("v0.1.0").strategies[0].evidence

    with pytest.raises(DeployError, match='does not re-derive: engine is claimed "eeee'):
        rederive_all(yard.repo, tmp_path, [evidence], signers=signers(yard))


def test_a_claim_that_cannot_be_computed_is_undecided_and_its_narration_is_passed_on(yard, tmp_path):
    copy = yard.copy(tmp_path / "yard")
    said = []
    ours = _engine()
    claim = copy.claim(copy.main, base=copy.main, engine=ours)
    evidence = copy.store(claim)

    with pytest.raises(UndecidedError, match=f"evidence {evidence[:12]}"):
        rederive_all(copy.repo, tmp_path, [evidence], signers=signers(copy), progress=said.append)

    assert said


def test_who_may_attest_is_the_hosts_word_and_not_that_of_a_clone_whose_main_is_older(yard, tmp_path):
    copy = yard.copy(tmp_path / "yard")
    evidence = copy.released("v0.1.0").strategies[0].evidence
    bare = copy.repo.commit_tree(copy.repo.write_tree([]), parents=[], message="Before any signer\n", author=PERSON)
    copy.advance(bare)

    with pytest.raises(DeployError, match='does not re-derive: engine is claimed "eeee'):  # attested, as before
        rederive_all(copy.repo, tmp_path, [evidence], signers=signers(copy))
    with pytest.raises(DeployError, match="not signed by"):
        rederive_all(copy.repo, tmp_path, [evidence], signers=b"")


def signers(yard):
    commit = yard.repo.rev_parse("v0.1.0^{commit}")
    return b"".join(trust_at(yard.repo, commit, role).signers for role in ("ci", "release"))


def _engine():
    from autarch.repo.engine import engine_digest

    return engine_digest()
