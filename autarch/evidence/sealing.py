"""Numbers that must not be known yet: bound in the ledger by an HMAC, opened when their epoch is closed.

A plain digest would let anyone try values until one fits. The HMAC's key is derived from the gate's for each place, so
that revealing one place's numbers, with its own key, says nothing of another.

A seal is the HMAC in hex, a colon, and the numbers themselves in base64, hidden under a keystream of the same key, so
that whoever holds the gate's key needs nothing beside the ledger to open them. A place is sealed once, so no keystream
is used for two texts; texts are padded to whole blocks, so that their length says nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from autarch.canonical import canonical_json
from autarch.errors import RefusedError

_DOMAIN = b"autarch sealed numbers\n"
_STREAM: Final = b"keystream "
_PADDED_TO: Final = 512


def place_key(gate_key: bytes, place: str) -> bytes:
    """Return the key of one place: `place` is the digest of the reservation or the name of the test it seals."""
    return hmac.new(gate_key, _DOMAIN + place.encode("utf-8"), hashlib.sha256).digest()


def seal(key: bytes, numbers: Mapping[str, object]) -> str:
    """Return the seal of `numbers`.

    Raises:
        ValueError: they have no canonical form (NaN).
    """
    text = canonical_json(dict(numbers))
    padded = text.ljust(-(-len(text) // _PADDED_TO) * _PADDED_TO)
    return f"{_bound(key, text)}:{base64.b64encode(_under_stream(key, padded)).decode('ascii')}"


def opened(key: bytes, sealed: str) -> dict[str, Any]:
    """Return the numbers that were sealed.

    Raises:
        RefusedError: the seal holds none, or was made with another key.
    """
    _, _, hidden = sealed.partition(":")
    try:
        text = _under_stream(key, base64.b64decode(hidden, validate=True)).rstrip()
        numbers = json.loads(text) if text else None
    except ValueError:  # base64, UTF-8 or JSON
        numbers = None
    if not isinstance(numbers, dict):
        raise RefusedError(
            f"the seal {sealed[:12]} does not open with this key; open it where the gate's key is that made it"
        )
    require_sealed(key, numbers, sealed)
    return numbers


def require_sealed(key: bytes, numbers: Mapping[str, object], sealed: str) -> None:
    """Refuse numbers that are not those that were sealed.

    Raises:
        RefusedError: they are not.
    """
    if not hmac.compare_digest(_bound(key, canonical_json(dict(numbers))), sealed.partition(":")[0]):
        raise RefusedError(
            f"revealed numbers do not fit the seal {sealed[:12]}: they, or the key they were revealed with, were "
            "changed. Ask whoever holds the gate's key to reveal them again"
        )


def _bound(key: bytes, text: bytes) -> str:
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _under_stream(key: bytes, text: bytes) -> bytes:
    """Return `text` xor HMAC-SHA256(key, counter), block by block: its own inverse."""
    stream = b"".join(
        hmac.new(key, _STREAM + str(block).encode("ascii"), hashlib.sha256).digest()
        for block in range(-(-len(text) // hashlib.sha256().digest_size))
    )
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))
