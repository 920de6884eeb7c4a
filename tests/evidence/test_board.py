"""The leaderboard ranks what was scored, deflates it by every try, and never calls a lucky one good."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autarch.evidence.board import Listed, board_of, family_of, kills, rejected
from autarch.evidence.claim import Claim, ClaimedCheck, ClaimedDataset, ClaimedDigests, ClaimedPolicy, ClaimedStrategy
from autarch.evidence.ledger_entry import Forward, InnerTrials, Judgement, LedgerEntry, Look, Sealed
from autarch.evidence.returns import quantised, returns_text
from autarch.stats.sharpe import dsr, sharpe_sample

DAYS = 500
DATASET = "market@" + "d" * 64


class Book:
    """Entries in order, each sealed by a digest that is its number."""

    def __init__(self) -> None:
        self.entries: list[Sealed] = []

    def add(self, kind: str, **fields: object) -> str:
        seq = len(self.entries) + 1
        entry = LedgerEntry(schema=1, seq=seq, prev=None, kind=kind, recorded_ms=seq, dataset=DATASET, **fields)
        self.entries.append(Sealed(entry=entry, digest=f"{seq:064x}", commit=f"{seq:040x}"))
        return f"{seq:064x}"

    def scored(self, slug: str, returns: np.ndarray, *, verdict: str = "accepted", look: str | None = None) -> None:
        number = len(self.entries)
        kept = quantised(returns, first_day=19_000)
        about = {"slug": slug, "tree": f"{slug}-tree", "pr": number, "head": "h", "base": "b", "epoch": "1"}
        reservation = self.add("reservation", **about)
        decisions = f"{slug}-{number}"
        if look is not None:
            self.add("look", **about, decisions=decisions, reservation=reservation, look=Look(word=look, sealed="00"))
        self.add(
            "result",
            **about,
            decisions=decisions,
            verdict=verdict,
            evidence=f"evidence-{number}",
            returns=returns_text(kept),
            sharpe=sharpe_sample(kept.values).ratio,
            reservation=reservation,
        )


def days(seed, *, edge=0.0):
    return np.random.default_rng(seed).normal(edge * 0.01, 0.01, DAYS)


def on_main(slug, **more):
    return Listed(slug=slug, tree=f"{slug}-tree", trees=frozenset({f"{slug}-tree"}), **more)


def test_a_row_is_deflated_by_every_try_of_the_ledger():
    book = Book()
    for number, edge in enumerate((0.15, 0.02, -0.05)):
        book.scored(f"s{number}", days(number, edge=edge))
    book.add("study", inner=InnerTrials(count=40))

    board = board_of(book.entries, [], dataset="market", head="abc")

    ratios = [s.entry.sharpe for s in book.entries if s.entry.sharpe is not None]
    variance = float(np.var(ratios, ddof=1))
    best = sharpe_sample(quantised(days(0, edge=0.15), first_day=0).values)
    assert (board.trials, board.compared, board.effective) == (43, 3, 3)  # three candidates and a study of forty
    assert board.variance == pytest.approx(variance)
    assert [row.slug for row in board.rows] == ["s0", "s1", "s2"]
    assert board.rows[0].dsr == pytest.approx(dsr(best, trials=43, variance=variance))
    assert board.rows[0].sharpe == pytest.approx(best.ratio * math.sqrt(365))
    assert board.rows[0].low < board.rows[0].sharpe < board.rows[0].high


def test_near_copies_are_one_family_beside_the_registered_number():
    book, one = Book(), days(5, edge=0.1)
    for number in range(4):
        book.scored(f"s{number}", one + np.random.default_rng(number).normal(0.0, 0.001, DAYS))

    board = board_of(book.entries, [], dataset="market", head=None)

    assert (board.trials, board.effective) == (4, 1)


def test_main_s_version_is_the_incumbent_with_its_tier_its_forward_days_and_its_waivers():
    book = Book()
    book.scored("kept", days(1, edge=0.1), look="improved")
    about = {"slug": "kept", "tree": "kept-tree", "decisions": "kept-0", "epoch": "1"}
    judged = Judgement(test=1, level=0.01, wealth=0.05, word="may be promoted", sealed="00", asked_by="h")
    book.add("judgement", **about, judgement=judged)
    book.add("forward", **about, forward=Forward(e_value=3.5, days=70, from_ms=0, to_ms=9, tier="T2"))
    book.scored("refused", days(2), verdict="rejected")

    listed = [on_main("kept", parent="oldest", waived=("memory until 2030-01-01",)), on_main("oldest")]
    rows = {row.slug: row for row in board_of(book.entries, listed, dataset="market", head=None).rows}

    kept = rows["kept"]
    assert (kept.is_incumbent, kept.tier, kept.look, kept.family) == (True, "T2", "improved", "oldest")
    assert (kept.forward_days, kept.e_value, kept.waived) == (70, 3.5, ("memory until 2030-01-01",))
    assert (rows["refused"].is_incumbent, rows["refused"].tier, rows["refused"].verdict) == (False, None, "rejected")
    assert (rows["oldest"].verdict, rows["oldest"].dsr, rows["oldest"].tier) == (None, None, "T1")


def test_one_try_is_not_deflated_and_another_data_set_is_not_on_the_board():
    book = Book()
    book.scored("alone", days(3, edge=0.1))

    board = board_of(book.entries, [], dataset="market", head=None)

    assert board.rows[0].dsr == pytest.approx(0.98, abs=0.03)
    assert board_of(book.entries, [], dataset="other", head=None).rows == ()


def test_parents_that_name_each_other_end():
    listed = [on_main("one", parent="two"), on_main("two", parent="one")]

    assert family_of("one", listed) == "two"
    assert family_of("unheard", listed) == "unheard"


def claim_of(*failed):
    checks = tuple(
        ClaimedCheck(name=name, klass="limit", verdict=verdict, measures=(), detail=f"{name} says why")
        for name, verdict in (("risk", "failed" if "risk" in failed else "passed"),
                              ("evidence", "failed" if "evidence" in failed else "passed"))
    )  # fmt: skip
    return Claim(
        schema=1,
        kind="strategy",
        strategy=ClaimedStrategy(name="s", tree=None, manifest_sha256="0", code_sha256="0"),
        base=None,
        engine="0",
        policy=ClaimedPolicy(path="ci/policy.toml", sha256="0", walkthrough=False, preset="own"),
        dataset=ClaimedDataset(name="market", digest="0"),
        ledger=None,
        trials=1,
        digests=ClaimedDigests(numerics="0", decisions=None, fills=None, equity=None),
        checks=checks,
        metrics={},
        verdict="rejected",
        waived=(),
        as_of=None,
        lane=None,
    )


def test_each_refusal_names_the_checks_that_killed_it():
    book = Book()
    book.scored("a", days(1), verdict="rejected")
    book.scored("b", days(2))
    reservation = book.add("reservation", slug="c", pr=9, head="h", base="b", epoch="1")
    book.add("closed", slug="c", pr=9, head="h", base="b", epoch="1", stopped="policy", reservation=reservation)
    book.scored("d", days(3), verdict="rejected")

    killed = rejected(book.entries, {"evidence-0": claim_of("risk", "evidence")})

    assert [(one.slug, one.checks) for one in killed] == [("d", ()), ("c", ("policy",)), ("a", ("risk", "evidence"))]
    assert [one.why for one in killed] == ["its evidence is not in this clone", "", "risk says why"]
    assert dict(kills(killed)) == {"risk": 1, "evidence": 1, "policy": 1}
