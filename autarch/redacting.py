"""Keep secrets out of whatever is written for eyes, or told to a model: by the exact texts, and by their shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "[hidden]"
SHORTEST = 4
"""Shorter texts are no secrets, and would blank out half of every line."""

SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"),
    re.compile(r"\b(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    re.compile(r"\bglpat-[A-Za-z0-9_-]{16,}"),
    re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    re.compile(r"(?<=://)[^/\s:@]{1,100}:[^/\s@]{4,200}(?=@)"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{16,}"),
)
"""Keys, tokens and passwords as their makers write them (their documentation; RFC 3986, 6750 and 7519)."""


class Redactor:
    """Replaces secrets, also as JSON and URLs write them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Know `secrets`; empty and very short ones are left out."""
        known: set[str] = set()
        for secret in secrets:
            if len(secret) >= SHORTEST:
                known |= {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
        self._known = sorted(known, key=lambda text: (-len(text), text))  # a secret inside another goes second

    def clean(self, text: str) -> str:
        """Return `text` without any of them."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return text

    def clean_all(self, text: str) -> str:
        """Return `text` without them and without whatever has the shape of a secret."""
        text = self.clean(text)
        for shape in SHAPES:
            text = shape.sub(HIDDEN, text)
        return text
