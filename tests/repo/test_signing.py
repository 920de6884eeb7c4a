"""Signatures: bytes, records, tags; every forgery is refused by exit code."""

from __future__ import annotations

import stat

import pytest

from autarch.errors import ConfigError
from autarch.repo import signing
from autarch.repo.objects import Person
from autarch.repo.signers import SIGNERS_PATH, signers_file, trust_at
from autarch.repo.signing import SignatureError, Trust, open_record, sign_bytes, signed_record, verify_bytes, verify_tag

TAGGER = Person(name="Human", email="human@example.invalid", when_s=1_700_000_000)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: (folder / name, signing.generate_key(folder / name, comment=name)) for name in ("good", "stranger")}


@pytest.fixture(scope="module")
def key(keys):
    return keys["good"][0]


@pytest.fixture(scope="module")
def trust(keys):
    return Trust(signers=signers_file("release", (keys["good"][1],)), principal="release@autarch")


@pytest.fixture(scope="module")
def ci(keys):
    return Trust(signers=signers_file("ci", (keys["good"][1],)), principal="ci@autarch")


def test_a_key_is_private_named_and_never_replaced(key, keys):
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert signing.public_key(key).split()[:2] == keys["good"][1].split()[:2]
    assert signing.fingerprint(keys["good"][1]).startswith("SHA256:")
    with pytest.raises(ConfigError, match="exists already"):
        signing.generate_key(key, comment="x")


def test_a_signature_holds_for_its_bytes_signer_and_purpose_alone(key, keys, ci):
    signature = sign_bytes(b"content", key=key, namespace="autarch-check")

    assert verify_bytes(b"content", signature, trust=ci, namespace="autarch-check")
    assert sign_bytes(b"content", key=key, namespace="autarch-check") == signature
    assert not verify_bytes(b"content!", signature, trust=ci, namespace="autarch-check")
    assert not verify_bytes(b"content", signature, trust=ci, namespace="autarch-ledger")
    nobody = Trust(signers=b"", principal="ci@autarch")
    other = Trust(signers=ci.signers, principal="release@autarch")
    stranger = Trust(signers=signers_file("ci", (keys["stranger"][1],)), principal="ci@autarch")
    for wrong in (nobody, other, stranger):
        assert not verify_bytes(b"content", signature, trust=wrong, namespace="autarch-check")
    for damaged in (b"", b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"):
        assert not verify_bytes(b"content", damaged, trust=ci, namespace="autarch-check")


def test_a_namespace_that_the_signers_file_leaves_out_is_refused(key, trust):
    signature = sign_bytes(b"content", key=key, namespace="autarch-check")

    assert not verify_bytes(b"content", signature, trust=trust, namespace="autarch-check")


def test_a_record_opens_to_its_body_and_every_flipped_byte_is_seen(key, ci):
    record = signed_record({"name": "risk", "n": 1}, key=key, namespace="autarch-check")

    assert open_record(record, trust=ci, namespace="autarch-check") == {"name": "risk", "n": 1}
    for at in (2, record.index(b"risk"), record.index(b"\n") + 40, len(record) // 2):
        flipped = bytearray(record)
        flipped[at] ^= 1
        with pytest.raises(SignatureError):
            open_record(bytes(flipped), trust=ci, namespace="autarch-check")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"b":1, "a":2}', "canonical form"),
        (b"[1]", "canonical JSON"),
        (b"{", "canonical JSON"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "canonical JSON"),  # deeper than the reader goes
        (b'{"a":' + b"[" * 700 + b"]" * 700 + b"}", "canonical JSON"),  # deeper than the writer goes
        (b'{"a":NaN}', "JSON"),
    ],
)
def test_a_well_signed_line_that_is_not_canonical_is_refused(key, ci, line, text):
    record = line + b"\n" + sign_bytes(line, key=key, namespace="autarch-check")

    with pytest.raises(SignatureError, match=text):
        open_record(record, trust=ci, namespace="autarch-check")


def test_a_record_without_signature_or_of_monstrous_size_is_refused(ci):
    with pytest.raises(SignatureError, match="one line of JSON"):
        open_record(b'{"a":1}\n', trust=ci, namespace="autarch-check")
    with pytest.raises(SignatureError, match="bytes; at most"):
        open_record(b"x" * (signing.RECORD_BYTES_MAX + 1), trust=ci, namespace="autarch-check")


def test_a_missing_key_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="autarch init"):
        sign_bytes(b"x", key=tmp_path / "none", namespace="git")


@pytest.fixture
def head(commit):
    return commit({"a": b"1"})


def tag(repo, head, key, name="v1.0.0", message="Release\n\nEvidence: abc\n"):
    return signing.create_tag(repo, name=name, commit=head, message=message, tagger=TAGGER, key=key)


def test_a_signed_tag_verifies_here_and_by_git(repo, head, key, trust, tmp_path):
    repo.update_ref("refs/tags/v1.0.0", tag(repo, head, key), old=None)

    found = verify_tag(repo, "refs/tags/v1.0.0", trust=trust)

    assert (found.target, found.trailers, found.tagger) == (head, {"Evidence": "abc"}, TAGGER)
    signers = tmp_path / "signers"
    signers.write_bytes(trust.signers)
    assert repo.run("-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-tag", "v1.0.0", check=False).code == 0


def test_a_tag_that_git_signed_verifies_here(repo, head, key, trust):
    flags = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}", "-c", "user.name=x", "-c", "user.email=x@y")
    repo.run(*flags, "tag", "-s", "-m", "Release", "v1.0.0", head)

    assert verify_tag(repo, "refs/tags/v1.0.0", trust=trust).target == head


def test_a_lightweight_unsigned_or_missing_tag_is_refused(repo, head, trust):
    with pytest.raises(SignatureError, match="there is no tag v1"):
        verify_tag(repo, "refs/tags/v1.0.0", trust=trust)
    repo.update_ref("refs/tags/v1.0.0", head, old=None)
    with pytest.raises(SignatureError, match="lightweight"):
        verify_tag(repo, "refs/tags/v1.0.0", trust=trust)
    unsigned = repo.write_tag_object(f"object {head}\ntype commit\ntag v1.0.1\ntagger {TAGGER} 1 +0000\n\nx\n".encode())
    repo.update_ref("refs/tags/v1.0.1", unsigned, old=None)
    with pytest.raises(SignatureError, match="not signed"):
        verify_tag(repo, "refs/tags/v1.0.1", trust=trust)


def test_a_strangers_tag_is_refused_with_the_key_that_made_it(repo, head, keys, trust):
    stranger, line = keys["stranger"]
    repo.update_ref("refs/tags/v1.0.0", tag(repo, head, stranger), old=None)

    with pytest.raises(SignatureError) as caught:
        verify_tag(repo, "refs/tags/v1.0.0", trust=trust)
    assert signing.fingerprint(line) in str(caught.value)


def test_a_signed_tag_under_another_name_is_refused(repo, head, key, trust):
    oid = tag(repo, head, key)
    repo.update_ref("refs/tags/v2.0.0", oid, old=None)

    with pytest.raises(SignatureError, match=r"signed tag 'v1\.0\.0' under another name"):
        verify_tag(repo, "refs/tags/v2.0.0", trust=trust)
    with pytest.raises(SignatureError, match="under another name"):
        verify_tag(repo, "refs/tags/v3.0.0", trust=trust, oid=oid)


def test_a_tag_altered_after_signing_is_refused(repo, head, key, trust):
    content = repo.tag_bytes(tag(repo, head, key)).replace(b"Evidence: abc", b"Evidence: abd")
    repo.update_ref("refs/tags/v1.0.0", repo.write_tag_object(content), old=None)

    with pytest.raises(SignatureError, match="altered"):
        verify_tag(repo, "refs/tags/v1.0.0", trust=trust)


def test_a_signature_with_text_behind_it_is_refused(repo, head, key, trust):
    content = repo.tag_bytes(tag(repo, head, key)) + b"\nand more\n"
    repo.update_ref("refs/tags/v1.0.0", repo.write_tag_object(content), old=None)

    with pytest.raises(SignatureError, match="altered"):
        verify_tag(repo, "refs/tags/v1.0.0", trust=trust)


def test_a_signed_tag_of_a_tree_is_refused(repo, head, key, trust):
    body = f"object {repo.tree_of(head)}\ntype tree\ntag v1.0.0\ntagger {TAGGER} 1 +0000\n\nx\n".encode()
    oid = repo.write_tag_object(body + sign_bytes(body, key=key, namespace="git"))
    repo.update_ref("refs/tags/v1.0.0", oid, old=None)

    with pytest.raises(SignatureError, match="names a tree"):
        verify_tag(repo, "refs/tags/v1.0.0", trust=trust)


def test_signers_are_those_the_commit_lists(commit, repo, ci):
    empty = commit({"a": b"1"})
    head = commit({SIGNERS_PATH["ci"]: ci.signers}, empty)

    assert trust_at(repo, head, "ci") == ci
    with pytest.raises(ConfigError, match="lists nobody"):
        trust_at(repo, empty, "ci")
    with pytest.raises(ConfigError, match="lists nobody"):
        trust_at(repo, head, "release")
