"""What to write instead of a name that is on no list: its own cure, or the listed name that was meant."""

from __future__ import annotations

from collections.abc import Collection

from autarch.sandbox.source_names import CURES

GENERAL = "it is not on the list of what a strategy may use"
_NO_DATES = "a strategy knows no dates; use bars.hour and bars.weekday"
_MISSED = {
    "date": _NO_DATES,
    "datetime": _NO_DATES,
    "merge": "call pd.merge(a, b, ...)",
    "reindex": "it moves values to other rows; use .shift(n) or ops.lag",
    "sliding_window_view": CURES["stride_tricks"],
    "time": _NO_DATES,
    "timestamp": _NO_DATES,
}
"""Cures for what is harmless as the name of a parameter, which those of CURES are not."""
ALIKE_MIN, ALIKE_FRAC_MIN = 3, 0.55
"""Letters that begin both names, in all and of the written one; own choice: "closing" is near "close".

Beginnings are compared and no edits counted: every name of a hostile file is looked up.
"""


def cure_of(name: str, allowed: Collection[str], *, shown: str = "{}") -> str:
    """Return the cure for `name`; without one, which of `allowed` was probably meant, as `shown` writes it."""
    known = CURES.get(name) or _MISSED.get(name)
    if known:
        return known
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
