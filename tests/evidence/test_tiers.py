"""What tier the ledger allows, and from when on bars are forward evidence; by hand-made ledgers."""

from __future__ import annotations

import git
import pytest

from autarch.evidence.ledger_entry import Forward, Judgement, LedgerEntry, LedgerError, Sealed, entry_body, parse_entry
from autarch.evidence.tiers import Identity, forward_since, lower, same_trees, tier_earned
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.strategies import strategy_tree

WHO = Identity(slug="abc", trees=frozenset({"t1"}), decisions="x", dataset="bars")
ABOUT = {"slug": "abc", "tree": "t1", "decisions": "x", "dataset": "bars@1", "epoch": "1"}


def sealed(number, kind, **fields):
    entry = LedgerEntry(**({"schema": 1, "seq": number, "prev": None, "recorded_ms": number} | {"kind": kind} | fields))
    return Sealed(entry=entry, digest=f"d{number}", commit=f"c{number}")


def judged(number, word="may be promoted", **changes):
    said = Judgement(test=1, level=0.1, wealth=0.1, word=word, sealed="", asked_by="somebody")
    return sealed(number, "judgement", judgement=said, **(ABOUT | changes))


def forward(number, tier, *, days=40, **changes):
    said = Forward(e_value=2.0, days=days, from_ms=0, to_ms=number, tier=tier)
    return sealed(number, "forward", forward=said, **(ABOUT | changes))


def scored(number, *, cutoff_ms=None, head="h", base="b", **changes):
    about = {"head": head, "base": base} | ABOUT | changes
    reserved = sealed(number, "reservation", cutoff_ms=cutoff_ms, **(about | {"decisions": None}))
    return [reserved, sealed(number + 1, "result", reservation=f"d{number}", verdict="accepted", **about)]


@pytest.mark.parametrize(
    ("entries", "tier"),
    [
        ([], "T1"),
        ([judged(1)], "T2"),
        ([judged(1, "may not")], "T1"),
        ([judged(1, "not computed")], "T1"),
        ([judged(1), judged(2, "may not")], "T2"),  # a later test that does not pass takes nothing back
        ([forward(1, "T3")], "T1"),  # forward evidence alone promotes nothing
        ([judged(1), forward(2, "T3")], "T3"),
        ([forward(1, "T3"), judged(2)], "T3"),
        ([judged(1), forward(2, "T1")], "T1"),
        ([judged(1), forward(2, "T3"), forward(3, "T0")], "T0"),
        ([forward(1, "T0")], "T0"),
        ([judged(1, decisions="y")], "T1"),
        ([judged(1, tree="t2")], "T1"),
        ([judged(1, slug="other")], "T1"),
        ([judged(1, dataset="more@1")], "T1"),
        ([judged(1, dataset="bars@2")], "T2"),  # newer bars of the same data set
    ],
)
def test_a_tier_is_bought_by_a_judgement_and_kept_by_forward_bars(entries, tier) -> None:
    assert tier_earned(entries, WHO).tier == tier


def test_tiers_have_an_order() -> None:
    assert [lower("T2", other) for other in ("T0", "T1", "T2", "T3")] == ["T0", "T1", "T2", "T2"]


def test_bars_count_from_the_reservation_or_the_model_s_cutoff_if_that_is_later() -> None:
    assert forward_since([], WHO) is None
    assert forward_since(scored(100), WHO) == 100
    assert forward_since(scored(100, cutoff_ms=50), WHO) == 100
    assert forward_since(scored(100, cutoff_ms=500), WHO) == 500


def test_the_first_reservation_of_the_same_bytes_counts() -> None:
    assert forward_since([*scored(100), *scored(200)], WHO) == 100
    assert forward_since([*scored(100, tree="t0"), *scored(200)], WHO) == 200


def test_a_reservation_that_was_never_scored_begins_nothing() -> None:
    assert forward_since(scored(100)[:1], WHO) is None


def test_decisions_that_a_platform_change_altered_count_from_when_they_were_first_named() -> None:
    altered = Identity(slug="abc", trees=frozenset({"t1"}), decisions="y", dataset="bars")

    assert forward_since(scored(100), altered) is None
    assert forward_since([*scored(100), forward(900, "T2", decisions="y")], altered) == 900
    assert forward_since([*scored(100), forward(900, "T2", decisions="y")], WHO) == 100


def test_only_a_reservation_has_a_cutoff() -> None:
    entry = scored(100, cutoff_ms=5)[0].entry
    assert parse_entry(entry_body(entry)) == entry

    with pytest.raises(LedgerError, match="only reservations have a model's cutoff"):
        parse_entry(entry_body(judged(1).entry) | {"cutoff_ms": 5})


def test_an_entry_from_before_there_were_cutoffs_is_read() -> None:
    body = entry_body(scored(100)[0].entry)
    del body["cutoff_ms"]

    assert parse_entry(body).cutoff_ms is None


def test_a_tree_inherits_from_those_it_replaced_in_the_lane_same(tmp_path) -> None:
    git.Repo.init(tmp_path, initial_branch="main").close()
    repo = GitRepo(tmp_path)
    author = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1)
    trees, bases = [], []
    for text in (b"one", b"two", b"three"):
        whole = repo.with_files(None, {"strategies/abc/strategy.py": text, "strategies/abc/manifest.toml": b""})
        bases.append(repo.commit_tree(whole, parents=[], message="x\n", author=author))
        trees.append(str(strategy_tree(repo, bases[-1], "abc")))

    def lane(number, tree, base, word):
        return sealed(
            number, "lane", reservation="d0", lane=word, head="h", base=base, slug="abc", tree=tree, dataset="bars@1"
        )

    chain = [lane(1, trees[1], bases[0], "same"), lane(2, trees[2], bases[1], "same")]

    assert same_trees(repo, chain, slug="abc", tree=trees[2]) == frozenset(trees)
    assert same_trees(repo, chain[:1], slug="abc", tree=trees[2]) == {trees[2]}
    assert same_trees(repo, [lane(1, trees[1], bases[0], "less")], slug="abc", tree=trees[1]) == {trees[1]}
    assert same_trees(repo, [lane(1, trees[1], "f" * 40, "same")], slug="abc", tree=trees[1]) == {trees[1]}
