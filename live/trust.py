"""What this host believes in: `.autarch/host/trust.toml`. Pure values; `live.host` reads and writes the file.

Trust outranks Git: a tag, a ledger or a policy that the host does not know is refused, whoever signed
it. Nothing is trusted on first use; an operator types a key's fingerprint on the host. Schema 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
import tomllib
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import tomlkit
from packaging.version import InvalidVersion, Version

from autarch.canonical import Sha256, parse_toml
from autarch.errors import ConfigError, DeployError
from autarch.repo.signing import (
    CI_NAMESPACES,
    CI_PRINCIPAL,
    DEMO_COMMENT,
    RELEASE_NAMESPACES,
    RELEASE_PRINCIPAL,
    allowed_signer,
)
from autarch.repo.signing import Trust as SigningTrust

Role = Literal["release", "ci"]
WhenRevoked = Literal["reduce", "flatten"]
PRINCIPALS: dict[Role, str] = {"release": RELEASE_PRINCIPAL, "ci": CI_PRINCIPAL}
NAMESPACES: dict[Role, tuple[str, ...]] = {"release": RELEASE_NAMESPACES, "ci": CI_NAMESPACES}
KEY_TYPES = ("ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")
_DATASET = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}@[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A public key (`type base64`, no comment) and what it may sign here. `demo` keys sign for no real venue."""

    role: Role
    key: str
    demo: bool = False

    @property
    def fingerprint(self) -> str:
        """Return OpenSSH's `SHA256:...` of the key."""
        return fingerprint_of(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTrust:
    """A gate policy by the SHA-256 of its bytes. `paper_only` ones (wide-open limits) never reach a real venue."""

    sha256: Sha256
    path: str
    paper_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Everything a deployer checks a release against; changes only through the methods below.

    `when_revoked`: what an executor does with the release it trades once that is revoked: only reduce by the
    release's own decisions, or close everything at once and end.
    """

    signers: tuple[Signer, ...] = ()
    revoked_signers: tuple[str, ...] = ()
    revoked_tags: tuple[str, ...] = ()
    minimum_runtime: str = "0"
    ledger_floor: str | None = None
    datasets: tuple[str, ...] = ()
    policies: tuple[PolicyTrust, ...] = ()
    when_revoked: WhenRevoked = "reduce"

    def with_signer(self, signer: Signer, *, typed_fingerprint: str) -> Trust:
        """Trust `signer` after a human compared its fingerprint; a demo key stays one.

        Raises:
            DeployError: the typed fingerprint is another one, or the key was revoked here.
        """
        if typed_fingerprint.strip() != signer.fingerprint:
            raise DeployError(
                f"{typed_fingerprint.strip() or 'nothing'!r} was typed and is not this key's fingerprint; not trusted. "
                "Ask the key's owner for it over another channel and try again"
            )
        if signer.fingerprint in self.revoked_signers:
            raise DeployError(
                f"{signer.fingerprint} was revoked on this host; a revoked key never comes back. Make a new one"
            )
        others = tuple(s for s in self.signers if (s.role, s.key) != (signer.role, signer.key))
        demo = signer.demo or any(s.demo for s in self.signers if s.key == signer.key)
        return replace(self, signers=(*others, replace(signer, demo=demo)))

    def without(self, name: str) -> Trust:
        """Revoke a signer (by `SHA256:...`) or a tag (by name or tag object id), for ever."""
        if name.startswith("SHA256:"):
            kept = tuple(s for s in self.signers if s.fingerprint != name)
            return replace(self, signers=kept, revoked_signers=tuple(sorted({*self.revoked_signers, name})))
        return replace(self, revoked_tags=tuple(sorted({*self.revoked_tags, name})))

    def with_dataset(self, name_at_digest: str) -> Trust:
        """Trust one data set, `name@digest`.

        Raises:
            ConfigError: not of that form.
        """
        if not _DATASET.match(name_at_digest):
            raise ConfigError(f"{name_at_digest!r} is not name@<64 hex digits>, as `autarch data ls` prints it")
        return replace(self, datasets=tuple(sorted({*self.datasets, name_at_digest})))

    def with_policy(self, policy: PolicyTrust) -> Trust:
        """Trust one policy file by digest; a second call may only make it paper-only, never the reverse."""
        if not _DIGEST.match(policy.sha256):
            raise ConfigError(f"policy digest {policy.sha256!r} is not 64 hex digits")
        for known in self.policies:
            if known.sha256 == policy.sha256:
                policy = replace(policy, paper_only=policy.paper_only or known.paper_only)
        kept = tuple(p for p in self.policies if p.sha256 != policy.sha256)
        return replace(self, policies=(*kept, policy))

    def with_ledger_floor(self, head: str) -> Trust:
        """Remember `head` as the newest ledger head seen; the caller has proved that it descends from the last."""
        if not _COMMIT.match(head):
            raise ConfigError(f"ledger floor {head!r} is not a commit id")
        return replace(self, ledger_floor=head)

    def trusted(self, role: Role) -> tuple[Signer, ...]:
        """Return the signers of `role` that stand."""
        return tuple(s for s in self.signers if s.role == role and s.fingerprint not in self.revoked_signers)

    def signing(self, role: Role) -> SigningTrust:
        """Return the signers of `role` as signature checks take them; empty, which fits nobody, when there are none."""
        lines = [allowed_signer(PRINCIPALS[role], NAMESPACES[role], signer.key) for signer in self.trusted(role)]
        return SigningTrust(signers="".join(f"{line}\n" for line in lines).encode(), principal=PRINCIPALS[role])

    def require_tag(self, tag: str, object_id: str) -> None:
        """Refuse a revoked tag, by name or by object id."""
        for name in (tag, object_id):
            if name in self.revoked_tags:
                raise DeployError(f"tag {tag} is revoked on this host ({name}); sign a new version: `autarch release`")

    def require_dataset(self, name_at_digest: str) -> None:
        """Refuse a data set this host does not know."""
        if name_at_digest not in self.datasets:
            known = ", ".join(self.datasets) or "none"
            raise DeployError(
                f"data set {name_at_digest} is not trusted on this host; trusted: {known}. "
                f"If it should be: `autarch live trust data {name_at_digest}`"
            )

    def require_policy(self, sha256: str, path: str, *, real: bool) -> PolicyTrust:
        """Refuse a policy this host does not know, and a paper-only one on a `real` venue."""
        for policy in self.policies:
            if policy.sha256 == sha256:
                if policy.paper_only and real:
                    raise DeployError(
                        f"policy {policy.path} ({sha256[:12]}) is for paper only; a real venue wants a release judged "
                        "under ci/policy.toml"
                    )
                return policy
        raise DeployError(
            f"policy {path} with digest {sha256} is not trusted on this host; "
            f"if it should be: `autarch live trust policy {path}`"
        )

    def require_runtime(self, version: str) -> None:
        """Refuse to run a runtime older than the operator's floor."""
        if Version(version) < Version(self.minimum_runtime):
            raise DeployError(f"this runtime is {version}; the host wants at least {self.minimum_runtime}. Upgrade it")


class _Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Role
    key: str
    fingerprint: str
    demo: bool = False


class _Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    path: str
    paper_only: bool = False


class _Revoked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    signers: list[str] = []
    tags: list[str] = []


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    minimum_runtime: str = "0"
    ledger_floor: str | None = None
    datasets: list[str] = []
    signer: list[_Signer] = []
    policy: list[_Policy] = []
    when_revoked: WhenRevoked = "reduce"
    revoked: _Revoked = _Revoked()


def parse_trust(content: bytes) -> Trust:
    """Return the trust in `content`.

    Raises:
        ConfigError: malformed, or a fingerprint that is not its key's.
    """
    try:
        wire = msgspec.convert(parse_toml(content), _Wire, strict=True)
        Version(wire.minimum_runtime)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, InvalidVersion) as error:
        raise ConfigError(
            f"trust.toml: {error}; restore it, or remove it and add each key again: autarch live trust add KEY"
        ) from error
    if wire.schema != 1:
        raise ConfigError(f"trust.toml: schema is {wire.schema}; this version reads schema 1")
    trust = Trust(
        revoked_signers=tuple(wire.revoked.signers),
        revoked_tags=tuple(wire.revoked.tags),
        minimum_runtime=wire.minimum_runtime,
        when_revoked=wire.when_revoked,
    )
    for signer in wire.signer:
        if fingerprint_of(signer.key) != signer.fingerprint:
            raise ConfigError(
                f"trust.toml: fingerprint {signer.fingerprint} does not belong to its key "
                f"({fingerprint_of(signer.key)}); remove the entry and add the key again"
            )
    signers = tuple(Signer(role=s.role, key=s.key, demo=s.demo) for s in wire.signer)
    trust = replace(trust, signers=signers)
    for name in wire.datasets:
        trust = trust.with_dataset(name)
    for policy in wire.policy:
        known = PolicyTrust(sha256=Sha256(policy.sha256), path=policy.path, paper_only=policy.paper_only)
        trust = trust.with_policy(known)
    return trust if wire.ledger_floor is None else trust.with_ledger_floor(wire.ledger_floor)


def render_trust(trust: Trust) -> bytes:
    """Return `trust` as TOML; `parse_trust` reads it back equal."""
    document = tomlkit.document()
    document.add(tomlkit.comment("What this host trusts. Changed by `autarch live trust`; outranks Git."))
    document["schema"] = 1
    document["minimum_runtime"] = trust.minimum_runtime
    if trust.ledger_floor is not None:
        document["ledger_floor"] = trust.ledger_floor
    document["when_revoked"] = trust.when_revoked
    document["datasets"] = list(trust.datasets)
    document["revoked"] = {"signers": list(trust.revoked_signers), "tags": list(trust.revoked_tags)}
    signers, policies = tomlkit.aot(), tomlkit.aot()
    for s in trust.signers:
        signers.append(tomlkit.item({"role": s.role, "key": s.key, "fingerprint": s.fingerprint, "demo": s.demo}))
    for p in trust.policies:
        policies.append(tomlkit.item({"sha256": p.sha256, "path": p.path, "paper_only": p.paper_only}))
    if trust.signers:
        document["signer"] = signers
    if trust.policies:
        document["policy"] = policies
    return tomlkit.dumps(document).encode()


def parse_public_key(text: str) -> str:
    """Return `type base64` of the first OpenSSH public key in `text`: a .pub file or an allowed_signers line.

    Raises:
        ConfigError: it holds no key of a type we accept, or a private one.
    """
    if "PRIVATE KEY" in text:
        raise ConfigError("this is a private key; give the public one, the file that ends in .pub")
    words = text.split()
    for kind, blob in itertools.pairwise(words):
        if kind in KEY_TYPES:
            fingerprint_of(f"{kind} {blob}")
            return f"{kind} {blob}"
    raise ConfigError(f"no OpenSSH public key found; expected a .pub file with one of: {', '.join(KEY_TYPES)}")


def is_demo_key(text: str) -> bool:
    """Return whether the first OpenSSH public key in `text` says in its comment that a demo made it."""
    kind, _, blob = parse_public_key(text).partition(" ")
    words = text.split()
    at = next(n for n, pair in enumerate(itertools.pairwise(words)) if pair == (kind, blob))
    return words[at + 2 : at + 3] == [DEMO_COMMENT]


def fingerprint_of(key: str) -> str:
    """Return the OpenSSH fingerprint of `type base64` (RFC 4253 blob, SHA-256, unpadded base64).

    Raises:
        ConfigError: the blob is not base64 or names another type.
    """
    kind, _, blob = key.partition(" ")
    try:
        raw = base64.b64decode(blob, validate=True)
    except binascii.Error as error:
        raise ConfigError(f"public key {key[:40]!r} is not base64: {error}") from error
    if raw[4 : 4 + len(kind)] != kind.encode():
        raise ConfigError(f"public key {key[:40]!r} does not hold a key of the type it names")
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
