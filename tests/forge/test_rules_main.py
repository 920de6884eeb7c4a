"""Main moves only by an approved merge. Every push here is a real one over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autarch.forge.checks import sign_check
from autarch.forge.client import ForgeRefusedError

from .conftest import (
    MAIN,
    PERSON,
    Keys,
    Yard,
    assert_refused,
    make_yard,
    merge_commit,
    merge_message,
    plain_git,
    ready,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    """One forge for every push that must change nothing."""
    with make_yard(tmp_path_factory.mktemp("shared"), project, keys) as made:
        yield made


def test_a_commit_pushed_straight_to_main_is_refused(shared: Yard) -> None:
    head = shared.strategy("straight")

    said = assert_refused(shared, f"{head}:{MAIN}", "merge-only")

    assert f"REFUSED {MAIN}" in said


@pytest.mark.parametrize("login", ["agent", "tuner", "ci"])
def test_only_a_human_moves_main(shared: Yard, login: str) -> None:
    assert_refused(shared, f"{shared.strategy('other')}:{MAIN}", "role", login=login)


def test_a_deployer_may_push_nothing_at_all(shared: Yard) -> None:
    code, said = shared.push("deployer", f"{shared.main}:refs/heads/agent/deployer/x-1")

    assert code != 0
    assert "403" in said


def test_main_is_neither_deleted_nor_rewritten(shared: Yard) -> None:
    other = shared.clone.commit_tree(shared.clone.tree_of(shared.main), parents=[], message="Other\n", author=PERSON)

    assert_refused(shared, f":{MAIN}", "main-delete")
    assert_refused(shared, f"{other}:{MAIN}", "non-fast-forward", force=True)


def test_a_merge_without_a_pull_request_is_refused(shared: Yard) -> None:
    head = shared.strategy("nopull")

    assert_refused(shared, f"{merge_commit(shared, head, 999)}:{MAIN}", "pull-request")


def test_a_merge_whose_checks_are_missing_is_refused(shared: Yard) -> None:
    head = shared.strategy("missing_checks")
    pull = shared.propose(head, branch="agent/tuner/missing-1")

    said = assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")

    assert "scope=missing, backtest=missing" in said


@pytest.fixture(scope="module")
def waiting(shared: Yard) -> tuple[str, int]:
    """A head with evidence and one of its two checks."""
    head = shared.strategy("waiting")
    pull = shared.propose(head, branch="agent/tuner/waiting-1")
    scope = shared.record_spec(shared.record(head, "scope", slug="waiting"))
    shared.push("ci", f"{shared.evidence_spec(head)} {scope}")
    return head, pull.number


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("failed", "backtest=failed"),
        ("undecided", "backtest=undecided"),
        ("waived_law", "backtest=law-waived"),
        ("other_policy", "backtest=other-policy"),
        ("stranger", "backtest=bad-signature"),
        ("altered", "backtest=bad-signature"),
        ("wrong_head", "backtest=wrong-subject"),
        ("wrong_base", "backtest=wrong-subject"),
        ("wrong_name", "backtest=wrong-subject"),
    ],
)
def test_a_check_that_does_not_hold_keeps_main_where_it_is(
    shared: Yard, waiting: tuple[str, int], case: str, problem: str
) -> None:
    head, number = waiting
    changes = {
        "failed": {"verdict": "failed"},
        "undecided": {"verdict": "undecided"},
        "waived_law": {"verdict": "waived"},
        "other_policy": {"policy": "0" * 64},
        "wrong_head": {"head": "1" * 40},
        "wrong_base": {"base": "2" * 40},
        "wrong_name": {"name": "scope"},
    }.get(case, {})
    key = shared.keys.stranger if case == "stranger" else shared.keys.ci
    content = sign_check(shared.record(head, "backtest", slug="waiting", **changes), key=key)
    if case == "altered":
        content = content.replace(b'"passed"', b'"waived"')
    # Planted behind the hook's back: the merge itself must not believe what stands in a reference.
    shared.plant(f"refs/autarch/checks/{head}/{shared.main}/backtest", content)

    said = assert_refused(shared, f"{merge_commit(shared, head, number)}:{MAIN}", "required-checks")
    with pytest.raises(ForgeRefusedError) as button:
        shared.client("human").merge_pull(number, sha=head)

    assert problem in said
    assert button.value.status == 405
    assert problem in button.value.message


def test_a_signature_made_for_another_purpose_is_no_check(shared: Yard) -> None:
    import msgspec

    from autarch.repo import signing

    head = shared.strategy("other_purpose")
    pull = shared.propose(head, branch="agent/tuner/purpose-1")
    shared.publish(shared.record(head, "scope", slug="other_purpose"))
    body = msgspec.to_builtins(shared.record(head, "backtest", slug="other_purpose"))
    content = signing.signed_record(body, key=shared.keys.ci, namespace=signing.NS_LEDGER)
    shared.plant(f"refs/autarch/checks/{head}/{shared.main}/backtest", content)

    said = assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")

    assert "backtest=bad-signature" in said


def test_checks_of_another_strategys_tree_do_not_count(shared: Yard) -> None:
    head = shared.strategy("real_slug")
    pull = shared.propose(head, branch="agent/tuner/real-1")
    names = ("scope", "backtest")
    records = [shared.record_spec(shared.record(head, n, slug="real_slug", strategy="other_slug")) for n in names]
    shared.push("ci", " ".join([shared.evidence_spec(head), *records]))

    said = assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")

    assert "other_slug" in said


def test_checks_of_a_platform_change_do_not_carry_a_strategy(shared: Yard) -> None:
    head = shared.strategy("smuggled")
    pull = shared.propose(head, branch="agent/tuner/smuggled-1")
    for name in ("scope", "backtest"):
        shared.publish(shared.record(head, name, slug=None, kind="platform"))

    assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")


def test_checks_that_name_absent_evidence_do_not_count(shared: Yard) -> None:
    head = shared.strategy("no_evidence")
    pull = shared.propose(head, branch="agent/tuner/noevidence-1")
    for name in ("scope", "backtest"):
        shared.publish(shared.record(head, name, slug="no_evidence"))

    assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "evidence")


def test_checks_that_name_two_claims_do_not_count(shared: Yard) -> None:
    head = shared.strategy("two_claims")
    pull = shared.propose(head, branch="agent/tuner/twoclaims-1")
    scope = shared.record_spec(shared.record(head, "scope", slug="two_claims"))
    backtest = shared.record_spec(shared.record(head, "backtest", slug="two_claims", evidence="f" * 64))
    shared.push("ci", f"{shared.evidence_spec(head)} {scope} {backtest}")

    assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "evidence")


def test_a_mixed_change_cannot_be_merged_at_all(shared: Yard) -> None:
    head = shared.commit({"strategies/mixed/strategy.py": b"1\n", "autarch/errors.py": b"2\n"})
    pull = shared.propose(head, branch="agent/tuner/mixed-1")

    assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "kind")


@pytest.fixture(scope="module")
def accepted(shared: Yard) -> tuple[str, int]:
    """A head that CI has accepted, for merges that spoil it in one place each."""
    return ready(shared, "accepted")


def test_a_merge_that_holds_more_than_the_merge_is_refused(shared: Yard, accepted: tuple[str, int]) -> None:
    head, number = accepted
    merged = shared.clone.merge_tree(shared.main, head).tree
    evil = shared.clone.with_files(merged, {"autarch/backdoor.py": b"evil\n"})

    assert_refused(shared, f"{merge_commit(shared, head, number, tree=evil)}:{MAIN}", "evil-merge")


@pytest.mark.parametrize(
    ("trailer", "value", "rule"),
    [
        ("Base", "0" * 40, "merge-message"),
        ("Head", "0" * 40, "merge-message"),
        ("Evidence", "none", "merge-message"),
        ("Merged_By", "somebody", "merge-message"),
        ("Policy", "0" * 64, "merge-message"),
        ("Pull_Request", "x", "merge-message"),
        ("Ledger_Head", "0" * 40, "ledger"),
        ("Ledger_Head", "none", "ledger"),
    ],
)
def test_a_merge_that_says_something_untrue_is_refused(
    shared: Yard, accepted: tuple[str, int], trailer: str, value: str, rule: str
) -> None:
    head, number = accepted

    assert_refused(shared, f"{merge_commit(shared, head, number, **{trailer: value})}:{MAIN}", rule)


def test_a_merge_that_says_something_twice_is_refused(shared: Yard, accepted: tuple[str, int]) -> None:
    head, number = accepted
    text = merge_message(shared, head, number).rstrip("\n") + f"\nHead: {head}\n"
    tree = shared.clone.merge_tree(shared.main, head).tree
    commit = shared.clone.commit_tree(tree, parents=[shared.main, head], message=text, author=PERSON)

    assert_refused(shared, f"{commit}:{MAIN}", "merge-message")


def test_a_merge_of_three_heads_is_refused(shared: Yard, accepted: tuple[str, int]) -> None:
    head, number = accepted
    other = shared.strategy("octopus")
    tree = shared.clone.merge_tree(shared.main, head).tree
    text = merge_message(shared, head, number)
    commit = shared.clone.commit_tree(tree, parents=[shared.main, head, other], message=text, author=PERSON)

    assert_refused(shared, f"{commit}:{MAIN}", "merge-only")


def test_a_push_by_path_has_no_role_and_is_refused(shared: Yard) -> None:
    head = shared.strategy("by_path")
    claimed = {"REMOTE_USER": "human", "AUTARCH_FORGE_ROLE": "human", "AUTARCH_FORGE_TICKET": "guess"}

    code, said = plain_git(
        "push", str(shared.state.repo), f"{head}:refs/heads/agent/tuner/path-1", cwd=shared.clone.path, env=claimed
    )

    assert code != 0
    assert "rule: role" in said


def test_who_writes_the_files_passes_the_hook_which_is_why_readers_trust_signatures(yard: Yard) -> None:
    """Recorded, not wished for: a reference proves nothing, a signature does."""
    head = yard.strategy("bypass")
    skip = "--receive-pack=git -c core.hooksPath=/dev/null receive-pack"

    code, _ = plain_git("push", skip, str(yard.state.repo), f"{head}:{MAIN}", cwd=yard.clone.path)

    assert code == 0
    assert yard.main == head
