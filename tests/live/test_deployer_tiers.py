"""A tag gives no strategy more than the ledger it names allows, and what the ledger says since only lowers it."""

from __future__ import annotations

import msgspec
import pytest

from autarch.evidence.ledger_entry import Forward, Judgement, LedgerEntry
from autarch.repo.strategies import strategy_tree

from .release_yard import PORTFOLIO, ReleaseYard, make_yard, refusal


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> ReleaseYard:
    return make_yard(tmp_path_factory.mktemp("tiers"))


@pytest.fixture
def yard(made, tmp_path) -> ReleaseYard:
    return made.copy(tmp_path / "yard")


def said(yard, **what):
    (kind,) = what
    entry = LedgerEntry(
        schema=1, seq=0, prev=None, kind=kind, recorded_ms=1, slug="one_idea", decisions="4" * 64, dataset="tiny@0",
        tree=strategy_tree(yard.repo, yard.main, "one_idea"), epoch="1", **what,
    )  # fmt: skip
    yard.ledger().append(entry, key=yard.keys["ci"])


def promoted(yard):
    said(yard, judgement=Judgement(test=1, level=0.1, wealth=0.1, word="may be promoted", sealed="", asked_by="ann"))


def release_at(yard, tier):
    """Merge a portfolio that has the strategy at `tier`, and release that."""
    text = PORTFOLIO.format(venue="paper").replace('tier = "T1"', f'tier = "{tier}"')
    yard.advance(yard.commit({"live/portfolio.toml": text.encode()}))
    claim = yard.claim(yard.main, base=yard.main)
    yard.store(claim)
    released = yard.released("v0.2.0", claim=claim)
    items = [msgspec.structs.replace(item, tier=tier) for item in released.strategies]
    yard.sign(msgspec.structs.replace(released, strategies=items))


@pytest.mark.parametrize("tier", ["T2", "T3"])
def test_a_tier_that_no_judgement_bought_is_refused(yard, tier) -> None:
    release_at(yard, tier)

    assert f"one_idea at {tier}, and the ledger it names allows T1" in refusal(yard, "v0.2.0")


def test_a_judgement_buys_t2_and_not_t3(yard) -> None:
    promoted(yard)
    release_at(yard, "T3")

    assert "allows T2" in refusal(yard, "v0.2.0")


def test_a_judgement_after_the_tag_buys_nothing_for_it(yard) -> None:
    release_at(yard, "T2")
    promoted(yard)

    assert "allows T1" in refusal(yard, "v0.2.0")


def test_what_forward_bars_say_later_lowers_the_tier_at_the_next_start(yard) -> None:
    promoted(yard)
    release_at(yard, "T2")
    assert yard.deployer().verify("v0.2.0").ceilings == {"one_idea": "T2"}

    said(yard, forward=Forward(e_value=0.0, days=40, from_ms=0, to_ms=9, tier="T0"))

    assert yard.deployer().verify("v0.2.0").ceilings == {"one_idea": "T0"}
