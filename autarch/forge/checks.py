"""The signed word of CI on one check of one head: `refs/autarch/checks/<head>/<base>/<check>`.

A record binds head, base, policy and evidence, so that it proves nothing about any other; one
reference a record, written once, so that two runs cannot overwrite each other.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from autarch.repo import signing
from autarch.repo.signing import SignatureError, Trust
from autarch.verdict import CheckClass, CheckVerdict, LaneWord

PREFIX = "refs/autarch/checks/"
REF = re.compile(r"refs/autarch/checks/([0-9a-f]{40})/([0-9a-f]{40})/([a-z][a-z0-9_-]{0,39})\Z")
CI_SIGNERS = "ci/signers/ci"
RELEASE_SIGNERS = "ci/signers/release"
RECORD_BYTES_MAX = 65_536


class CheckRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"klass": "class"}):
    """One check's answer on `head` merged onto `base`.

    `tree` is the Git tree id of strategies/<strategy> at `head`, None for a removal or a platform
    change; `lane` the word about hidden bars by which limits may be waived;
    `evidence` the claim's id; `policy` the SHA-256 of the policy file's bytes on `base`.
    """

    schema: Literal[1] = 1
    name: str
    klass: CheckClass
    verdict: CheckVerdict
    head: str
    base: str
    kind: Literal["strategy", "platform"]
    strategy: str | None
    tree: str | None
    evidence: str | None
    engine: str
    policy: str
    policy_path: str
    dataset: str | None
    lane: LaneWord | None = None

    @property
    def ref(self) -> str:
        """The reference this record belongs under."""
        return check_ref(head=self.head, base=self.base, name=self.name)


def check_ref(*, head: str, base: str, name: str) -> str:
    """Return the reference that holds a check's record."""
    return f"{PREFIX}{head}/{base}/{name}"


def sign_check(record: CheckRecord, *, key: Path) -> bytes:
    """Return the bytes of the blob to store under `record.ref`.

    Raises:
        ConfigError: the key is missing or unusable.
    """
    return signing.signed_record(msgspec.to_builtins(record), key=key, namespace=signing.NS_CHECK)


def open_check(content: bytes, *, signers: bytes) -> CheckRecord:
    """Return the record in `content` once a listed CI signer's signature holds.

    Args:
        content: The blob.
        signers: Text of main's ci/signers/ci.

    Raises:
        SignatureError: not a signed record of this schema, or signed by nobody listed.
    """
    if len(content) > RECORD_BYTES_MAX:
        raise SignatureError(f"a check record has {len(content)} bytes; at most {RECORD_BYTES_MAX} are read")
    trust = Trust(signers=signers, principal=signing.CI_PRINCIPAL)
    body = signing.open_record(content, trust=trust, namespace=signing.NS_CHECK)
    try:
        return msgspec.convert(body, CheckRecord, strict=True)
    except msgspec.ValidationError as error:
        raise SignatureError(f"a signed record is not a check of schema 1: {error}") from error
