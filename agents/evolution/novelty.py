"""Is this candidate new? By its code before anything is run, by its decisions before anything expensive is."""

from __future__ import annotations

from collections.abc import Iterable

from agents.evolution.behaviour import Signature, resemblances
from agents.evolution.settings import Novelty


def copied_code(structure: str, known: Iterable[tuple[str, str]]) -> str | None:
    """Return the name of whoever has the same structure, the first of `known` (name, structure); None: nobody.

    An empty structure, of code that does not parse, is nobody's copy.
    """
    return next((name for name, other in known if structure and other == structure), None)


def copied_decisions(
    signature: Signature, known: Iterable[tuple[str, Signature]], *, limits: Novelty
) -> tuple[str, str] | None:
    """Return who decides the same and how much so, the first of `known`; None: nobody does.

    Alike on `alike_max` of what either holds, or exposures that are a multiple of each other.
    """
    listed = list(known)
    for (name, _), found in zip(listed, resemblances(signature, [other for _, other in listed]), strict=True):
        if found.alike >= limits.alike_max:
            return name, f"{found.alike:.1%} of what either holds is alike"
        if found.direction >= limits.same_direction_max:
            return name, f"its exposures are a multiple: cosine {found.direction:.4f}"
    return None
