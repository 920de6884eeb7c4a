"""What a platform change does to the verdicts of strategies on main: two claims each, compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from autarch.evidence.claim import Claim, Difference, differences
from autarch.verdict import GateVerdict

_NAMES_ITSELF = ("engine", "policy.", "dataset.")
"""Fields that name the platform by digest: they differ by intent, and say nothing about a strategy."""

_IN_WORDS = ".detail"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the change says of one strategy: its claim, or the verdict without one and the sentence that says why."""

    slug: str
    claim: Claim | None = None
    verdict: GateVerdict | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyChange:
    """One strategy on main: its verdict as it stands and under the change, and each value that differs.

    `now` is None where the change could not be tried and `was` where main itself gives no claim, for the reason
    in `problem`; that also says what a verdict without a claim lacks.
    """

    slug: str
    was: GateVerdict | None = None
    now: GateVerdict | None = None
    differs: tuple[Difference, ...] = ()
    problem: str = ""

    @property
    def is_same(self) -> bool:
        """True when both judged, and alike in everything."""
        return not self.differs and not self.problem and self.was == self.now

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch gate --json`."""
        return {
            "strategy": self.slug,
            "was": self.was,
            "now": self.now,
            "differs": [msgspec.to_builtins(one) for one in self.differs],
            "problem": self.problem or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformChanges:
    """Every strategy on main under a platform change, by slug; `note` says why none was judged, or what was."""

    note: str
    strategies: tuple[StrategyChange, ...] = ()

    @property
    def changed(self) -> tuple[StrategyChange, ...]:
        """Those that differ, or could not be told."""
        return tuple(one for one in self.strategies if not one.is_same)

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch gate --json`."""
        return {"note": self.note, "strategies": [one.to_json() for one in self.strategies]}


def compared(slug: str, was: Claim, now: Claim) -> StrategyChange:
    """Return what differs between a strategy's claim on main and the one under the change, its wording aside."""
    found = [one for one in differences(was, now) if _counts(one.field)]
    return StrategyChange(slug=slug, was=was.verdict, now=now.verdict, differs=tuple(found))


def changes_of(claims: Mapping[str, Claim | str], found: Mapping[str, Found], *, seconds: float) -> PlatformChanges:
    """Return the changes of all strategies.

    Args:
        claims: Slug -> what main says, or why main says nothing.
        found: Slug -> what the change says, or why it says nothing; one that is missing was not reached in time.
        seconds: How long all of it might take, for the words.
    """
    rows = tuple(_row(slug, claims[slug], found.get(slug), seconds=seconds) for slug in sorted(claims))
    differ = [row for row in rows if not row.is_same]
    note = f"{len(differ)} of {len(rows)} strategies on main are judged otherwise" if differ else ""
    return PlatformChanges(
        note=note or f"all {len(rows)} strategies on main are judged as before, to the last digit", strategies=rows
    )


def _row(slug: str, was: Claim | str, found: Found | None, *, seconds: float) -> StrategyChange:
    if isinstance(was, str):
        return StrategyChange(slug=slug, problem=f"main gives no verdict to compare with: {was}")
    if found is None:
        return StrategyChange(slug=slug, was=was.verdict, problem=f"not reached within {seconds:.0f} s")
    if found.claim is not None:
        return compared(slug, was, found.claim)
    return StrategyChange(slug=slug, was=was.verdict, now=found.verdict, problem=found.problem)


def _counts(field: str) -> bool:
    return not field.startswith(_NAMES_ITSELF) and not field.endswith(_IN_WORDS)
