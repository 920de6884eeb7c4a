"""One way to write a value as bytes, so that a digest means the same thing everywhere."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import NewType

import rfc8785

Sha256 = NewType("Sha256", str)
"""Lower-case hex of a SHA-256, 64 characters."""

EpochMs = NewType("EpochMs", int)
"""Milliseconds since 1970-01-01T00:00Z."""

_EXPECTED = "canonical JSON holds str, int, float, bool, None, lists and string-keyed maps"


def sha256_hex(content: bytes) -> Sha256:
    """Return the SHA-256 of `content` as lower-case hex."""
    return Sha256(hashlib.sha256(content).hexdigest())


def canonical_json(value: object) -> bytes:
    """Return `value` as RFC 8785 canonical JSON, no trailing newline.

    Raises:
        ValueError: `value` holds NaN or infinity, an integer beyond 2**53, or a type JSON lacks.
    """
    try:
        return rfc8785.dumps(_plain(value))  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"{error}; {_EXPECTED}, and no NaN or infinity") from error


def canonical_digest(value: object) -> Sha256:
    """Return the SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))


def _plain(value: object) -> object:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"found {value!r} in a value to be digested; {_EXPECTED}, no NaN or infinity")
        return value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value
