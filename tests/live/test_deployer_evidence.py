"""The deployer refuses a release whose policy, portfolio, strategy or evidence is not what was judged."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from autarch.errors import DeployError
from autarch.evidence.claim import ClaimedCheck
from autarch.repo.objects import REGULAR, TreeEntry

from .release_yard import MANIFEST, PORTFOLIO, refusal


@pytest.fixture
def yard(base_yard, tmp_path):
    return base_yard.copy(tmp_path / "yard")


# Policy and portfolio


def test_an_unknown_policy_is_refused(yard):
    policy = yard.repo.blob_at(yard.main, "ci/policy.toml")
    yard.advance(yard.commit({"ci/policy.toml": policy + b"# looser\n"}))
    yard.release("v0.2.0")

    assert "policy ci/policy.toml with digest" in refusal(yard, "v0.2.0")


def test_a_walkthrough_policy_is_good_for_paper_and_named(yard):
    claim = yard.claim(yard.main, base=yard.main, policy_path="ci/policy.walkthrough.toml")
    claim = msgspec.structs.replace(claim, waived=("every limit is wide open",))
    yard.store(claim)
    yard.sign(yard.released("v0.2.0", claim=claim, waivers=["every limit is wide open"]))

    assert yard.deployer().verify("v0.2.0").record.walkthrough


@pytest.mark.parametrize("pinned", [True, False])
def test_a_walkthrough_policy_never_reaches_a_real_venue(yard, pinned):
    yard.advance(yard.commit({"live/portfolio.toml": PORTFOLIO.format(venue="bybit").encode()}))
    if not pinned:  # even where an operator's file forgot to mark it
        loose = [dataclasses.replace(p, paper_only=False) for p in yard.host.trust().policies]
        yard.host.save_trust(dataclasses.replace(yard.host.trust(), policies=tuple(loose)))
    claim = yard.claim(yard.main, base=yard.main, policy_path="ci/policy.walkthrough.toml")
    yard.store(claim)
    yard.sign(yard.released("v0.2.0", claim=claim))

    said = refusal(yard, "v0.2.0")

    assert "paper only" in said


def test_a_demo_key_never_releases_to_a_real_venue(yard):
    yard.advance(yard.commit({"live/portfolio.toml": PORTFOLIO.format(venue="bybit").encode()}))
    yard.release("v0.2.0")
    trust = yard.host.trust()
    demo = tuple(dataclasses.replace(signer, demo=True) for signer in trust.signers)
    yard.host.save_trust(dataclasses.replace(trust, signers=demo))

    assert "signed by a demo key" in refusal(yard, "v0.2.0")


def test_a_sleeve_the_tag_does_not_list_is_refused(yard):
    more = PORTFOLIO.format(venue="paper").replace("weight = 0.5", "weight = 0.9").encode()
    yard.advance(yard.commit({"live/portfolio.toml": more}))
    yard.release("v0.2.0")

    assert "every sleeve needs evidence" in refusal(yard, "v0.2.0")


def test_a_portfolio_that_does_not_parse_is_refused(yard):
    yard.advance(yard.commit({"live/portfolio.toml": b"schema = 1\n"}))
    yard.release("v0.2.0")

    assert "live/portfolio.toml at v0.2.0" in refusal(yard, "v0.2.0")


# Strategy and evidence


def test_one_changed_byte_of_the_tagged_strategy_is_refused(yard):
    claim = yard.claim(yard.main, base=yard.main)
    yard.store(claim)
    yard.advance(yard.commit({"strategies/one_idea/manifest.toml": MANIFEST.format(fast=13).encode()}))
    released = yard.released("v0.2.0", claim=claim)
    judged = released.strategies[0]
    assert claim.strategy.tree != judged.tree
    yard.sign(released)
    assert "base is" in refusal(yard, "v0.2.0") or "tree is" in refusal(yard, "v0.2.0")

    stale = msgspec.structs.replace(judged, tree=claim.strategy.tree)
    yard.sign(msgspec.structs.replace(released, tag="v0.3.0", strategies=[stale]))
    assert "it is not what was judged" in refusal(yard, "v0.3.0")


def test_one_changed_byte_of_the_evidence_is_refused(yard):
    repo, evidence = yard.repo, yard.released("v0.1.0").strategies[0].evidence
    ref = f"refs/autarch/evidence/{evidence}"
    tree = repo.read_ref(ref)
    entries = {entry.path: entry for entry in repo.ls_tree(tree)}
    claim = repo.cat_blob(entries["claim.json"].oid).replace(b'"trials":1', b'"trials":9')
    entries["claim.json"] = TreeEntry(mode=REGULAR, oid=repo.write_blob(claim), path="claim.json")
    repo.update_ref(ref, repo.write_tree(entries.values()), old=tree)

    assert "it was replaced" in refusal(yard)


def test_evidence_that_is_not_there_is_refused(yard):
    evidence = yard.released("v0.1.0").strategies[0].evidence
    ref = f"refs/autarch/evidence/{evidence}"
    yard.repo.update_ref(ref, None, old=yard.repo.read_ref(ref))

    assert "no evidence" in refusal(yard)


def test_evidence_attested_by_a_stranger_is_refused(yard):
    claim = yard.claim(yard.main, base=yard.main, trials=3)
    yard.store(claim, key="stranger")
    yard.sign(yard.released("v0.2.0", claim=claim))

    assert "not signed by" in refusal(yard, "v0.2.0")


CHANGES = {
    "base": {"base": "a" * 40},
    "engine": {"engine": "d" * 64},
    "verdict": {"verdict": "rejected"},
    "ledger": {"ledger": "b" * 40},
}


@pytest.mark.parametrize("field", CHANGES)
def test_evidence_about_something_else_is_refused(yard, field):
    claim = msgspec.structs.replace(yard.claim(yard.main, base=yard.main), **CHANGES[field])
    yard.store(claim)
    honest = yard.released("v0.2.0", ledger_head=yard.ledger().head())
    item = msgspec.structs.replace(
        honest.strategies[0], evidence=yard.released("v0.2.0", claim=claim).strategies[0].evidence
    )
    yard.sign(msgspec.structs.replace(honest, strategies=[item]))

    assert f"{field} is" in refusal(yard, "v0.2.0")


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ({"verdict": "failed", "klass": "law"}, "check backtest is failed"),
        ({"verdict": "skipped", "klass": "limit"}, "check backtest is skipped"),
        ({"verdict": "waived", "klass": "law"}, "check backtest is waived"),
        (None, "check backtest was never run"),
    ],
)
def test_evidence_whose_checks_are_not_all_green_is_refused(yard, check, says):
    claim = yard.claim(yard.main, base=yard.main)
    kept = tuple(c for c in claim.checks if c.name != "backtest")
    extra = () if check is None else (ClaimedCheck(name="backtest", measures=(), detail="because", **check),)
    claim = msgspec.structs.replace(claim, checks=kept + extra)
    yard.store(claim)
    yard.sign(yard.released("v0.2.0", claim=claim))

    assert says in refusal(yard, "v0.2.0")


def test_a_waiver_the_tag_does_not_list_is_refused(yard):
    claim = yard.claim(yard.main, base=yard.main, waived=("drawdown 0.4 by somebody",))
    yard.store(claim)
    yard.sign(yard.released("v0.2.0", claim=claim))
    assert "waiver 'drawdown 0.4 by somebody' is not listed" in refusal(yard, "v0.2.0")

    yard.sign(yard.released("v0.3.0", claim=claim, waivers=["drawdown 0.4 by somebody"]))
    assert yard.deployer().verify("v0.3.0").record.released.waivers == ["drawdown 0.4 by somebody"]


def test_evidence_that_does_not_derive_again_installs_nothing(yard):
    class Lying:
        def extend(self, evidence):
            raise DeployError(f"evidence {evidence[0][:6]} does not re-derive")

    assert "does not re-derive" in refusal(yard, derived=Lying())
