"""What a ledger tells of a candidate: earlier tries of its own pull request, on its own data, each once."""

from __future__ import annotations

import pytest

from autarch.canonical import Sha256
from autarch.evidence.ledger_entry import LedgerEntry, Sealed
from ci.counting import Counted

BASE, TREE = "b" * 40, "1" * 40
SCORED = {"kind": "result", "pr": 1, "slug": "probe", "tree": "2" * 40, "dataset": "hills@00"}
ASKED = {"kind": "reservation", "pr": 1, "slug": "probe", "tree": TREE, "base": BASE, "dataset": "hills@00"}


def counted(*entries: dict[str, object]) -> Counted:
    sealed = (
        Sealed(
            entry=LedgerEntry(schema=1, seq=seq, prev=None, recorded_ms=seq, **entry),
            digest=Sha256(f"{seq:064}"),
            commit=f"{seq:040}",
        )
        for seq, entry in enumerate(entries)
    )
    return Counted(head="c" * 40, entries=tuple(sealed))


def tried(*entries: dict[str, object]) -> tuple[str, ...]:
    return counted(*entries).told(tree=TREE, base=BASE, dataset="hills").tried


def test_other_trees_of_the_same_pull_request_are_earlier_tries() -> None:
    first, second = {**SCORED, "returns": "one"}, {**SCORED, "tree": "3" * 40, "returns": "two"}

    assert tried(first, second, {**second, "tree": "4" * 40}, ASKED) == ("one", "two")


@pytest.mark.parametrize(
    "other",
    [
        {"returns": None},
        {"pr": 2, "slug": "unrelated"},
        {"tree": TREE},
        {"dataset": "plains@00"},
    ],
)
def test_what_has_no_returns_or_is_of_another_request_or_data_or_the_candidate_itself_is_none(other) -> None:
    assert tried({**SCORED, "returns": "one", **other}, ASKED) == ()


def test_without_a_reservation_of_its_own_a_candidate_has_no_earlier_tries() -> None:
    before = {**SCORED, "returns": "one"}

    assert tried(before) == ()
    assert tried(before, {**ASKED, "pr": None}) == ()
    assert tried(before, {**ASKED, "base": "d" * 40}) == ()
