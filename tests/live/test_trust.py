"""live.trust: a key is trusted by its typed fingerprint, revocation is for ever, unknown things are refused."""

from __future__ import annotations

import dataclasses
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.errors import ConfigError, DeployError
from live.host import Host
from live.trust import (
    PolicyTrust,
    Signer,
    Trust,
    fingerprint_of,
    is_demo_key,
    parse_public_key,
    parse_trust,
    render_trust,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"
DATASET = "synthetic@" + "a" * 64
POLICY = "b" * 64


def trusting(*keys, role="release"):
    trust = Trust()
    for key in keys:
        trust = trust.with_signer(Signer(role=role, key=key), typed_fingerprint=fingerprint_of(key))
    return trust


def test_a_fingerprint_is_the_one_openssh_prints(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", tmp_path / "k"], check=True)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "k.pub"], check=True, capture_output=True, text=True)

    key = parse_public_key((tmp_path / "k.pub").read_text())

    assert fingerprint_of(key) == shown.stdout.split()[1]


def test_an_allowed_signers_line_gives_its_key_and_a_private_key_is_refused():
    assert parse_public_key(f'release@autarch namespaces="git" {KEY} someone') == KEY
    with pytest.raises(ConfigError, match="private key"):
        parse_public_key("-----BEGIN OPENSSH PRIVATE KEY-----")
    with pytest.raises(ConfigError, match="no OpenSSH public key"):
        parse_public_key("ssh-rsa AAAA")
    with pytest.raises(ConfigError, match="not base64"):
        parse_public_key("ssh-ed25519 !!!!")
    with pytest.raises(ConfigError, match="type it names"):
        parse_public_key("ssh-ed25519 AAAA")


def test_a_key_made_by_a_demo_is_known_by_its_comment_and_stays_a_demo_key():
    assert is_demo_key(f"{KEY} autarch-demo\n")
    assert is_demo_key(f'release@autarch namespaces="git" {KEY} autarch-demo\n{OTHER} somebody\n')
    assert not is_demo_key(f"{KEY}\n{OTHER} autarch-demo\n")

    trust = trusting(KEY).with_signer(Signer(role="ci", key=KEY, demo=True), typed_fingerprint=fingerprint_of(KEY))
    again = trust.with_signer(Signer(role="release", key=KEY), typed_fingerprint=fingerprint_of(KEY))
    assert [(s.role, s.demo) for s in again.signers] == [("ci", True), ("release", True)]


@pytest.mark.parametrize("typed", ["", "SHA256:wrong", fingerprint_of(OTHER)])
def test_a_key_is_not_trusted_when_another_fingerprint_was_typed(typed):
    with pytest.raises(DeployError, match="not trusted"):
        Trust().with_signer(Signer(role="release", key=KEY), typed_fingerprint=typed)


def test_a_revoked_key_leaves_and_never_comes_back():
    trust = trusting(KEY, OTHER).without(fingerprint_of(KEY))

    assert [s.key for s in trust.trusted("release")] == [OTHER]
    with pytest.raises(DeployError, match="never comes back"):
        trust.with_signer(Signer(role="release", key=KEY), typed_fingerprint=fingerprint_of(KEY))


def test_a_revoked_tag_is_refused_by_name_and_by_object():
    trust = Trust().without("v0.1.0").without("c" * 40)

    trust.require_tag("v0.2.0", "d" * 40)
    with pytest.raises(DeployError, match=r"v0\.1\.0 is revoked"):
        trust.require_tag("v0.1.0", "d" * 40)
    with pytest.raises(DeployError, match=r"v0\.9\.0 is revoked"):
        trust.require_tag("v0.9.0", "c" * 40)


def test_a_release_key_is_not_a_ci_key():
    trust = trusting(KEY)

    assert trust.trusted("ci") == ()
    assert trust.signing("ci").signers == b""
    assert trust.signing("release").signers == f'release@autarch namespaces="git,autarch-evidence" {KEY}\n'.encode()


def test_an_unknown_data_set_is_refused():
    Trust().with_dataset(DATASET).require_dataset(DATASET)
    with pytest.raises(DeployError, match="not trusted on this host; trusted: none"):
        Trust().require_dataset(DATASET)
    with pytest.raises(ConfigError, match="not name@"):
        Trust().with_dataset("synthetic")


def test_a_paper_only_policy_is_refused_for_a_real_venue_and_stays_paper_only():
    trust = Trust().with_policy(PolicyTrust(sha256=POLICY, path="ci/policy.walkthrough.toml", paper_only=True))
    loosened = trust.with_policy(PolicyTrust(sha256=POLICY, path="ci/policy.toml", paper_only=False))

    assert trust.require_policy(POLICY, "x", real=False).paper_only
    with pytest.raises(DeployError, match="for paper only"):
        loosened.require_policy(POLICY, "x", real=True)
    with pytest.raises(DeployError, match="not trusted on this host"):
        trust.require_policy("0" * 64, "ci/policy.toml", real=False)


def test_an_old_runtime_is_refused():
    trust = parse_trust(b'schema = 1\nminimum_runtime = "0.10.0"\n')

    trust.require_runtime("0.10.0")
    with pytest.raises(DeployError, match=r"this runtime is 0.9.0; the host wants at least 0.10.0"):
        trust.require_runtime("0.9.0")


def test_a_ledger_floor_must_be_a_commit():
    assert Trust().with_ledger_floor("a" * 40).ledger_floor == "a" * 40
    with pytest.raises(ConfigError, match="not a commit id"):
        Trust().with_ledger_floor("main")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"schema = 2\n", "schema is 2"),
        (b"schema = 1\nfloor = 2\n", "unknown field"),
        (b'schema = 1\nminimum_runtime = "new"\n', "Invalid version"),
        (
            f'schema = 1\n[[signer]]\nrole = "release"\nkey = "{KEY}"\nfingerprint = "SHA256:x"\n'.encode(),
            "does not belong",
        ),
        (b"\xff", "utf-8"),
    ],
)
def test_a_damaged_trust_file_is_refused(content, says):
    with pytest.raises(ConfigError, match=says):
        parse_trust(content)


@settings(derandomize=True, max_examples=40)
@given(
    keys=st.lists(st.sampled_from([KEY, OTHER]), max_size=2, unique=True),
    revoked=st.lists(st.sampled_from(["v0.1.0", fingerprint_of(OTHER), "a" * 40]), max_size=3),
    floor=st.none() | st.just("d" * 40),
    paper_only=st.booleans(),
)
def test_trust_survives_its_file(keys, revoked, floor, paper_only):
    trust = (
        trusting(*keys).with_dataset(DATASET).with_policy(PolicyTrust(sha256=POLICY, path="p", paper_only=paper_only))
    )
    for name in revoked:
        trust = trust.without(name)
    trust = dataclasses.replace(trust, when_revoked="flatten" if paper_only else "reduce")
    trust = trust if floor is None else trust.with_ledger_floor(floor)

    assert parse_trust(render_trust(trust)) == trust


def test_a_host_trusts_nothing_at_first_and_remembers(tmp_path):
    host = Host(root=tmp_path / "host")
    assert host.trust() == Trust()

    host.save_trust(trusting(KEY))

    assert host.trust() == trusting(KEY)
    assert [path.name for path in host.root.iterdir()] == ["trust.toml"]
