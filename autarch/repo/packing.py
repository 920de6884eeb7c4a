"""Objects as one pack, which git takes in by a single process. No process, no disk."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Collection
from typing import Final

_KINDS: Final = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


def pack(objects: Collection[tuple[str, bytes]], *, like: str = "") -> bytes:
    """Return a pack of (kind, bytes), each whole.

    Source: gitformat-pack(5), version 2. A trailer of SHA-256 when `like` is a 64-character name, else of SHA-1.
    """
    content = struct.pack(">4sII", b"PACK", 2, len(objects))
    content += b"".join(_header(_KINDS[kind], len(body)) + zlib.compress(body) for kind, body in objects)
    hasher = hashlib.sha256(content) if len(like) == 64 else hashlib.sha1(content, usedforsecurity=False)
    return content + hasher.digest()


def _header(kind: int, size: int) -> bytes:
    """Return kind and size: four bits of the size in the first byte, seven in each that follows, lowest first."""
    found = [kind << 4 | size & 15]
    size >>= 4
    while size:
        found[-1] |= 128
        found.append(size & 127)
        size >>= 7
    return bytes(found)
