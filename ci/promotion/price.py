"""What a test for promotion would cost, told before anybody confirms it: from main and the ledger, no hidden bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from autarch.errors import RefusedError
from autarch.evidence.epoch import EpochAccount
from autarch.evidence.ledger_entry import JudgeWord, LedgerEntry, Sealed
from autarch.evidence.tiers import tier_earned
from autarch.market.lock_types import DatasetLock
from autarch.market.parts import looked_until_ms
from autarch.repo.git import GitRepo
from autarch.stats.power import sharpe_that_passes
from ci.inputs import lock_from, policy_from
from ci.promotion.account import DAY_MS, open_account
from ci.promotion.subject import Subject, subject_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A test's price.

    Attributes:
        strategy: Its name on main.
        pull: The pull request that brought it; None: none is known.
        dataset: The data set whose holdout is asked, as name@digest.
        epoch: Number of its epoch.
        tier: What the ledger allows it now.
        test: Number of the test it would be.
        level: The p-value it must not exceed.
        wealth: What is left to spend before it.
        wealth_after: What is left if it does not pass.
        days: Days of the holdout that are tested.
        sharpe: Annual Sharpe ratio that those days must show by themselves, returns being normal; None: none would do.
        forward_days: Days of forward evidence in the newest entry.
        e_value: Their e-value; 1 without any.
        stored: What is answered for free, unless forward bars have come since; None: nothing was asked yet.
    """

    strategy: str
    pull: int | None
    dataset: str
    epoch: int
    tier: str
    test: int
    level: float
    wealth: float
    wealth_after: float
    days: int
    sharpe: float | None
    forward_days: int
    e_value: float
    stored: JudgeWord | None

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch judge --price --json`."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found


def price_at(  # noqa: PLR0913  the last two are named at the call
    repo: GitRepo, main: str, entries: Sequence[Sealed], target: str, *, policy_path: str, dataset: str | None = None
) -> Price:
    """Return the price of asking about `target`, as main and a verified ledger say.

    Raises:
        UsageError, RefusedError: as `subject_of`, `open_account`; or no verdict ever scored it.
        ConfigError, DataError: main's policy or data set is missing or malformed.
    """
    lock = _lock(repo, main, policy_path, dataset)
    subject = subject_of(repo, main, entries, target)
    account = open_account(entries, lock)
    decisions = _decisions(entries, subject, lock)
    identity = subject.identity(decisions=decisions, dataset=lock.name)
    own = [s.entry for s in entries if identity.owns(s.entry)]
    forward = next((entry.forward for entry in reversed(own) if entry.forward is not None), None)
    start, end = lock.splits.span("holdout")
    days = (end - looked_until_ms(start, end)) // DAY_MS
    return Price(
        strategy=subject.slug,
        pull=subject.pr,
        dataset=lock.ref,
        epoch=lock.epoch.number,
        tier=tier_earned(entries, identity).tier,
        test=account.next_test,
        level=account.next_level,
        wealth=account.wealth,
        wealth_after=account.wealth_after(passed=False),
        days=days,
        sharpe=sharpe_that_passes(days, level=account.next_level) if days > 1 else None,
        forward_days=0 if forward is None else forward.days,
        e_value=1.0 if forward is None else forward.e_value,
        stored=_stored(account, own),
    )


def _lock(repo: GitRepo, main: str, policy_path: str, dataset: str | None) -> DatasetLock:
    def read(path: str) -> bytes | None:
        return repo.blob_at(main, path)

    policy = policy_from(read, policy_path, where=main[:12])
    return lock_from(read, dataset or policy.data.datasets[0], where=main[:12])


def _decisions(entries: Sequence[Sealed], subject: Subject, lock: DatasetLock) -> str:
    """Return the digest that the newest verdict on this tree names."""
    named = [
        s.entry.decisions
        for s in entries
        if s.entry.kind == "result"
        and s.entry.tree in subject.trees
        and (s.entry.dataset or "").partition("@")[0] == lock.name
        and s.entry.decisions is not None
    ]
    if not named:
        raise RefusedError(
            f"no verdict in the ledger scored {subject.slug} on {lock.name}, so it cannot be promoted; propose it so "
            f"that it is judged: autarch propose --strategy {subject.slug}"
        )
    return named[-1]


def _stored(account: EpochAccount, own: Sequence[LedgerEntry]) -> JudgeWord | None:
    asked = [entry for entry in own if entry.kind == "judgement" and entry in account.tests]
    return asked[-1].judgement.word if asked and asked[-1].judgement is not None else None
