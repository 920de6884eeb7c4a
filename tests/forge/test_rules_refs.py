"""Tags, records, branches: who may write which reference, and once. Real pushes over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autarch.canonical import sha256_hex
from autarch.evidence.released import Released, render_release
from autarch.forge.checks import sign_check
from autarch.repo import signing

from .conftest import PERSON, Keys, Yard, assert_refused, make_yard


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("refs"), project, keys) as made:
        yield made


def assert_accepted(yard: Yard, spec: str, *, login: str, force: bool = False) -> None:
    code, said = yard.push(login, spec, *(["--force"] if force else []))
    assert code == 0, said


def release(name: str, commit: str) -> str:
    return render_release(
        Released(
            schema=1,
            tag=name,
            commit=commit,
            engine="1",
            policy="0" * 64,
            policy_path="ci/policy.toml",
            dataset=f"synthetic@{'0' * 64}",
            ledger_head="0" * 40,
            waivers=[],
            strategies=[],
        )
    )


def tag(yard: Yard, name: str, *, commit: str | None = None, key=None, message: str | None = None) -> str:
    at, by = commit or yard.main, key or yard.keys.release
    text = release(name, at) if message is None else message
    return signing.create_tag(yard.clone, name=name, commit=at, message=text, tagger=PERSON, key=by)


# -- tags


def test_a_release_signed_by_a_release_key_is_accepted_and_then_never_moves(shared: Yard) -> None:
    first = tag(shared, "v1.0.0")

    assert_accepted(shared, f"{first}:refs/tags/v1.0.0", login="human")

    again = signing.create_tag(
        shared.clone, name="v1.0.0", commit=shared.main, message="Other\n", tagger=PERSON, key=shared.keys.release
    )
    assert_refused(shared, f"{again}:refs/tags/v1.0.0", "tag-immutable", login="human", force=True)
    assert_refused(shared, ":refs/tags/v1.0.0", "tag-delete", login="human")


@pytest.mark.parametrize("login", ["agent", "ci"])
def test_only_a_human_pushes_a_release(shared: Yard, login: str) -> None:
    assert_refused(shared, f"{tag(shared, 'v1.1.0')}:refs/tags/v1.1.0", "role", login=login)


def test_a_lightweight_tag_is_refused(shared: Yard) -> None:
    assert_refused(shared, f"{shared.main}:refs/tags/v1.2.0", "tag-annotated", login="human")


def test_an_unsigned_tag_is_refused(shared: Yard) -> None:
    header = f"object {shared.main}\ntype commit\ntag v1.3.0\ntagger {PERSON} 1 +0000\n\nRelease\n"
    unsigned = shared.clone.write_tag_object(header.encode())

    assert_refused(shared, f"{unsigned}:refs/tags/v1.3.0", "tag-signature", login="human")


@pytest.mark.parametrize("who", ["stranger", "ci"])
def test_a_tag_signed_by_another_key_is_refused(shared: Yard, who: str) -> None:
    signed = tag(shared, "v1.4.0", key=getattr(shared.keys, who))

    assert_refused(shared, f"{signed}:refs/tags/v1.4.0", "tag-signature", login="human")


def test_a_signed_tag_altered_afterwards_is_refused(shared: Yard) -> None:
    content = shared.clone.tag_bytes(tag(shared, "v1.5.0")).replace(b"Release v1.5.0", b"Release v9.9.9")

    assert_refused(shared, f"{shared.clone.write_tag_object(content)}:refs/tags/v1.5.0", "tag-signature", login="human")


def test_a_signed_tag_under_another_name_is_refused(shared: Yard) -> None:
    assert_refused(shared, f"{tag(shared, 'v1.6.0')}:refs/tags/v6.1.0", "tag-name", login="human")


def test_a_tag_of_a_branchs_commit_is_refused(shared: Yard) -> None:
    assert_refused(
        shared,
        f"{tag(shared, 'v1.7.0', commit=shared.strategy('off_main'))}:refs/tags/v1.7.0",
        "tag-on-main",
        login="human",
    )


@pytest.mark.parametrize("name", ["v1.8", "vnext", "v01.8.0", "v1.8.0-rc1", "v1.8.0.0"])
def test_a_signed_tag_that_names_no_version_is_refused(shared: Yard, name: str) -> None:
    assert_refused(shared, f"{tag(shared, name)}:refs/tags/{name}", "tag-version", login="human")


def test_a_signed_tag_whose_message_is_no_release_is_refused(shared: Yard) -> None:
    plain = tag(shared, "v1.8.0", message="Release v1.8.0\n")
    told_otherwise = release("v1.8.0", shared.main).replace("waivers  none", "waivers  all")

    assert_refused(shared, f"{plain}:refs/tags/v1.8.0", "tag-message", login="human")
    altered = tag(shared, "v1.8.0", message=told_otherwise)
    assert_refused(shared, f"{altered}:refs/tags/v1.8.0", "tag-message", login="human")


def test_a_signed_tag_whose_message_releases_something_else_is_refused(shared: Yard) -> None:
    of_another_name = tag(shared, "v1.9.0", message=release("v1.0.0", shared.main))
    of_another_commit = tag(shared, "v1.9.0", message=release("v1.9.0", "0" * 40))

    assert_refused(shared, f"{of_another_name}:refs/tags/v1.9.0", "tag-message", login="human")
    assert_refused(shared, f"{of_another_commit}:refs/tags/v1.9.0", "tag-message", login="human")
    assert_accepted(shared, f"{tag(shared, 'v1.9.0')}:refs/tags/v1.9.0", login="human")


def test_a_merged_branchs_own_commit_is_not_what_main_went_through(yard: Yard) -> None:
    head = yard.strategy()
    pull = yard.propose(head)
    yard.approve_checks(head)
    merge = yard.client("human").merge_pull(pull.number, sha=head)
    yard.fetch()

    assert_refused(yard, f"{tag(yard, 'v2.0.0', commit=head)}:refs/tags/v2.0.0", "tag-on-main", login="human")
    assert_accepted(yard, f"{tag(yard, 'v2.0.0', commit=merge)}:refs/tags/v2.0.0", login="human")


# -- checks


def test_ci_writes_a_check_once(shared: Yard) -> None:
    head = shared.strategy("checked")
    assert_accepted(shared, f"{head}:refs/heads/agent/tuner/checked-1", login="agent")
    record = shared.record(head, "scope", slug="checked")

    assert_accepted(shared, shared.record_spec(record), login="ci")

    other = shared.record(head, "scope", slug="checked", verdict="failed")
    assert_refused(shared, shared.record_spec(other), "check-immutable", login="ci", force=True)
    assert_refused(shared, f":{record.ref}", "check-immutable", login="ci")


@pytest.mark.parametrize("login", ["agent", "tuner", "human"])
def test_nobody_but_ci_writes_checks(shared: Yard, login: str) -> None:
    record = shared.record(shared.strategy("unchecked"), "scope", slug="unchecked")

    assert_refused(shared, shared.record_spec(record), "role", login=login)


def test_a_check_must_be_signed_and_speak_of_its_own_reference(shared: Yard) -> None:
    head = shared.strategy("subjects")
    record = shared.record(head, "scope", slug="subjects")
    forged = shared.clone.write_blob(sign_check(record, key=shared.keys.stranger))
    renamed = shared.record_spec(record).replace("/scope", "/backtest")

    assert_refused(shared, f"{forged}:{record.ref}", "check-signature", login="ci")
    assert_refused(shared, renamed, "check-subject", login="ci")
    assert_refused(shared, f"{head}:{record.ref}", "check-blob", login="ci")
    assert_refused(shared, shared.record_spec(record).replace("/scope", "/Scope!"), "namespace", login="ci")


# -- evidence and studies


@pytest.mark.parametrize(("login", "signer"), [("ci", "ci"), ("human", "release")])
def test_evidence_is_written_once_under_the_name_of_its_claim(shared: Yard, login: str, signer: str) -> None:
    claim = shared.claim(login)
    ref = f"refs/autarch/evidence/{sha256_hex(claim)}"

    assert_accepted(shared, f"{shared.evidence_tree(claim, signer=signer)}:{ref}", login=login)

    assert_refused(shared, f":{ref}", "evidence-immutable", login=login)
    assert_refused(shared, f"{shared.evidence_tree(b'{}')}:{ref}", "evidence-immutable", login=login, force=True)


def test_evidence_under_another_name_or_of_another_shape_is_refused(shared: Yard) -> None:
    claim = shared.claim("shape")
    right = f"refs/autarch/evidence/{sha256_hex(claim)}"
    wide = shared.clone.with_files(shared.evidence_tree(claim), {"more.txt": b"x"})

    assert_refused(
        shared, f"{shared.evidence_tree(claim)}:refs/autarch/evidence/{'0' * 64}", "evidence-name", login="ci"
    )
    assert_refused(shared, f"{wide}:{right}", "evidence-tree", login="ci")
    assert_refused(shared, f"{shared.clone.write_blob(claim)}:{right}", "evidence-tree", login="ci")
    assert_refused(shared, f"{shared.evidence_tree(claim)}:{right}", "role", login="agent")


def test_evidence_that_no_reader_would_believe_cannot_take_the_place_of_true_one(shared: Yard) -> None:
    claim = shared.claim("squatted")
    right = f"refs/autarch/evidence/{sha256_hex(claim)}"
    forged = shared.evidence_tree(claim, key=shared.keys.stranger)
    borrowed = shared.evidence_tree(claim, about="0" * 64)

    assert_refused(shared, f"{forged}:{right}", "evidence-signature", login="ci")
    assert_refused(shared, f"{borrowed}:{right}", "evidence-signature", login="ci")
    assert_refused(shared, f"{shared.evidence_tree(claim, signer='ci')}:{right}", "evidence-signature", login="human")
    assert_accepted(shared, f"{shared.evidence_tree(claim)}:{right}", login="ci")


def test_a_study_is_written_once_under_the_name_of_its_bytes(shared: Yard) -> None:
    study = b"packed trials"
    blob, ref = shared.clone.write_blob(study), f"refs/autarch/studies/{sha256_hex(study)}"

    assert_refused(shared, f"{blob}:refs/autarch/studies/{'0' * 64}", "study-name", login="agent")
    assert_refused(shared, f"{blob}:{ref}", "role", login="ci")
    assert_accepted(shared, f"{blob}:{ref}", login="agent")
    assert_refused(shared, f":{ref}", "study-immutable", login="agent")


# -- ledger


def test_ci_appends_to_the_ledger_and_nobody_rewrites_it(yard: Yard) -> None:
    from autarch.repo.git import PushRefusedError

    begun = yard.ledger
    first = yard.append_ledger()
    ledger = "refs/heads/autarch/ledger"

    with pytest.raises(PushRefusedError, match="role"):
        yard.append_ledger("agent", slug="other_slug")
    assert_refused(yard, f"{begun}:{ledger}", "ledger-append", login="ci", force=True)
    assert_refused(yard, f":{ledger}", "ledger-append", login="ci")
    assert yard.ledger == first


def test_a_ledger_commit_must_add_one_signed_entry_and_nothing_else(shared: Yard) -> None:
    ledger, tip = "refs/heads/autarch/ledger", shared.ledger
    shared.fetch()
    tree = shared.clone.with_files(shared.clone.tree_of(tip), {"entries/0000/00/00000001": b"unsigned\n"})
    unsigned = shared.clone.commit_tree(tree, parents=[tip], message="Add\n", author=PERSON)
    empty = shared.clone.commit_tree(shared.clone.tree_of(tip), parents=[tip], message="Add\n", author=PERSON)
    merge = shared.clone.commit_tree(tree, parents=[tip, shared.main], message="Add\n", author=PERSON)

    for commit in (unsigned, empty, merge):
        assert_refused(shared, f"{commit}:{ledger}", "ledger-append", login="ci")


def test_a_ledger_entry_signed_by_a_stranger_is_refused(yard: Yard) -> None:
    from autarch.repo.git import PushRefusedError

    before = yard.ledger

    with pytest.raises(PushRefusedError, match="ledger-append"):
        yard.append_ledger(key=yard.keys.stranger)

    assert yard.ledger == before


# -- branches and the rest


def test_an_agent_writes_and_rewrites_its_own_branches_only(shared: Yard) -> None:
    mine, theirs = "refs/heads/agent/tuner/mine-1", "refs/heads/agent/rival/theirs-1"
    first, second = shared.strategy("mine"), shared.strategy("mine", code=b'"""Better."""\n')

    assert_accepted(shared, f"{first}:{mine}", login="tuner")
    assert_accepted(shared, f"{second}:{mine}", login="tuner", force=True)
    assert_refused(shared, f"{first}:{theirs}", "branch-owner", login="tuner")
    assert_refused(shared, f"{first}:{mine}", "branch-owner", login="rival", force=True)
    assert_refused(shared, f"{first}:{mine}", "role", login="human", force=True)
    assert_accepted(shared, f":{mine}", login="tuner")


def test_a_human_has_branches_of_their_own(shared: Yard) -> None:
    head = shared.commit({"docs/note.md": b"x\n"})

    assert_accepted(shared, f"{head}:refs/heads/human/note", login="human")
    assert_refused(shared, f"{head}:refs/heads/human/other", "role", login="agent")


ELSEWHERE = (
    "refs/heads/feature",
    "refs/heads/agent/only-one-part",
    "refs/heads/agent/Tuner/x-1",
    "refs/heads/autarch/other",
    "refs/heads/mainx",
    "refs/tags/nightly",
    "refs/notes/commits",
    "refs/replace/0123456789012345678901234567890123456789",
    "refs/pull/1/head",
    "refs/autarch/pulls/1",
    "refs/autarch/statuses/0123456789012345678901234567890123456789",
    "refs/autarch/anything",
)


@pytest.mark.parametrize("login", ["human", "agent", "ci"])
def test_every_other_reference_is_refused_to_everybody(shared: Yard, login: str) -> None:
    head = shared.strategy("elsewhere")

    said = assert_refused(shared, " ".join(f"{head}:{ref}" for ref in ELSEWHERE), "namespace", login=login)

    assert said.count("rule: namespace") == len(ELSEWHERE)
    assert all(f"REFUSED {ref}" in said for ref in ELSEWHERE)


def test_one_bad_move_refuses_the_whole_push(shared: Yard) -> None:
    head = shared.strategy("whole")

    assert_refused(
        shared, f"{head}:refs/heads/agent/tuner/whole-1 {head}:refs/heads/feature", "namespace", login="agent"
    )
