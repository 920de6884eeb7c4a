"""An epoch's account, derived from the ledger: its terms, its tests for promotion, the level of the next one.

Everything follows from the order of entries and from what each test said, so that anyone derives the same level; an
entry that says another is a forged or a broken one and is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from autarch.errors import RefusedError
from autarch.evidence.ledger_entry import LedgerEntry, LedgerError, Opening, Sealed
from autarch.market.lock_types import Epoch
from autarch.stats.online import OnlineRule, Rule, Tested

RULE: Final[Rule] = "lord++ early"
"""Of an epoch that begins now: LORD++ whose levels fall from the first test on, since humans ask few."""
RULES: Final[dict[str, Rule]] = {"lord++": "lord++", RULE: RULE}
"""What an epoch may have begun with: it ends with the same."""
_SLACK: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochAccount:
    """What an epoch has spent.

    Attributes:
        dataset: Name of the data set.
        epoch: Its terms, as the data set's lock fixes them.
        tests: Entries of its tests, in order.
        is_begun: Whether its terms stand in the ledger.
        is_closed: Whether it was closed: nothing may be asked any more.
        rule_name: By which rule it is tested: the one its terms name, today's where they do not stand there yet.
    """

    dataset: str
    epoch: Epoch
    tests: tuple[LedgerEntry, ...]
    is_begun: bool
    is_closed: bool
    rule_name: Rule = RULE

    @property
    def rule(self) -> OnlineRule:
        """The rule that gives its levels."""
        return rule_of(self.epoch, name=self.rule_name)

    @property
    def tested(self) -> tuple[Tested, ...]:
        """Its tests as the rule knows them; their p-values are sealed."""
        return tuple(_so_far(self.tests))

    @property
    def next_test(self) -> int:
        """Number of the next test."""
        return len(self.tests) + 1

    @property
    def next_level(self) -> float:
        """Level of the next test."""
        return self.rule.next_level(_so_far(self.tests))

    @property
    def wealth(self) -> float:
        """What is left to spend."""
        return self.rule.wealth(_so_far(self.tests))

    def wealth_after(self, *, passed: bool) -> float:
        """Return what is left after one more test that passes, or does not."""
        so_far = _so_far(self.tests)
        return self.rule.wealth([*so_far, Tested(p=0.0, level=self.next_level, passed=passed)])

    def answered(
        self, *, decisions: str, forward_to_ms: int | None, trees: Collection[str] | None = None
    ) -> LedgerEntry | None:
        """Return the stored answer about the same decisions where no newer forward bar has come since; else None.

        Args:
            decisions: Their digest, which speaks of train bars alone.
            forward_to_ms: End of the newest forward bar there is evidence from; None: there is none.
            trees: Strategy trees that are known to decide the same on all bars; None: any.
        """
        for entry in reversed(self.tests):
            test = entry.judgement
            if entry.decisions == decisions and test is not None and (trees is None or entry.tree in trees):
                newest = test.forward_to_ms or 0
                return entry if (forward_to_ms or 0) <= newest else None
        return None

    def terms(self) -> Opening:
        """Return the terms as an entry states them."""
        epoch = self.epoch
        return Opening(alpha=epoch.alpha, w0=epoch.w0, ladder_step=epoch.ladder_step, rule=self.rule_name)


def rule_of(epoch: Epoch, *, name: Rule = RULE) -> OnlineRule:
    """Return the online rule of an epoch; `name` is the one it began with, where it did.

    Raises:
        ValueError: its alpha and w0 hold nothing.
    """
    return OnlineRule(name=name, alpha=epoch.alpha, w0=epoch.w0)


def account_of(entries: Iterable[Sealed], *, dataset: str, epoch: Epoch) -> EpochAccount:
    """Return the account of `epoch` of data set `dataset` (its name), derived from a verified ledger.

    Raises:
        LedgerError: a test is missing or twice, says another level or wealth than the rule, or the rule is unknown.
        RefusedError: the lock's terms are not those that the epoch began with: policy cannot change inside one.
    """
    own = [s.entry for s in entries if _is_of(s.entry, dataset, epoch.number)]
    openings = [entry.opening for entry in own if entry.opening is not None]
    tests = tuple(entry for entry in own if entry.kind == "judgement")
    account = EpochAccount(
        dataset=dataset,
        epoch=epoch,
        tests=tests,
        is_begun=bool(openings),
        is_closed=any(opening.revealed is not None for opening in openings),
        rule_name=_rule_named(openings),
    )
    for opening in openings:
        _require_same_terms(account, opening)
    _require_rule(account)
    return account


def _is_of(entry: LedgerEntry, dataset: str, number: int) -> bool:
    return entry.epoch == str(number) and (entry.dataset or "").partition("@")[0] == dataset


def _rule_named(openings: Sequence[Opening]) -> Rule:
    """Return the rule of the first opening; a later one that names another is refused with the other terms."""
    if not openings:
        return RULE
    if openings[0].rule not in RULES:
        raise LedgerError(
            f"an epoch began with the rule {openings[0].rule!r}; this version knows {', '.join(RULES)}: use a newer one"
        )
    return RULES[openings[0].rule]


def _require_same_terms(account: EpochAccount, opening: Opening) -> None:
    expected = account.terms()
    for name in ("alpha", "w0", "ladder_step", "rule"):
        found, wanted = getattr(opening, name), getattr(expected, name)
        if found != wanted:
            raise RefusedError(
                f"epoch {account.epoch.number} of {account.dataset} began with {name} {found}; the lock now says "
                f"{wanted}. Terms cannot change inside an epoch: restore the lock, or open a new epoch on unused bars"
            )


def _require_rule(account: EpochAccount) -> None:
    rule, so_far = account.rule, list[Tested]()
    for number, entry in enumerate(account.tests, 1):
        test = entry.judgement
        if test is None or test.test != number:
            raise LedgerError(f"ledger entry {entry.seq} is no test {number} of its epoch: one is missing or twice")
        level = rule.next_level(so_far)
        so_far.append(Tested(p=0.0, level=level, passed=test.word == "may be promoted"))
        if abs(test.level - level) > _SLACK or abs(test.wealth - rule.wealth(so_far)) > _SLACK:
            raise LedgerError(
                f"ledger entry {entry.seq} says test {number} ran at level {test.level!r} and left {test.wealth!r}; "
                f"the rule gives {level!r} and {rule.wealth(so_far)!r}"
            )


def _so_far(tests: Sequence[LedgerEntry]) -> list[Tested]:
    return [
        Tested(p=0.0, level=test.level, passed=test.word == "may be promoted")
        for test in (entry.judgement for entry in tests)
        if test is not None
    ]
