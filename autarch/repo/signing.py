"""SSH signatures by ssh-keygen: over bytes, over one-line records, over annotated tags.

A signed record is one line of canonical JSON, a newline, and an armoured SSH signature over that
line without the newline. A namespace says what a signature is for, so that one made for a tag
cannot be replayed as a check. Only ssh-keygen's exit code is believed: for a key that nobody listed
it prints that the signature is good.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from autarch.canonical import canonical_json
from autarch.errors import ConfigError, RefusedError
from autarch.repo import objects
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person, Tag

CI_PRINCIPAL, RELEASE_PRINCIPAL = "ci@autarch", "release@autarch"
NS_CHECK, NS_LEDGER, NS_EVIDENCE, NS_TAG = "autarch-check", "autarch-ledger", "autarch-evidence", "git"
CI_NAMESPACES = (NS_CHECK, NS_LEDGER, NS_EVIDENCE)
RELEASE_NAMESPACES = (NS_TAG, NS_EVIDENCE)
DEMO_COMMENT = "autarch-demo"
"""Comment of keys made by a demo; whoever guards real money refuses them by it."""
RECORD_BYTES_MAX = 4 * 1024 * 1024
_ARMOUR = b"-----BEGIN SSH SIGNATURE-----"
_ARMOUR_END = b"-----END SSH SIGNATURE-----\n"
_TIMEOUT_S = 30.0


class SignatureError(RefusedError):
    """A signature is missing, damaged, made for another purpose, or made by somebody who is not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Who may sign and as whom: the text of an OpenSSH allowed_signers file, and one principal in it."""

    signers: bytes
    principal: str


def generate_key(path: Path, *, comment: str) -> str:
    """Write a new ed25519 key without passphrase at `path` (mode 0600) and `path`.pub; return the public line.

    Raises:
        ConfigError: a file is there already: a key is never replaced silently.
    """
    if path.exists() or path.with_suffix(".pub").exists():
        raise ConfigError(
            f"{path} exists already; a key is not replaced. Move it away first if you mean to make a new one"
        )
    _keygen("-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))
    return public_key(path)


def public_key(key: Path) -> str:
    """Return `ssh-ed25519 AAAA... comment` of the private key at `key`.

    Raises:
        ConfigError: no such key, or ssh-keygen cannot read it (a passphrase, wrong permissions).
    """
    answer = _keygen("-y", "-P", "", "-f", str(key))
    return answer.decode("ascii").strip()


def fingerprint(public_line: str) -> str:
    """Return `SHA256:...` of a public key line.

    Raises:
        ConfigError: it is no public key.
    """
    with tempfile.NamedTemporaryFile(suffix=".pub") as given:
        given.write(f"{public_line}\n".encode())
        given.flush()
        return _keygen("-l", "-E", "sha256", "-f", given.name).decode("utf-8").split(" ")[1]


def allowed_signer(principal: str, namespaces: tuple[str, ...], public_line: str) -> str:
    """Return one line of an allowed_signers file, without the newline."""
    return f'{principal} namespaces="{",".join(namespaces)}" {public_line}'


def sign_bytes(content: bytes, *, key: Path, namespace: str) -> bytes:
    """Return the armoured signature of `content`; ed25519 gives the same bytes every time.

    Raises:
        ConfigError: the key is missing or unusable.
    """
    if not key.is_file():
        raise ConfigError(f"no signing key at {key}; make one with: autarch init")
    return _keygen("-q", "-Y", "sign", "-f", str(key), "-n", namespace, stdin=content)


def verify_bytes(content: bytes, signature: bytes, *, trust: Trust, namespace: str) -> bool:
    """Return True when `trust.principal` signed exactly `content` for `namespace` with a listed key."""
    # ssh-keygen overlooks what follows the armour, so that text nobody signed would travel with it.
    if not signature.startswith(_ARMOUR) or signature.find(_ARMOUR_END) + len(_ARMOUR_END) != len(signature):
        return False
    if not trust.signers.strip():
        return False
    with tempfile.TemporaryDirectory(prefix="autarch-verify-") as folder:
        signers, armour = Path(folder, "signers"), Path(folder, "signature")
        signers.write_bytes(trust.signers)
        armour.write_bytes(signature)
        who = ("-f", str(signers), "-I", trust.principal, "-n", namespace, "-s", str(armour))
        return _run("-q", "-Y", "verify", *who, stdin=content).returncode == 0


def signed_record(body: dict[str, object], *, key: Path, namespace: str) -> bytes:
    """Return `body` as a signed record.

    Raises:
        ConfigError: the key is missing or unusable.
        ValueError: `body` has no canonical form.
    """
    line = canonical_json(body)
    return line + b"\n" + sign_bytes(line, key=key, namespace=namespace)


def open_record(record: bytes, *, trust: Trust, namespace: str) -> dict[str, object]:
    """Return the body of a signed record whose signature holds.

    Raises:
        SignatureError: too long, not canonical JSON, or not signed by `trust.principal` for `namespace`.
    """
    body = read_record(record)
    line, _, signature = record.partition(b"\n")
    if _canonical(body) != line:
        raise SignatureError("a signed record is JSON, but not in canonical form (RFC 8785)")
    if not verify_bytes(line, signature, trust=trust, namespace=namespace):
        raise SignatureError(
            f"a record is not signed by {trust.principal} for {namespace}; "
            "it was altered, or its signer is not listed in ci/signers on main"
        )
    return body


def read_record(record: bytes) -> dict[str, object]:
    """Return the body of a signed record WITHOUT checking form or signer; for records vouched for otherwise.

    Raises:
        SignatureError: too long, or not one line with a JSON object and a signature.
    """
    if len(record) > RECORD_BYTES_MAX:
        raise SignatureError(f"a signed record has {len(record)} bytes; at most {RECORD_BYTES_MAX} are read")
    line, newline, signature = record.partition(b"\n")
    if not newline or not signature.startswith(_ARMOUR):
        raise SignatureError("a signed record must be one line of JSON followed by an SSH signature; this one is not")
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SignatureError(f"a signed record is not canonical JSON: {error}") from error


def _canonical(body: dict[str, object]) -> bytes:
    try:
        return canonical_json(body)
    except ValueError as error:
        raise SignatureError(f"a signed record is not canonical JSON: {error}") from error


def create_tag(  # noqa: PLR0913  six facts make a tag, all named at the call
    repo: GitRepo, *, name: str, commit: str, message: str, tagger: Person, key: Path
) -> str:
    """Store an annotated tag `name` of `commit` signed with `key`, and return its id; no reference is made.

    Raises:
        ConfigError: the key is missing or unusable.
        GitError: git refuses the object, for example for its name.
    """
    header = f"object {commit}\ntype commit\ntag {name}\ntagger {tagger} {tagger.when_s} +0000\n\n"
    content = objects.raw(header + message.rstrip("\n") + "\n")
    return repo.write_tag_object(content + sign_bytes(content, key=key, namespace=NS_TAG))


def verify_tag(repo: GitRepo, ref: str, *, trust: Trust, oid: str | None = None) -> Tag:
    """Return the release tag at `ref` once everything a signature can prove about it holds.

    Args:
        repo: Where the tag is.
        ref: `refs/tags/v1.2.3`.
        trust: Who may release.
        oid: The object to judge; by default what `ref` points at. A hook passes the pushed one.

    Raises:
        SignatureError: missing, lightweight, of something else than a commit, another tag's object,
            unsigned, or not signed by `trust.principal` with a listed key.
    """
    name = ref.removeprefix("refs/tags/")
    found = repo.read_ref(ref) if oid is None else oid
    if found is None:
        raise SignatureError(f"there is no tag {name}; list the released ones with: git tag --list 'v*'")
    if repo.kind_of(found) != "tag":
        raise SignatureError(
            f"tag {name} is lightweight: it names a commit and nobody signed it. Sign one: autarch release"
        )
    tag = repo.read_tag(found)
    if tag.name != name:
        raise SignatureError(
            f"the object at {ref} is the signed tag {tag.name!r} under another name; it proves nothing here"
        )
    if tag.target_kind != "commit":
        raise SignatureError(f"tag {name} names a {tag.target_kind}; a release names a commit")
    content = repo.tag_bytes(found)
    if not tag.signature:
        raise SignatureError(f"tag {name} is not signed. Sign a new version: autarch release")
    covered = content[: len(content) - len(tag.signature)]
    if not verify_bytes(covered, tag.signature, trust=trust, namespace=NS_TAG):
        raise SignatureError(
            f"tag {name} is not signed by a key of {trust.principal}: {signer_of(covered, tag.signature)} signed it, "
            "or it was altered since. Sign a new version with a listed key: autarch release"
        )
    return tag


def signer_of(content: bytes, signature: bytes) -> str:
    """Return the fingerprint of the tag key that signed `content`, listed or not, for a message."""
    with tempfile.TemporaryDirectory(prefix="autarch-verify-") as folder:
        armour = Path(folder, "signature")
        armour.write_bytes(signature)
        answer = _run("-Y", "check-novalidate", "-n", NS_TAG, "-s", str(armour), stdin=content)
    words = answer.stdout.decode("utf-8", "replace").split()
    return next((word for word in words if word.startswith("SHA256:")), "an unknown key")


def _keygen(*arguments: str, stdin: bytes = b"") -> bytes:
    answer = _run(*arguments, stdin=stdin)
    if answer.returncode != 0:
        said = answer.stderr.decode("utf-8", "replace").strip() or answer.stdout.decode("utf-8", "replace").strip()
        raise ConfigError(f"ssh-keygen {arguments[0]} failed: {said or 'no text'}")
    return answer.stdout


def _run(*arguments: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    # An agent (SSH_AUTH_SOCK) could answer with another key than the file's, so it is not offered.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": os.environ.get("HOME", "/")}
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            env=environment,
            timeout=_TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise ConfigError(
            "ssh-keygen is not installed; install OpenSSH 8.2 or newer (Debian: openssh-client)"
        ) from error
