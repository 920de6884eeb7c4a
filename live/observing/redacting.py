"""Keep secrets out of whatever is written for eyes: by the exact texts, wherever they stand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "[hidden]"
SHORTEST = 4
"""Shorter texts are no secrets, and would blank out half of every line."""


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
