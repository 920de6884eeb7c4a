"""Whom a promotion is asked for: a strategy on main, named by its slug or by the pull request that brought it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autarch.errors import RefusedError, UsageError
from autarch.evidence.ledger_entry import Sealed
from autarch.evidence.tiers import Identity, same_trees
from autarch.repo.git import GitRepo
from autarch.repo.strategies import list_strategies, strategy_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A strategy as main has it. `pr` and `head` name the proposal it was judged as, None: none ever was."""

    slug: str
    tree: str
    trees: frozenset[str]
    pr: int | None
    head: str | None

    def identity(self, *, decisions: str, dataset: str) -> Identity:
        """Return it as the ledger knows it."""
        return Identity(slug=self.slug, trees=self.trees, decisions=decisions, dataset=dataset)


def subject_of(repo: GitRepo, main: str, entries: Sequence[Sealed], target: str) -> Subject:
    """Return the strategy on `main` that `target` names: a slug, or the number of a pull request.

    Raises:
        UsageError: nothing has that name or number.
        RefusedError: the pull request was not merged, or main has another version by now.
    """
    if not (target.isascii() and target.isdigit()):
        return _on_main(repo, main, entries, target)
    number = int(target)
    proposed = {
        (str(s.entry.slug), s.entry.tree) for s in entries if s.entry.kind == "reservation" and s.entry.pr == number
    }
    if not proposed:
        raise UsageError(f"the ledger knows no proposal in pull request {number}; list them: autarch ledger ls")
    for slug, tree in sorted(proposed, key=str):
        if tree is not None and strategy_tree(repo, main, slug) == tree:
            return _on_main(repo, main, entries, slug)
    names = ", ".join(sorted({slug for slug, _ in proposed}))
    raise RefusedError(
        f"main does not have {names} as pull request {number} proposed it: merge it first, or name what main has now: "
        f"autarch judge {min(proposed, key=str)[0]}"
    )


def subjects_on(repo: GitRepo, main: str, entries: Sequence[Sealed]) -> tuple[Subject, ...]:
    """Return every strategy on `main`, by name."""
    return tuple(_on_main(repo, main, entries, slug) for slug in sorted(list_strategies(repo, main)))


def _on_main(repo: GitRepo, main: str, entries: Sequence[Sealed], slug: str) -> Subject:
    tree = strategy_tree(repo, main, slug)
    if tree is None:
        known = ", ".join(sorted(list_strategies(repo, main))) or "none"
        raise UsageError(f"main has no strategy {slug!r}; it has: {known}")
    trees = same_trees(repo, entries, slug=slug, tree=tree)
    proposed = [s.entry for s in entries if s.entry.kind == "reservation" and s.entry.tree in trees]
    newest = proposed[-1] if proposed else None
    return Subject(
        slug=slug,
        tree=tree,
        trees=trees,
        pr=None if newest is None else newest.pr,
        head=None if newest is None else newest.head,
    )
