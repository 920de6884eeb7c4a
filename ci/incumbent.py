"""What a candidate would replace, read from main as blobs."""

from __future__ import annotations

from autarch.errors import StrategyError, UsageError
from autarch.manifest import SLUG, StrategySource
from autarch.repo.git import GitRepo
from autarch.repo.strategies import read_strategy, strategy_tree
from ci.candidate import Incumbent


def incumbent_of(repo: GitRepo, base: str, source: StrategySource) -> Incumbent | None:
    """Return main's version of the strategy at `base`, else of its `[origin] parent`, else None, which is cash.

    A folder on main that is no strategy is nobody's incumbent.
    """
    parent, _, _ = (source.manifest.origin.parent or "").partition("@")
    for slug in (source.manifest.name, parent):
        tree = strategy_tree(repo, base, slug) if SLUG.match(slug) else None
        if tree is not None:
            try:
                return Incumbent(slug=slug, tree=tree, source=read_strategy(repo, base, slug))
            except (StrategyError, UsageError):
                return None
    return None
