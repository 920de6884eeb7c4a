"""The deployer installs a good release and refuses a bad one, naming the thing and the next step."""

from __future__ import annotations

import dataclasses
import os
import shutil

import git
import pytest

from autarch.errors import ConfigError, DeployError
from autarch.evidence.released import parse_release, render_release
from autarch.repo.git import GitRepo, Remote
from autarch.repo.runner import GitError
from live.installed import read_installed

from .release_yard import MANIFEST, PERSON, refusal


@pytest.fixture
def yard(base_yard, tmp_path):
    return base_yard.copy(tmp_path / "yard")


def test_a_good_release_is_installed_from_blobs_and_its_evidence_derived_again(yard):
    derived = []

    installed = yard.deployer(derived=derived).verify("v0.1.0")

    assert derived == [installed.record.released.strategies[0].evidence]
    folder = yard.host.releases / "v0.1.0"
    assert (folder / "strategies/one_idea/manifest.toml").read_text() == MANIFEST.format(fast=12)
    assert installed.sources["one_idea"].manifest.params == {"fast": 12}
    assert installed.record.tag_object == yard.facts["tag"]
    assert yard.host.trust().ledger_floor == yard.ledger().head()


def test_a_verified_release_needs_neither_repository_nor_evidence_again(yard):
    yard.deployer().verify("v0.1.0")
    derived = []

    yard.deployer(derived=derived).verify("v0.1.0")

    assert derived == []
    assert read_installed(yard.host.releases / "v0.1.0").tag == "v0.1.0"


def test_another_engine_does_not_trust_the_first_ones_verification(yard):
    yard.deployer().verify("v0.1.0")

    with pytest.raises(DeployError, match="judged by engine eeeeeeeeeeee, this runtime is ffffffffffff"):
        yard.deployer(engine="f" * 64).verify("v0.1.0")


# The tag


def test_a_lightweight_tag_is_refused(yard):
    yard.repo.update_ref("refs/tags/v0.2.0", yard.main, old=None)

    assert "lightweight" in refusal(yard, "v0.2.0")


def test_an_unsigned_tag_is_refused(yard):
    message = render_release(yard.released("v0.2.0"))
    header = f"object {yard.main}\ntype commit\ntag v0.2.0\ntagger {PERSON} 1 +0000\n\n"
    oid = yard.repo.write_tag_object((header + message).encode())
    yard.repo.update_ref("refs/tags/v0.2.0", oid, old=None)

    assert "not signed" in refusal(yard, "v0.2.0")


@pytest.mark.parametrize("key", ["stranger", "ci"])
def test_a_tag_signed_by_another_key_is_refused_and_the_trusted_ones_are_named(yard, key):
    yard.sign(yard.released("v0.2.0"), key=key)

    said = refusal(yard, "v0.2.0")

    assert "not signed by a key of release@autarch" in said
    assert yard.host.trust().signers[0].fingerprint in said


def test_a_revoked_key_and_a_revoked_tag_are_refused(yard):
    trust = yard.host.trust()
    yard.host.save_trust(trust.without("v0.1.0"))
    assert "v0.1.0 is revoked" in refusal(yard)

    yard.host.save_trust(trust.without(trust.signers[0].fingerprint))
    assert "trusts no release key" in refusal(yard)


def test_a_revocation_also_stops_a_release_that_was_installed(yard):
    yard.deployer().verify("v0.1.0")
    yard.host.save_trust(yard.host.trust().without(yard.host.trust().signers[0].fingerprint))

    with pytest.raises(DeployError, match="does not trust"):
        yard.deployer().verify("v0.1.0")


def test_a_renamed_tag_is_refused(yard):
    yard.sign(yard.released("v0.1.0"), ref="refs/tags/v0.3.0")

    assert "under another name" in refusal(yard, "v0.3.0")


def test_a_moved_tag_is_refused(yard):
    yard.deployer().verify("v0.1.0")
    yard.release("v0.1.0", trials=2)

    with pytest.raises(DeployError, match="was moved"):
        yard.deployer().verify("v0.1.0")


def test_a_tag_off_main_is_refused_also_on_a_merged_branchs_own_commit(yard):
    head = yard.facts["head"]
    claim = yard.claim(head, base=head)
    yard.store(claim)
    yard.sign(yard.released("v0.2.0", claim=claim, commit=head))

    assert "which main never was at" in refusal(yard, "v0.2.0")


def test_a_message_that_says_one_thing_to_people_and_another_to_machines_is_refused(yard):
    released = yard.released("v0.2.0")
    message = render_release(released).replace("tier T1", "tier T3")
    yard.sign(released, message=message)

    assert "readable text and its JSON line disagree" in refusal(yard, "v0.2.0")


@pytest.mark.parametrize(
    ("message", "says"),
    [("Release\n", "0 JSON lines"), ('Release\n\n{"schema":1}\n', "does not parse"), ("Release\n\n{}\n{}\n", "2 JSON")],
)
def test_a_tag_without_one_good_json_line_is_refused(yard, message, says):
    yard.sign(yard.released("v0.2.0"), message=message)

    assert says in refusal(yard, "v0.2.0")


def test_a_message_about_another_commit_is_refused(yard):
    yard.sign(yard.released("v0.2.0"), target=yard.facts["seed"])

    assert "its message speaks of v0.2.0" in refusal(yard, "v0.2.0")


@pytest.mark.parametrize("name", ["main", "v1", "v0.1.0-rc1", "../v0.1.0", "v0.01.0"])
def test_what_is_no_version_is_refused(yard, name):
    with pytest.raises(DeployError, match="is not a release"):
        yard.deployer().verify(name)


def test_a_tag_nobody_made_is_refused(yard):
    assert "there is no tag v9.9.9" in refusal(yard, "v9.9.9")


def test_an_old_runtime_is_refused(yard):
    yard.host.save_trust(yard.host.trust().__class__(minimum_runtime="0.2.0"))

    assert "the host wants at least 0.2.0" in refusal(yard)


# The ledger


def test_a_ledger_whose_entry_was_changed_is_refused(yard):
    repo, head = yard.repo, yard.ledger().head()
    path = next(e.path for e in repo.ls_tree(head, "entries", recursive=True))
    record = repo.blob_at(head, path)
    changed = repo.with_files(repo.tree_of(head), {path: record.replace(b'"pr":1', b'"pr":2')})
    forged = repo.commit_tree(changed, parents=[head], message="Nothing to see\n", author=PERSON)
    repo.update_ref("refs/heads/autarch/ledger", forged, old=head)

    assert "ledger does not verify" in refusal(yard)


def test_a_ledger_that_lost_entries_is_refused_by_the_tag_and_by_the_floor(yard):
    repo, head = yard.repo, yard.ledger().head()
    first = repo.commits(head)[-1]
    repo.update_ref("refs/heads/autarch/ledger", first, old=head)
    assert "does not descend from" in refusal(yard)

    repo.update_ref("refs/heads/autarch/ledger", head, old=first)
    yard.host.save_trust(yard.host.trust().with_ledger_floor(yard.main))
    assert "the head this host knows" in refusal(yard)


def test_a_missing_ledger_is_refused(yard):
    yard.repo.update_ref("refs/heads/autarch/ledger", None, old=yard.ledger().head())

    assert "no ledger" in refusal(yard)


# The data


def test_one_changed_byte_of_the_bars_is_refused(yard):
    for file in (yard.root / "data" / "train").rglob("*"):
        if file.is_file():
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(bytes(content))

    derived = []
    assert "does not verify" in refusal(yard, derived=derived)
    assert derived == []  # the bars are judged first, so that no strategy is blamed for them


def test_bars_that_are_not_there_are_refused(yard):
    shutil.rmtree(yard.root / "data" / "forward")

    assert "does not verify" in refusal(yard)


def test_a_data_set_the_host_does_not_trust_is_refused(yard):
    trust = yard.host.trust()
    yard.host.save_trust(dataclasses.replace(trust, datasets=()))

    assert "is not trusted on this host" in refusal(yard)


def test_a_lock_that_is_not_the_one_the_tag_names_is_refused(yard):
    lock = yard.repo.blob_at(yard.main, "ci/datasets/tiny.toml")
    claim = yard.claim(yard.main, base=yard.main)
    yard.store(claim)
    yard.advance(yard.commit({"ci/datasets/tiny.toml": lock.replace(b"planted", b"Planted", 1)}))
    released = yard.released("v0.2.0", commit=yard.main, claim=claim)
    yard.sign(released)

    assert "the tag says tiny@" in refusal(yard, "v0.2.0")


# What is installed


@pytest.mark.parametrize("name", ["strategies/one_idea/strategy.py", "portfolio.toml", "dataset.toml"])
def test_an_installed_file_that_was_changed_is_refused(yard, name):
    yard.deployer().verify("v0.1.0")
    path = yard.host.releases / "v0.1.0" / name
    path.write_bytes(path.read_bytes() + b"\n")

    with pytest.raises(DeployError, match="it was changed"):
        yard.deployer().verify("v0.1.0")


def test_an_installed_file_that_was_added_linked_or_removed_is_refused(yard):
    yard.deployer().verify("v0.1.0")
    folder = yard.host.releases / "v0.1.0"
    (folder / "strategies/one_idea/extra.py").write_text("")
    with pytest.raises(DeployError, match="does not belong"):
        read_installed(folder)
    (folder / "strategies/one_idea/extra.py").unlink()
    (folder / "strategies/one_idea/strategy.py").unlink()
    with pytest.raises(DeployError, match="cannot be read"):
        read_installed(folder)
    (folder / "strategies/one_idea/strategy.py").symlink_to("manifest.toml")
    with pytest.raises(DeployError, match="cannot be read"):
        read_installed(folder)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_an_installed_file_that_became_a_folder_or_a_pipe_is_refused_at_once(yard, make):
    yard.deployer().verify("v0.1.0")
    path = yard.host.releases / "v0.1.0" / "policy.toml"
    path.unlink()
    make(path)

    with pytest.raises(DeployError, match="is not a regular file; remove the folder"):
        yard.deployer().verify("v0.1.0")


def test_a_record_that_calls_a_trusted_key_a_demo_key_is_refused(yard):
    yard.deployer().verify("v0.1.0")
    path = yard.host.releases / "v0.1.0" / "release.json"
    path.write_bytes(path.read_bytes().replace(b'"demo":false', b'"demo":true'))

    with pytest.raises(DeployError, match="says that a demo key signed it: True; this host's trust says False"):
        yard.deployer().verify("v0.1.0")


def test_a_strategy_folder_with_attributes_is_refused(yard):
    yard.advance(yard.commit({"strategies/one_idea/.gitattributes": b"* export-subst\n"}))
    yard.release("v0.2.0")

    assert ".gitattributes" in refusal(yard, "v0.2.0")


def test_rendering_and_parsing_a_message_agree(base_yard):
    released = base_yard.released("v0.5.0", waivers=["one", "two"])

    assert parse_release(render_release(released)) == released


def test_a_missing_account_is_named(yard):
    installed = yard.deployer().verify("v0.1.0")

    with pytest.raises(ConfigError, match="no account 'other'"):
        installed.portfolio.account("other")


def test_a_verified_release_runs_while_the_forge_is_gone_and_a_new_one_waits(yard):
    yard.deployer().verify("v0.1.0")
    yard.release("v0.2.0")
    cut_off = dataclasses.replace(yard.deployer(), remote=Remote(url=str(yard.root / "gone.git")))

    assert cut_off.verify("v0.1.0").tag == "v0.1.0"
    with pytest.raises(GitError):
        cut_off.verify("v0.2.0")


def test_a_tag_that_differs_from_the_forges_is_refused(yard):
    shutil.copytree(yard.root / "repo.git", yard.root / "forge.git")
    yard.repo.update_ref("refs/tags/v0.1.0", None, old=yard.facts["tag"])
    yard.release("v0.1.0", trials=5)
    deployer = dataclasses.replace(yard.deployer(), remote=Remote(url=str(yard.root / "forge.git")))

    with pytest.raises(DeployError, match=r"the forge has \w+, this clone has"):
        deployer.verify("v0.1.0")


def test_everything_is_fetched_from_the_forge(yard, tmp_path):
    git.Repo.init(tmp_path / "clone.git", bare=True, initial_branch="main").close()
    deployer = dataclasses.replace(
        yard.deployer(), repo=GitRepo(tmp_path / "clone.git"), remote=Remote(url=str(yard.root / "repo.git"))
    )

    assert deployer.verify("v0.1.0").record.released.commit == yard.main
