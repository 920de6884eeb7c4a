"""A release that was verified once is read again: evidence, ledger, data and its folder, byte for byte."""

from __future__ import annotations

import dataclasses
import json
import shutil

import git
import pytest

from autarch.errors import DeployError
from autarch.evidence.attestation import evidence_ref
from autarch.evidence.ledger import LEDGER_REF
from autarch.repo import signing
from autarch.repo.git import GitRepo, Remote
from autarch.repo.objects import REGULAR, TreeEntry, object_id
from live.installed import read_installed, release_content

from .release_yard import PERSON


@pytest.fixture
def yard(base_yard, tmp_path):
    made = base_yard.copy(tmp_path / "yard")
    made.deployer().verify("v0.1.0")
    return made


@pytest.fixture
def cloned(yard):
    """A deployer whose clone has verified the release from the forge."""
    git.Repo.init(yard.root / "clone.git", bare=True, initial_branch="main").close()
    repo, remote = GitRepo(yard.root / "clone.git"), Remote(url=str(yard.root / "repo.git"))
    deployer = dataclasses.replace(yard.deployer(), repo=repo, remote=remote)
    deployer.verify("v0.1.0")
    return deployer


def evidence_of(yard):
    return evidence_ref(yard.released("v0.1.0").strategies[0].evidence)


def drop(repo, ref):
    repo.update_ref(ref, None, old=repo.read_ref(ref))


def assert_refused(deployer, says):
    with pytest.raises(DeployError, match=says):
        deployer.verify("v0.1.0")


def alter_evidence(yard, old, new):
    repo, ref = yard.repo, evidence_of(yard)
    tree = repo.read_ref(ref)
    entries = {entry.path: entry for entry in repo.ls_tree(tree)}
    claim = repo.cat_blob(entries["claim.json"].oid)
    assert old in claim
    blob = repo.write_blob(claim.replace(old, new))
    entries["claim.json"] = TreeEntry(mode=REGULAR, oid=blob, path="claim.json")
    repo.update_ref(ref, repo.write_tree(entries.values()), old=tree)


def test_nothing_is_unread_while_everything_is_there(yard, cloned):
    assert yard.deployer().verify("v0.1.0").unread == ()
    assert cloned.verify("v0.1.0").unread == ()


def test_evidence_that_the_forge_lost_or_changed_is_refused_again(yard, cloned):
    ref, before = evidence_of(yard), cloned.repo.read_ref(evidence_of(yard))

    alter_evidence(yard, b'"trials":1', b'"trials":9')
    assert_refused(yard.deployer(), "it was replaced")
    assert_refused(cloned, "it was replaced")
    assert cloned.repo.read_ref(ref) == before  # our sound copy outlives the forge's damage

    drop(yard.repo, ref)
    assert_refused(cloned, "lacks evidence")


def test_evidence_whose_attestation_was_replaced_by_a_strangers_is_refused_again(yard, cloned):
    yard.store(yard.claim(yard.main, base=yard.main), key="stranger")

    assert_refused(yard.deployer(), "not signed by")
    assert_refused(cloned, "not signed by")


def test_evidence_lost_here_alone_is_fetched_again(yard, cloned):
    drop(cloned.repo, evidence_of(yard))

    assert cloned.verify("v0.1.0").unread == ()
    assert cloned.repo.read_ref(evidence_of(yard)) == yard.repo.read_ref(evidence_of(yard))


def test_a_ledger_that_was_deleted_cut_or_changed_is_refused_again(yard, cloned):
    repo, head = yard.repo, yard.ledger().head()
    repo.update_ref(LEDGER_REF, repo.commits(head)[-1], old=head)
    assert_refused(yard.deployer(), "does not descend from")
    assert_refused(cloned, "ledger does not verify")

    path = next(entry.path for entry in repo.ls_tree(head, "entries", recursive=True))
    changed = repo.with_files(repo.tree_of(head), {path: repo.blob_at(head, path).replace(b'"pr":1', b'"pr":2')})
    forged = repo.commit_tree(changed, parents=[head], message="Nothing to see\n", author=PERSON)
    repo.update_ref(LEDGER_REF, forged, old=repo.read_ref(LEDGER_REF))
    assert_refused(yard.deployer(), "ledger does not verify")
    assert_refused(cloned, "ledger does not verify")

    drop(repo, LEDGER_REF)
    assert_refused(cloned, "no ledger any more")
    drop(cloned.repo, LEDGER_REF)
    assert_refused(cloned, "no ledger")


@pytest.mark.parametrize("split", ["train", "forward"])
def test_one_byte_of_the_bars_is_noticed_again(yard, split):
    for file in (yard.root / "data" / split).glob("*.bin"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)

    assert_refused(yard.deployer(), "does not verify")


def test_main_that_was_rewritten_under_a_release_is_refused_again(yard, cloned):
    seed = yard.facts["seed"]
    yard.advance(yard.commit({"README.md": b"another history\n"}, parents=[seed]))

    assert_refused(yard.deployer(), "which main never was at")
    assert_refused(cloned, "which main never was at")


def test_without_the_forge_what_is_gone_here_is_named_and_what_is_here_is_still_checked(yard, cloned):
    away = dataclasses.replace(cloned, remote=Remote(url=str(yard.root / "gone.git")))
    cloned.repo.update_ref("refs/heads/main", yard.main, old=None)
    assert away.verify("v0.1.0").unread == ()

    drop(cloned.repo, evidence_of(yard))
    drop(cloned.repo, LEDGER_REF)
    assert away.verify("v0.1.0").unread == ("ledger", "evidence")


# The folder of the release


def folder_of(yard):
    return yard.host.releases / "v0.1.0"


def rewrite(yard, **changes):
    path = folder_of(yard) / "release.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_edited_strategy_is_refused_though_its_record_was_made_to_fit(yard):
    path = folder_of(yard) / "strategies/one_idea/manifest.toml"
    path.write_bytes(path.read_bytes().replace(b"fast = 12", b"fast = 99"))
    assert_refused(yard.deployer(), rf"it was changed: remove the folder {folder_of(yard)} and verify again")

    # The whole tree forged too: then it is not the tree the signed tag names.
    oid = object_id("blob", path.read_bytes(), like="0" * 40)
    for stored in (folder_of(yard) / "objects").iterdir():
        content = stored.read_bytes()
        honest = bytes.fromhex(yard.repo.entry_at(yard.main, "strategies/one_idea/manifest.toml").oid)
        stored.write_bytes(content.replace(honest, bytes.fromhex(oid)))
    assert_refused(yard.deployer(), "it was changed")


@pytest.mark.parametrize(
    "change",
    [{"engine": "f" * 64}, {"released": None}, {"tag_object": "a" * 40}, {"signer": "SHA256:other"}, {"schema": 1}],
)
def test_a_record_that_says_something_else_than_the_tag_is_refused(yard, change):
    if "released" in change:
        record = json.loads((folder_of(yard) / "release.json").read_text())
        change = {"released": record["released"] | {"waivers": ["anything"]}}
    rewrite(yard, **change)

    with pytest.raises(DeployError):
        yard.deployer().verify("v0.1.0")


def test_a_release_re_signed_by_a_stranger_is_refused(yard):
    released = yard.released("v0.1.0")
    oid = signing.create_tag(
        yard.repo, name="v0.1.0", commit=released.commit, message=yard.repo.read_tag(yard.facts["tag"]).message,
        tagger=PERSON, key=yard.keys["stranger"],
    )  # fmt: skip
    for path, content in release_content(yard.repo, oid).items():
        (folder_of(yard) / path).write_bytes(content)
    (folder_of(yard) / "objects" / yard.facts["tag"]).unlink()
    rewrite(yard, tag_object=oid)
    yard.repo.update_ref("refs/tags/v0.1.0", oid, old=yard.facts["tag"])

    assert_refused(yard.deployer(), "is not signed by SHA256:")


@pytest.mark.parametrize("name", ["portfolio.toml", "objects", "policy.toml"])
def test_a_release_that_lacks_a_file_is_refused_with_a_cure_that_cures(yard, name):
    path = folder_of(yard) / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert_refused(yard.deployer(), "cannot be read")

    shutil.rmtree(folder_of(yard))
    assert yard.deployer().verify("v0.1.0").tag == read_installed(folder_of(yard)).tag
