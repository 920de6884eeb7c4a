"""What an epoch has left to spend, the price of its next test, and how often it may be asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autarch.errors import RefusedError
from autarch.evidence.epoch import EpochAccount, account_of
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import SCHEMA, LedgerEntry, Sealed
from autarch.market.lock_types import DatasetLock

DAY_MS = 86_400_000


def open_account(entries: Iterable[Sealed], lock: DatasetLock) -> EpochAccount:
    """Return the account of the data set's epoch.

    Raises:
        RefusedError: the epoch is closed, or its terms are not those that it began with.
        LedgerError: the ledger's tests contradict its rule.
    """
    account = account_of(entries, dataset=lock.name, epoch=lock.epoch)
    if account.is_closed:
        raise RefusedError(
            f"epoch {lock.epoch.number} of {lock.name} is closed: its holdout answers nothing more. Open a new epoch "
            "on unused bars: autarch data sync, then a new holdout in the lock"
        )
    return account


def begin_epoch(ledger: Ledger, lock: DatasetLock, *, key: Path, now_ms: int) -> None:
    """Write the epoch's terms into the ledger before its first question, unless they are there.

    Raises:
        RefusedError, LedgerError: as `open_account`.
        PushRefusedError: the forge's rules refuse the entry.
    """

    def terms(entries: tuple[Sealed, ...]) -> LedgerEntry | None:
        account = open_account(entries, lock)
        if account.is_begun:
            return None
        return LedgerEntry(
            schema=SCHEMA,
            seq=0,
            prev=None,
            kind="epoch",
            recorded_ms=now_ms,
            dataset=lock.ref,
            epoch=str(lock.epoch.number),
            opening=account.terms(),
        )

    ledger.derive(terms, key=key)


def require_rate(entries: Iterable[Sealed], *, now_ms: int, per_day_max: int) -> None:
    """Refuse a test where so many were asked in the last 24 hours, whatever they said and of which data set.

    Raises:
        RefusedError: with the hour from which the next one may be asked.
    """
    recent = sorted(
        s.entry.recorded_ms for s in entries if s.entry.kind == "judgement" and s.entry.recorded_ms > now_ms - DAY_MS
    )
    if len(recent) >= per_day_max:
        wait_ms = recent[-per_day_max] + DAY_MS - now_ms
        raise RefusedError(
            f"{len(recent)} tests for promotion were asked in the last 24 hours, and the policy allows {per_day_max}; "
            f"ask again in {wait_ms / 3_600_000:.1f} hours"
        )
