"""The claim: everything a verdict rests on, as canonical JSON whose SHA-256 is the evidence id.

It holds no time and no machine, so that anyone with the same objects re-derives the same bytes.
It names the strategy's tree and the base it was judged against, never the head: the same proposal
rebased onto nothing new keeps its evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from autarch.canonical import Sha256, canonical_json, sha256_hex
from autarch.errors import DeployError
from autarch.verdict import CheckClass, CheckResult, CheckVerdict, Comparison, GateVerdict, LaneWord, LookWord

CLAIM_BYTES_MAX = 1_000_000
SCHEMA = 1


class ClaimedStrategy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was judged. `tree` is the Git tree id of its folder, None for a folder outside Git."""

    name: str
    tree: str | None
    manifest_sha256: str
    code_sha256: str


class ClaimedPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy file by path in the project and digest of its bytes.

    `preset` names the preset that has the same limits, "own" without one.
    """

    path: str
    sha256: str
    walkthrough: bool
    preset: str


class ClaimedDataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data set by name and canonical digest of its lock."""

    name: str
    digest: str


class ClaimedMeasure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number of one check."""

    name: str
    value: float | None
    op: Comparison | None
    limit: float | None
    unit: str


class ClaimedCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"klass": "class"}):
    """One check as it was answered."""

    name: str
    klass: CheckClass
    verdict: CheckVerdict
    measures: tuple[ClaimedMeasure, ...]
    detail: str


class ClaimedDigests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SHA-256 of the numeric self-test, the decisions, the fills and the equity curve; None: not computed."""

    numerics: str
    decisions: str | None
    fills: str | None
    equity: str | None


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One verdict and all it rests on. `ledger` is the head of the ledger that `trials` was counted at.

    `as_of` is the UTC day that waivers were held against, ISO 8601: that of the base commit or of the
    ledger's newest entry, whichever is later. `lane` and `look` are words about hidden bars that the ledger holds,
    `tried` the packed returns (base64) of what it scored before of the same pull request, `variance` that of all
    Sharpe ratios a day that it scored.
    """

    schema: Literal[1]
    kind: Literal["strategy"]
    strategy: ClaimedStrategy
    base: str | None
    engine: str
    policy: ClaimedPolicy
    dataset: ClaimedDataset
    ledger: str | None
    trials: int
    digests: ClaimedDigests
    checks: tuple[ClaimedCheck, ...]
    metrics: dict[str, dict[str, float | None]]
    verdict: GateVerdict
    waived: tuple[str, ...]
    as_of: str | None
    lane: LaneWord | None
    look: LookWord | None = None
    tried: tuple[str, ...] = ()
    variance: float | None = None


def claimed_check(result: CheckResult) -> ClaimedCheck:
    """Return `result` in the form a claim holds."""
    measures = tuple(
        ClaimedMeasure(name=m.name, value=m.value, op=m.op, limit=m.limit, unit=m.unit) for m in result.measures
    )
    return ClaimedCheck(
        name=result.name, klass=result.klass, verdict=result.verdict, measures=measures, detail=result.detail
    )


def claim_bytes(claim: Claim) -> bytes:
    """Return the canonical JSON of `claim`: the bytes of claim.json."""
    return canonical_json(msgspec.to_builtins(claim))


def claim_id(claim: Claim) -> Sha256:
    """Return the evidence id: the SHA-256 of `claim_bytes`."""
    return sha256_hex(claim_bytes(claim))


def parse_claim(content: bytes) -> Claim:
    """Return the claim in `content`.

    Raises:
        DeployError: not a claim of this schema, or not canonical, so that its digest would not
            name what was read.
    """
    if len(content) > CLAIM_BYTES_MAX:
        raise DeployError(f"claim.json has {len(content)} bytes; at most {CLAIM_BYTES_MAX} are read")
    try:
        claim = msgspec.json.decode(content, type=Claim, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DeployError(f"claim.json is not an evidence claim of schema {SCHEMA}: {error}") from error
    if claim_bytes(claim) != content:
        raise DeployError("claim.json is not canonical JSON; it was edited or written by another version")
    return claim


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field in which two claims differ, with both values."""

    field: str
    claimed: object
    found: object


def differences(claimed: Claim, found: Claim) -> tuple[Difference, ...]:
    """Return every field in which `found` differs from `claimed`, in the order a claim lists them."""
    return tuple(_walk("", msgspec.to_builtins(claimed), msgspec.to_builtins(found)))


_ABSENT = "(absent)"


def _walk(path: str, left: object, right: object) -> Iterator[Difference]:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in (*left, *(k for k in right if k not in left)):
            yield from _walk(f"{path}.{key}" if path else str(key), left.get(key, _ABSENT), right.get(key, _ABSENT))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        for index in range(max(len(left), len(right))):
            name = _element_name(left if index < len(left) else right, index)
            yield from _walk(
                f"{path}[{name}]",
                left[index] if index < len(left) else _ABSENT,
                right[index] if index < len(right) else _ABSENT,
            )
    elif canonical_json(left) != canonical_json(right):
        yield Difference(field=path, claimed=left, found=right)


def _element_name(items: list[object] | tuple[object, ...], index: int) -> str:
    item = items[index]
    named = item.get("name") if isinstance(item, Mapping) else None
    return str(named) if named is not None else str(index)
