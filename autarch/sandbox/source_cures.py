"""What to write instead of a name that is on no list: its own cure, or the listed name that was meant."""

from __future__ import annotations

from collections.abc import Collection

from autarch.sandbox.source_names import CURES

GENERAL = "it is not on the list of what a strategy may use"
ALIKE_MIN, ALIKE_FRAC_MIN = 3, 0.55
"""Letters that begin both names, in all and of the written one; own choice: "closing" is near "close".

Beginnings are compared and no edits counted: every name of a hostile file is looked up.
"""


def cure_of(name: str, allowed: Collection[str], *, shown: str = "{}") -> str:
    """Return the cure for `name`; without one, which of `allowed` was probably meant, as `shown` writes it."""
    if name in CURES:
        return CURES[name]
    asked = name.lower()
    alike = {
        listed: _begun_alike(listed.lower(), asked)
        for listed in allowed
        if listed[:ALIKE_MIN].lower() == asked[:ALIKE_MIN]
    }
    near = [listed for listed, letters in alike.items() if letters >= ALIKE_FRAC_MIN * len(name)]
    if not near:
        return GENERAL
    meant = min(near, key=lambda listed: (-alike[listed], len(listed), listed))
    return f"{GENERAL}; did you mean {shown.format(meant)}?"


def _begun_alike(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
