"""Where the bytes of a data set live: one store per split, each file named by its own SHA-256.

A store is any fsspec URL or local path. What agents may see (train) and what only the trusted side
opens (holdout) are different roots, so that a permission can tell them apart.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from autarch.canonical import Sha256, sha256_hex
from autarch.errors import DataError
from autarch.market.types import Split
from autarch.paths import cache_root

ENVIRONMENT: dict[Split, str] = {
    "train": "AUTARCH_DATA_TRAIN",
    "holdout": "AUTARCH_DATA_HOLDOUT",
    "forward": "AUTARCH_DATA_FORWARD",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Root of each split's store: an fsspec URL or a path. Two splits never share a root by default."""

    train: str
    holdout: str
    forward: str

    @classmethod
    def default(cls) -> Stores:
        """Return the stores that $AUTARCH_DATA_TRAIN, _HOLDOUT and _FORWARD name, else <cache>/data/<split>."""
        roots = {
            split: os.environ.get(name) or str(cache_root() / "data" / split) for split, name in ENVIRONMENT.items()
        }
        return cls(**roots)

    @classmethod
    def under(cls, root: Path) -> Stores:
        """Return local stores `root`/train, `root`/holdout and `root`/forward."""
        return cls(train=str(root / "train"), holdout=str(root / "holdout"), forward=str(root / "forward"))

    @classmethod
    def below(cls, url: str) -> Stores:
        """Return the stores `url`/train, `url`/holdout and `url`/forward of an fsspec URL or a path."""
        base = url.rstrip("/")
        return cls(train=f"{base}/train", holdout=f"{base}/holdout", forward=f"{base}/forward")

    def root(self, split: Split) -> str:
        """Return the root of `split`."""
        return {"train": self.train, "holdout": self.holdout, "forward": self.forward}[split]

    def has(self, split: Split, digest: str) -> bool:
        """True when a file of that name exists; its bytes are not read."""
        filesystem, path = self._locate(split, digest)
        return bool(filesystem.exists(path))

    def read(self, split: Split, digest: str, *, label: str) -> bytes:
        """Return the bytes whose SHA-256 is `digest`; every read re-hashes them.

        Raises:
            DataError: missing, unreadable or changed; the text names `label` and the next step.
        """
        filesystem, path = self._locate(split, digest)
        try:
            content: bytes = filesystem.cat_file(path)
        except FileNotFoundError as error:
            raise DataError(
                f"{label}: no bytes {digest[:12]} in the {split} store {self.root(split)}; "
                "run the `autarch data` command that made it again, or set "
                f"{ENVIRONMENT[split]} to the store that has them"
            ) from error
        except OSError as error:
            raise DataError(f"{label}: the {split} store {self.root(split)} cannot be read: {error}") from error
        found = sha256_hex(content)
        if found != digest:
            raise DataError(
                f"{label}: bytes in the {split} store {self.root(split)} have SHA-256 {found}, the lock says "
                f"{digest}; the file was changed or damaged: remove it, then make or push the data set again"
            )
        return content

    def write(self, split: Split, content: bytes) -> Sha256:
        """Store `content` whole or not at all and return its SHA-256; sound bytes already there are kept.

        Raises:
            DataError: the store cannot be written.
        """
        digest = sha256_hex(content)
        filesystem, path = self._locate(split, digest)
        temporary = f"{path}.{os.getpid()}.part"
        try:
            if filesystem.exists(path) and sha256_hex(filesystem.cat_file(path)) == digest:
                return digest
            filesystem.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            try:
                filesystem.pipe_file(temporary, content)
                filesystem.mv(temporary, path)
            finally:
                if filesystem.exists(temporary):
                    filesystem.rm_file(temporary)
        except OSError as error:
            raise DataError(f"the {split} store {self.root(split)} cannot be written: {error}") from error
        return digest

    def _locate(self, split: Split, digest: str) -> tuple[Any, str]:
        root = self.root(split)
        try:
            filesystem, path = fsspec.core.url_to_fs(root)
        except (ImportError, ValueError) as error:
            raise DataError(f"{ENVIRONMENT[split]}={root!r} is not a path or URL that fsspec opens: {error}") from error
        return filesystem, f"{path.rstrip('/')}/{digest}.bin"
