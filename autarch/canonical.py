"""One way to write a value as bytes, so that a digest means the same thing everywhere.

And one to read TOML that somebody else wrote.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NewType

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
        ValueError: `value` holds NaN or infinity, an integer beyond 2**53, a type JSON lacks, or nests too deeply.
    """
    try:
        return rfc8785.dumps(_plain(value))  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"{error}; {_EXPECTED}, and no NaN or infinity") from error
    except RecursionError as error:
        raise ValueError("the value nests too deeply to be written") from error


def canonical_digest(value: object) -> Sha256:
    """Return the SHA-256 of the canonical JSON of `value`."""
    return sha256_hex(canonical_json(value))


def parse_toml(content: bytes) -> dict[str, Any]:
    """Return the table in `content`, which may be hostile.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
        tomllib.TOMLDecodeError: it is not TOML, or nests deeper than this parser goes.
    """
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise tomllib.TOMLDecodeError("it nests too deeply; write it flatter") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise
    except ValueError as error:  # Python reads no decimal number of more than 4,300 digits
        raise tomllib.TOMLDecodeError("it holds a number of thousands of digits; write fewer") from error


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
