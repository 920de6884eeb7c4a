"""What tier a strategy's evidence has bought, derived from the ledger: up by a human's test, down by what came since.

T0 paper only. T1 merged: a probe. T2 promoted by a judgement. T3 promoted, and forward evidence has reached its bar.
Whoever releases, deploys or shows a tier asks here, so that all say the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from autarch.evidence.ledger_entry import LedgerEntry, Sealed, Tier
from autarch.repo.git import GitRepo
from autarch.repo.strategies import strategy_tree

ORDER: Final[tuple[Tier, ...]] = ("T0", "T1", "T2", "T3")
PROMOTED: Final = "may be promoted"
HEIRS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A strategy as the ledger knows it.

    Attributes:
        slug: Its name.
        trees: Its git tree, and those before it that decide the same on every bar, hidden ones included.
        decisions: The decision digest, which speaks of train bars.
        dataset: Name of the data set.
    """

    slug: str
    trees: frozenset[str]
    decisions: str
    dataset: str

    def owns(self, entry: LedgerEntry) -> bool:
        """Return whether an entry speaks of this strategy, these decisions and this data set."""
        is_same = (entry.slug, entry.decisions) == (self.slug, self.decisions) and entry.tree in self.trees
        return is_same and (entry.dataset or "").partition("@")[0] == self.dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """The highest tier a strategy may be at, and in one clause why not a higher one."""

    tier: Tier
    why: str


def tier_earned(entries: Iterable[Sealed], identity: Identity) -> Earned:
    """Return the tier that the ledger allows: what its newest judgement bought, no more than forward bars leave.

    A later "may not" takes nothing back by itself: it is a test that did not pass. What takes back is forward evidence.
    """
    own = [s.entry for s in entries if identity.owns(s.entry)]
    forward = next((entry.forward for entry in reversed(own) if entry.forward is not None), None)
    is_promoted = any(entry.judgement is not None and entry.judgement.word == PROMOTED for entry in own)
    bought = Earned(tier="T3", why="") if is_promoted else Earned(tier="T1", why="no judgement says that it may be")
    left = (
        Earned(tier="T2", why="no forward evidence is in the ledger")
        if forward is None
        else Earned(tier=forward.tier, why=f"{forward.days} forward days leave it {forward.tier}")
    )
    return min(bought, left, key=lambda earned: ORDER.index(earned.tier))


def lower(one: Tier, other: Tier) -> Tier:
    """Return the lower of two tiers."""
    return min(one, other, key=ORDER.index)


def same_trees(repo: GitRepo, entries: Iterable[Sealed], *, slug: str, tree: str) -> frozenset[str]:
    """Return `tree` and those it took the place of in the lane "same": equal decisions on all bars, compared in secret.

    Args:
        repo: Holds the commits that the entries name as bases.
        entries: Of a verified ledger.
        slug: The strategy.
        tree: Its git tree now.
    """
    bases: dict[str, list[str]] = {}
    for entry in (sealed.entry for sealed in entries):
        if entry.lane == "same" and entry.slug == slug and entry.tree is not None and entry.base is not None:
            bases.setdefault(entry.tree, []).append(entry.base)
    found, waiting = {tree}, [tree]
    while waiting and len(found) < HEIRS_MAX:
        for base in bases.get(waiting.pop(), ()):
            before = strategy_tree(repo, base, slug) if repo.resolve(base) is not None else None
            if before is not None and before not in found:
                found.add(before)
                waiting.append(before)
    return frozenset(found)


def forward_since(entries: Collection[Sealed], identity: Identity) -> int | None:
    """Return from when on bars are forward evidence of a strategy, epoch ms; None: the ledger does not know it.

    The reservation under which these decisions were scored, or where the knowledge of the model behind it ends, if
    later. Decisions that no proposal was scored with came of a platform change: the first entry that names them, which
    is never earlier than that change's merge.
    """
    reserved: dict[str | None, LedgerEntry] = {s.digest: s.entry for s in entries if s.entry.kind == "reservation"}
    scored = [
        reserved[entry.reservation]
        for entry in (s.entry for s in entries)
        if entry.kind == "result" and identity.owns(entry) and entry.reservation in reserved
    ]
    if scored:
        return min(max(entry.recorded_ms, entry.cutoff_ms or 0) for entry in scored)
    named = [s.entry.recorded_ms for s in entries if s.entry.kind == "forward" and identity.owns(s.entry)]
    return min(named) if named else None
