"""Numbers that must not be known yet: bound in the ledger by an HMAC, opened when their epoch is closed.

A plain digest would let anyone try values until one fits. The HMAC's key is derived from the gate's for each place, so
that revealing one place's numbers, with its own key, says nothing of another.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from autarch.canonical import canonical_json
from autarch.errors import RefusedError

_DOMAIN = b"autarch sealed numbers\n"


def place_key(gate_key: bytes, place: str) -> bytes:
    """Return the key of one place: `place` is the digest of the reservation or the name of the test it seals."""
    return hmac.new(gate_key, _DOMAIN + place.encode("utf-8"), hashlib.sha256).digest()


def seal(key: bytes, numbers: Mapping[str, object]) -> str:
    """Return the HMAC-SHA256 of `numbers` as canonical JSON, in hex.

    Raises:
        ValueError: they have no canonical form (NaN).
    """
    return hmac.new(key, canonical_json(dict(numbers)), hashlib.sha256).hexdigest()


def require_sealed(key: bytes, numbers: Mapping[str, object], sealed: str) -> None:
    """Refuse numbers that are not those that were sealed.

    Raises:
        RefusedError: they are not.
    """
    if not hmac.compare_digest(seal(key, numbers), sealed):
        raise RefusedError(
            f"revealed numbers do not fit the seal {sealed[:12]}: they, or the key they were revealed with, were "
            "changed. Ask whoever holds the gate's key to reveal them again"
        )
