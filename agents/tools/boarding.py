"""The board and the rejections as a model may see them: train alone, and never a word of the holdout's."""

from __future__ import annotations

from autarch.errors import AutarchError
from autarch.evidence.board import Listed, board_of, kills, rejected
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import Sealed
from autarch.repo.git import GitRepo
from autarch.repo.signers import trust_at
from autarch.repo.strategies import list_strategies, strategy_tree

ROWS_MAX = 30


class LocalBoard:
    """Answers `leaderboard` and `rejections` from the ledger as this clone has it; asks no forge."""

    def __init__(self, repo: GitRepo, base: str, dataset: str) -> None:
        """Read main and its keys at `base`; `dataset` is a name."""
        self._repo, self._base, self._dataset = repo, base, dataset

    def __call__(self, what: str) -> str:
        """Return the lines, or why there are none."""
        try:
            head = self._repo.read_ref(LEDGER_REF)
            if head is None:
                return "nothing was judged here yet"
            entries = Ledger(self._repo, trust=trust_at(self._repo, self._base, "ci")).entries(head)
            return self._ranked(entries, head) if what == "leaderboard" else self._refused(entries)
        except AutarchError as error:
            return f"it cannot be shown: {error}"

    def _ranked(self, entries: tuple[Sealed, ...], head: str) -> str:
        board = board_of(entries, self._listed(), dataset=self._dataset, head=head)
        lines = [f"{board.trials} trials in the ledger, {board.effective} families; annual Sharpe on train"]
        for row in board.rows[:ROWS_MAX]:
            numbers = f"{_shown(row.sharpe)} [{_shown(row.low)}, {_shown(row.high)}], deflated {_shown(row.dsr)}"
            lines.append(f"{row.slug} ({'main' if row.is_incumbent else row.verdict or 'open'}): {numbers}")
        return "\n".join(lines)

    def _refused(self, entries: tuple[Sealed, ...]) -> str:
        found = rejected(entries, {})
        counted = ", ".join(f"{check} {count}" for check, count in kills(found)) or "nothing"
        newest = [f"{one.slug or 'a pull request'}: {', '.join(one.checks) or 'refused'}" for one in found[-ROWS_MAX:]]
        return "\n".join([f"refused by check: {counted}", *reversed(newest)])

    def _listed(self) -> tuple[Listed, ...]:
        trees = [
            (slug, strategy_tree(self._repo, self._base, slug)) for slug in list_strategies(self._repo, self._base)
        ]
        return tuple(Listed(slug=slug, tree=tree, trees=frozenset({tree})) for slug, tree in trees if tree is not None)


def _shown(value: float | None) -> str:
    return "-" if value is None else format(value, ".2f")
