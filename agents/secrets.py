"""Which texts of this host must never reach a model, a transcript, a commit or a log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from autarch.redacting import Redactor

_NAMED = re.compile(r"(?i)(key|token|secret|passw|credential|auth)")
_PLACES = (".autarch/tokens", ".autarch/keys", ".autarch/host/keys", ".autarch/host/secrets")
FILE_BYTES_MAX = 65_536
LINE_MIN = 16
"""Shorter lines of a secret file are headers and comments."""


def redactor_of(root: Path | None, environment: Mapping[str, str]) -> Redactor:
    """Return what takes the secrets of a workspace and of an environment out of texts."""
    return Redactor((*_of_environment(environment), *(() if root is None else _of_files(root))))


def _of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _NAMED.search(name) and len(value) >= 8 and not Path(value).is_absolute():
            yield value


def _of_files(root: Path) -> Iterator[str]:
    for place in _PLACES:
        folder = root / place
        if not folder.is_dir():
            continue
        for file in sorted(folder.rglob("*")):
            if file.suffix == ".pub" or not file.is_file():
                continue
            with suppress(OSError, UnicodeDecodeError):
                text = file.read_bytes()[:FILE_BYTES_MAX].decode("utf-8")
                yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= LINE_MIN)
