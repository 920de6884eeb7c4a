"""Main moves only by an approved merge. Every push here is a real one over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autarch.canonical import sha256_hex
from autarch.forge.checks import sign_check
from autarch.forge.client import ForgeRefusedError
from autarch.repo.objects import format_message

from .conftest import PERSON, POLICY, Keys, Yard, make_yard

MAIN = "refs/heads/main"


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    """One forge for every push that must change nothing."""
    with make_yard(tmp_path_factory.mktemp("shared"), project, keys) as made:
        yield made


def message(yard: Yard, head: str, number: int, **changes: str) -> str:
    trailers = {
        "Pull-Request": str(number),
        "Head": head,
        "Base": yard.main,
        "Evidence": sha256_hex(yard.claim(head)),
        "Ledger-Head": yard.ledger,
        "Merged-By": "human",
        "Policy": sha256_hex(POLICY),
    }
    return format_message("Merge", trailers=trailers | {key.replace("_", "-"): value for key, value in changes.items()})


def merge_commit(yard: Yard, head: str, number: int, *, base: str | None = None, tree: str | None = None, **changes):
    at = base or yard.main
    merged = tree or yard.clone.merge_tree(at, head).tree
    text = message(yard, head, number, **changes)
    return yard.clone.commit_tree(merged, parents=[at, head], message=text, author=PERSON)


def ready(yard: Yard, slug: str = "ema_trend") -> tuple[str, int]:
    """Open a pull request that CI has accepted."""
    head = yard.strategy(slug)
    pull = yard.propose(head, branch=f"agent/tuner/{slug}-1")
    yard.approve_checks(head, slug=slug)
    return head, pull.number


def refused(yard: Yard, spec: str, rule: str, *, login: str = "human", force: bool = False) -> str:
    before = yard.bare.refs("refs/")
    code, said = yard.push(login, spec, *(["--force"] if force else []))
    assert code != 0, f"accepted: {said}"
    assert f"rule: {rule}" in said, said
    assert "why :" in said
    assert "fix :" in said
    assert yard.bare.refs("refs/") == before
    return said


def test_a_commit_pushed_straight_to_main_is_refused(shared: Yard) -> None:
    head = shared.strategy("straight")

    said = refused(shared, f"{head}:{MAIN}", "merge-only")

    assert f"REFUSED {MAIN}" in said


@pytest.mark.parametrize("login", ["agent", "tuner", "ci"])
def test_only_a_human_moves_main(shared: Yard, login: str) -> None:
    refused(shared, f"{shared.strategy('other')}:{MAIN}", "role", login=login)


def test_a_deployer_may_push_nothing_at_all(shared: Yard) -> None:
    code, said = shared.push("deployer", f"{shared.main}:refs/heads/agent/deployer/x-1")

    assert code != 0
    assert "403" in said


def test_main_is_neither_deleted_nor_rewritten(shared: Yard) -> None:
    other = shared.clone.commit_tree(shared.clone.tree_of(shared.main), parents=[], message="Other\n", author=PERSON)

    refused(shared, f":{MAIN}", "main-delete")
    refused(shared, f"{other}:{MAIN}", "non-fast-forward", force=True)


def test_a_merge_without_a_pull_request_is_refused(shared: Yard) -> None:
    head = shared.strategy("nopull")

    refused(shared, f"{merge_commit(shared, head, 999)}:{MAIN}", "pull-request")


def test_a_merge_whose_checks_are_missing_is_refused(shared: Yard) -> None:
    head = shared.strategy("missing_checks")
    pull = shared.propose(head, branch="agent/tuner/missing-1")

    said = refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")

    assert "scope=missing, backtest=missing" in said


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
def test_a_check_that_does_not_hold_keeps_main_where_it_is(shared: Yard, case: str, problem: str) -> None:
    slug = f"case_{case}"
    head = shared.strategy(slug)
    pull = shared.propose(head, branch=f"agent/tuner/{slug}-1")
    scope = shared.record_spec(shared.record(head, "scope", slug=slug))
    shared.push("ci", f"{shared.evidence_spec(head)} {scope}")
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
    content = sign_check(shared.record(head, "backtest", slug=slug, **changes), key=key)
    if case == "altered":
        content = content.replace(b'"passed"', b'"waived"')
    # Planted behind the hook's back: the merge itself must not believe what stands in a reference.
    shared.plant(f"refs/autarch/checks/{head}/{shared.main}/backtest", content)

    said = refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")
    with pytest.raises(ForgeRefusedError) as button:
        shared.client("human").merge_pull(pull.number, sha=head)

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

    said = refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")

    assert "backtest=bad-signature" in said


def test_checks_of_another_strategys_tree_do_not_count(shared: Yard) -> None:
    head = shared.strategy("real_slug")
    pull = shared.propose(head, branch="agent/tuner/real-1")
    names = ("scope", "backtest")
    records = [shared.record_spec(shared.record(head, n, slug="real_slug", strategy="other_slug")) for n in names]
    shared.push("ci", " ".join([shared.evidence_spec(head), *records]))

    said = refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")

    assert "other_slug" in said


def test_checks_of_a_platform_change_do_not_carry_a_strategy(shared: Yard) -> None:
    head = shared.strategy("smuggled")
    pull = shared.propose(head, branch="agent/tuner/smuggled-1")
    for name in ("scope", "backtest"):
        shared.publish(shared.record(head, name, slug=None, kind="platform"))

    refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")


def test_checks_that_name_absent_evidence_do_not_count(shared: Yard) -> None:
    head = shared.strategy("no_evidence")
    pull = shared.propose(head, branch="agent/tuner/noevidence-1")
    for name in ("scope", "backtest"):
        shared.publish(shared.record(head, name, slug="no_evidence"))

    refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "evidence")


def test_checks_that_name_two_claims_do_not_count(shared: Yard) -> None:
    head = shared.strategy("two_claims")
    pull = shared.propose(head, branch="agent/tuner/twoclaims-1")
    scope = shared.record_spec(shared.record(head, "scope", slug="two_claims"))
    backtest = shared.record_spec(shared.record(head, "backtest", slug="two_claims", evidence="f" * 64))
    shared.push("ci", f"{shared.evidence_spec(head)} {scope} {backtest}")

    refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "evidence")


def test_a_mixed_change_cannot_be_merged_at_all(shared: Yard) -> None:
    head = shared.commit({"strategies/mixed/strategy.py": b"1\n", "autarch/errors.py": b"2\n"})
    pull = shared.propose(head, branch="agent/tuner/mixed-1")

    refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "kind")


@pytest.fixture(scope="module")
def accepted(shared: Yard) -> tuple[str, int]:
    """A head that CI has accepted, for merges that spoil it in one place each."""
    return ready(shared, "accepted")


def test_a_merge_that_holds_more_than_the_merge_is_refused(shared: Yard, accepted: tuple[str, int]) -> None:
    head, number = accepted
    merged = shared.clone.merge_tree(shared.main, head).tree
    evil = shared.clone.with_files(merged, {"autarch/backdoor.py": b"evil\n"})

    refused(shared, f"{merge_commit(shared, head, number, tree=evil)}:{MAIN}", "evil-merge")


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

    refused(shared, f"{merge_commit(shared, head, number, **{trailer: value})}:{MAIN}", rule)


def test_a_merge_that_says_something_twice_is_refused(shared: Yard, accepted: tuple[str, int]) -> None:
    head, number = accepted
    text = message(shared, head, number).rstrip("\n") + f"\nHead: {head}\n"
    tree = shared.clone.merge_tree(shared.main, head).tree
    commit = shared.clone.commit_tree(tree, parents=[shared.main, head], message=text, author=PERSON)

    refused(shared, f"{commit}:{MAIN}", "merge-message")


def test_a_merge_of_three_heads_is_refused(shared: Yard, accepted: tuple[str, int]) -> None:
    head, number = accepted
    other = shared.strategy("octopus")
    tree = shared.clone.merge_tree(shared.main, head).tree
    text = message(shared, head, number)
    commit = shared.clone.commit_tree(tree, parents=[shared.main, head, other], message=text, author=PERSON)

    refused(shared, f"{commit}:{MAIN}", "merge-only")


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

    refused(yard, f"{late}:{MAIN}", "up-to-date", force=True)
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


def test_a_push_by_path_has_no_role_and_is_refused(shared: Yard) -> None:
    from .conftest import plain_git

    head = shared.strategy("by_path")
    claimed = {"REMOTE_USER": "human", "AUTARCH_FORGE_ROLE": "human", "AUTARCH_FORGE_TICKET": "guess"}

    code, said = plain_git(
        "push", str(shared.state.repo), f"{head}:refs/heads/agent/tuner/path-1", cwd=shared.clone.path, env=claimed
    )

    assert code != 0
    assert "rule: role" in said


def test_who_writes_the_files_passes_the_hook_which_is_why_readers_trust_signatures(yard: Yard) -> None:
    """Recorded, not wished for: a reference proves nothing, a signature does."""
    from .conftest import plain_git

    head = yard.strategy("bypass")
    skip = "--receive-pack=git -c core.hooksPath=/dev/null receive-pack"

    code, _ = plain_git("push", skip, str(yard.state.repo), f"{head}:{MAIN}", cwd=yard.clone.path)

    assert code == 0
    assert yard.main == head
