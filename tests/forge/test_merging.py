"""What reaches main, by the button and by hand. Every push here is a real one over HTTP."""

from __future__ import annotations

import threading

import pytest

from autarch.canonical import sha256_hex
from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.wire import LOCAL_REPOSITORY

from .conftest import MAIN, POLICY, Yard, assert_refused, merge_commit, ready


def test_a_good_merge_by_hand_is_accepted_and_closes_the_pull_request(yard: Yard) -> None:
    head, number = ready(yard)
    commit = merge_commit(yard, head, number)

    code, said = yard.push("human", f"{commit}:{MAIN}")
    pull = yard.client("human").pull(number)

    assert code == 0, said
    assert yard.main == commit
    assert (pull.merged, pull.merge_commit) == (True, commit)


def test_a_merge_made_on_an_older_main_is_refused(yard: Yard) -> None:
    old = yard.main
    head, number = ready(yard)
    other, other_number = ready(yard, "other_slug")
    late = merge_commit(yard, other, other_number)
    yard.client("human").merge_pull(number, sha=head)
    yard.fetch()

    assert_refused(yard, f"{late}:{MAIN}", "up-to-date", force=True)
    with pytest.raises(ForgeRefusedError, match="backtest=missing"):
        yard.client("human").merge_pull(other_number, sha=other)
    yard.approve_checks(other, slug="other_slug", evidence=False)
    merged = yard.client("human").merge_pull(other_number, sha=other)

    assert yard.bare.read_commit(merged).parents == (yard.bare.read_commit(merged).trailers["Base"], other)
    assert old in yard.bare.commits(merged, first_parent=True)


def test_the_buttons_merge_is_exactly_the_merge_of_both_sides(yard: Yard) -> None:
    base = yard.main
    head, number = ready(yard)
    tip = yard.append_ledger()

    merged = yard.bare.read_commit(yard.client("human").merge_pull(number, sha=head))

    assert merged.parents == (base, head)
    assert merged.tree == yard.bare.merge_tree(base, head).tree
    assert merged.trailers == {
        "Pull-Request": str(number),
        "Head": head,
        "Base": base,
        "Evidence": sha256_hex(yard.claim(head)),
        "Ledger-Head": tip,
        "Merged-By": "human",
        "Policy": sha256_hex(POLICY),
    }


def test_of_two_merges_at_once_exactly_one_moves_main(yard: Yard) -> None:
    base = yard.main
    ready_ones = [ready(yard, "one_slug"), ready(yard, "two_slug")]
    clients = [yard.client("human"), ForgeClient(yard.url, LOCAL_REPOSITORY, yard.tokens["human"])]
    said: list[int] = []

    def merge(client: ForgeClient, head: str, number: int) -> None:
        try:
            client.merge_pull(number, sha=head)
            said.append(200)
        except ForgeRefusedError as error:
            said.append(error.status)

    threads = [
        threading.Thread(target=merge, args=(client, *one)) for client, one in zip(clients, ready_ones, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clients[1].close()

    assert sorted(said) in ([200, 405], [200, 409])
    assert yard.bare.read_commit(yard.main).parents[0] == base
    assert sum(pull.merged for pull in yard.client("human").pulls(state="all")) == 1


def test_a_conflict_is_refused_and_shown_as_dirty(yard: Yard) -> None:
    start = yard.main
    head, number = ready(yard)
    rival = yard.strategy(code=b'"""Another thesis."""\n', parent=start)
    pull = yard.propose(rival, branch="agent/tuner/ema_trend-2")
    yard.client("human").merge_pull(number, sha=head)

    shown = yard.client("human").pull(pull.number)
    with pytest.raises(ForgeRefusedError, match="conflict") as denied:
        yard.client("human").merge_pull(pull.number, sha=rival)

    assert (shown.mergeable, shown.mergeable_state) == (False, "dirty")
    assert denied.value.status == 405


def test_a_platform_change_needs_a_humans_approval_of_that_very_head(yard: Yard) -> None:
    human = yard.client("human")
    first = yard.commit({"autarch/errors.py": b"x = 1\n"})
    pull = yard.propose(first, branch="agent/tuner/platform-1")
    yard.approve_checks(first, slug=None)
    human.review(pull.number, event="APPROVE", commit=first)
    second = yard.commit({"autarch/errors.py": b"x = 2\n"}, parent=first)
    yard.push("agent", f"{second}:refs/heads/agent/tuner/platform-1")
    yard.approve_checks(second, slug=None)

    with pytest.raises(ForgeRefusedError, match="approval") as denied:
        human.merge_pull(pull.number, sha=second)
    human.review(pull.number, event="APPROVE", commit=second)
    merged = human.merge_pull(pull.number, sha=second)

    assert denied.value.status == 405
    assert yard.main == merged
    assert yard.bare.read_commit(merged).trailers["Evidence"] == "none"


def test_an_objection_outweighs_an_earlier_approval(yard: Yard) -> None:
    human = yard.client("human")
    head = yard.commit({"autarch/errors.py": b"x = 1\n"})
    pull = yard.propose(head, branch="agent/tuner/platform-1")
    yard.approve_checks(head, slug=None)
    human.review(pull.number, event="APPROVE", commit=head)
    human.review(pull.number, event="REQUEST_CHANGES", commit=head, body="no")

    with pytest.raises(ForgeRefusedError, match="approval"):
        human.merge_pull(pull.number, sha=head)


def test_a_merge_of_a_ledger_that_was_rewritten_is_refused(yard: Yard) -> None:
    head, number = ready(yard)
    yard.append_ledger()
    yard.client("human").merge_pull(number, sha=head)
    begun = yard.bare.commits(yard.ledger)[-1]
    yard.bare.update_ref("refs/heads/autarch/ledger", begun, old=yard.ledger)
    other, other_number = ready(yard, "other_slug")

    with pytest.raises(ForgeRefusedError, match="does not descend"):
        yard.client("human").merge_pull(other_number, sha=other)
