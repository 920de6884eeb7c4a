"""The highest tier that a ledger allows each strategy of a release: no tag exceeds it, what came since lowers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autarch.errors import DeployError
from autarch.evidence.ledger_entry import Sealed
from autarch.evidence.released import Released
from autarch.evidence.tiers import ORDER, Identity, same_trees, tier_earned
from autarch.repo.git import GitRepo
from live.portfolio import Tier


def ceilings_of(repo: GitRepo, entries: Sequence[Sealed], released: Released) -> dict[str, Tier]:
    """Return the tier that the entries of a verified ledger allow each strategy of a release."""
    dataset = released.dataset.partition("@")[0]
    found: dict[str, Tier] = {}
    for item in released.strategies:
        trees = same_trees(repo, entries, slug=item.strategy, tree=item.tree)
        identity = Identity(slug=item.strategy, trees=trees, decisions=item.decisions, dataset=dataset)
        found[item.strategy] = tier_earned(entries, identity).tier
    return found


def require_tiers(released: Released, ceilings: Mapping[str, Tier]) -> None:
    """Refuse a tag that gives a strategy more than the ledger it names had allowed.

    Raises:
        DeployError: naming the strategy and both tiers.
    """
    for item in released.strategies:
        allowed = ceilings[item.strategy]
        if item.tier not in ORDER or ORDER.index(item.tier) > ORDER.index(allowed):
            raise DeployError(
                f"{released.tag} has {item.strategy} at {item.tier}, and the ledger it names allows {allowed}: no "
                "judgement bought more. Release again with `autarch release`"
            )
