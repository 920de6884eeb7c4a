"""Score every strategy on main on the bars since it was fixed: append what is new, say who may be judged, step down.

Code only steps down: an entry can take a tier back at the next release or start, never give one.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import partial

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import AutarchError
from autarch.evidence.epoch import EpochAccount
from autarch.evidence.ledger_entry import SCHEMA, Forward, LedgerEntry, Sealed, Tier
from autarch.evidence.tiers import ORDER, PROMOTED, Earned, tier_earned
from ci.neighbours import PORTFOLIO_PATH
from ci.promotion.account import open_account
from ci.promotion.desk import Present, PromotionDesk, present
from ci.promotion.standing import Standing, standing_of
from ci.promotion.subject import Subject, subjects_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy on main.

    Attributes:
        slug: Its name.
        pr: The pull request that brought it, None: none is known.
        since_ms: From when on bars count for it; None: from this run on.
        days: Forward days.
        e_value: 1 without any day, 0 where the evidence is void.
        earned: The tier the ledger allows now, and why not more.
        asked: What its newest judgement said, "-" without one.
        may_be_judged: Whether a judgement would be a new test, for the price of `Scores.level`.
        problem: Why it could not be scored; there are no numbers then.
        exit_code: Whose move that problem is, as `autarch.errors` has it; 0 without one.
    """

    slug: str
    pr: int | None
    since_ms: int | None = None
    days: int = 0
    e_value: float = 1.0
    earned: Earned
    asked: str = "-"
    may_be_judged: bool = False
    problem: str | None = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """A sleeve of the portfolio that stands higher than the ledger allows."""

    account: str
    strategy: str
    held: Tier
    earned: Earned


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """All strategies of main, entries that were appended, sleeves to step down, and the next test's price."""

    rows: tuple[Row, ...]
    appended: int
    lowered: tuple[Lowered, ...]
    level: float | None
    wealth: float | None

    @property
    def exit_code(self) -> int:
        """Return the gravest of 1 where a sleeve stands too high and of what kept strategies from being scored."""
        return max([int(bool(self.lowered)), *(row.exit_code for row in self.rows)])

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch forward --json`."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found | {"exit_code": self.exit_code}


def score_main(desk: PromotionDesk) -> Scores:
    """Score every strategy on main and append what the ledger does not say yet.

    A strategy that cannot be scored keeps no other from it; its row says why.

    Raises:
        UndecidedError, LedgerError, ConfigError, DataError: as `present`.
        PushRefusedError: the forge's rules refuse an entry.
    """
    now = present(desk)
    account = _account(now)
    rows, appended = [], 0
    for subject in subjects_on(desk.repo, now.main, now.entries):
        desk.progress(f"scoring {subject.slug} on forward bars")
        try:
            standing = standing_of(desk, now, subject)
        except AutarchError as error:
            earned = Earned(tier="T1", why="it could not be scored")
            desk.progress(f"{subject.slug} could not be scored: {error}")
            rows.append(
                Row(slug=subject.slug, pr=subject.pr, earned=earned, problem=str(error), exit_code=error.exit_code)
            )
            continue
        added = now.ledger.derive(partial(_new_entry, desk, now, standing), key=desk.key)
        appended += added is not None
        entries = now.entries if added is None else (*now.entries, added)
        rows.append(_row(subject, standing, entries, account))
    return Scores(
        rows=tuple(rows),
        appended=appended,
        lowered=_lowered(desk.repo.blob_at(now.main, PORTFOLIO_PATH), rows),
        level=None if account is None else account.next_level,
        wealth=None if account is None else account.wealth,
    )


def _account(now: Present) -> EpochAccount | None:
    """Return the epoch's account; None where nothing may be asked of it."""
    start, end = now.inputs.lock.splits.span("holdout")
    if end <= start:
        return None
    try:
        return open_account(now.entries, now.inputs.lock)
    except AutarchError:
        return None


def _new_entry(
    desk: PromotionDesk, now: Present, standing: Standing, entries: tuple[Sealed, ...]
) -> LedgerEntry | None:
    """Return the entry about this standing, None where the newest one says the same."""
    own = [s.entry.forward for s in entries if s.entry.forward is not None and standing.identity.owns(s.entry)]
    weighed, now_ms = standing.weighed, desk.clock_ms()
    from_ms = now_ms if standing.since_ms is None else standing.since_ms
    found = Forward(
        e_value=weighed.e_value,
        days=weighed.days,
        from_ms=from_ms,
        to_ms=standing.forward_to_ms or from_ms,
        tier=weighed.tier,
    )
    if own and (own[-1] == found or (found.days == 0 and own[-1].days == 0)):
        return None
    subject, lock = standing.subject, now.inputs.lock
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="forward",
        recorded_ms=now_ms,
        pr=subject.pr,
        head=subject.head,
        base=now.main,
        slug=subject.slug,
        tree=subject.tree,
        decisions=standing.identity.decisions,
        dataset=lock.ref,
        epoch=str(lock.epoch.number),
        forward=found,
    )


def _row(subject: Subject, standing: Standing, entries: tuple[Sealed, ...], account: EpochAccount | None) -> Row:
    identity = standing.identity
    own = [s.entry for s in entries if identity.owns(s.entry)]
    asked = [entry.judgement.word for entry in own if entry.judgement is not None]
    stored = account is not None and account.answered(
        decisions=identity.decisions, forward_to_ms=standing.forward_to_ms, trees=identity.trees
    )
    is_accepted = any(entry.verdict == "accepted" for entry in own)
    is_promoted = PROMOTED in asked
    return Row(
        slug=subject.slug,
        pr=subject.pr,
        since_ms=standing.since_ms,
        days=standing.weighed.days,
        e_value=standing.weighed.e_value,
        earned=tier_earned(entries, identity),
        asked=asked[-1] if asked else "-",
        may_be_judged=account is not None and not stored and not is_promoted and is_accepted,
    )


class _Sleeve(msgspec.Struct, frozen=True):
    strategy: str
    tier: Tier


class _Account(msgspec.Struct, frozen=True):
    name: str
    sleeves: list[_Sleeve]


class _Wire(msgspec.Struct, frozen=True):
    account: list[_Account]


def _lowered(portfolio: bytes | None, rows: list[Row]) -> tuple[Lowered, ...]:
    """Return the sleeves of a portfolio that stand above what their strategy has earned."""
    try:
        wire = msgspec.convert(parse_toml(portfolio or b""), _Wire, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError):
        return ()  # whether the file is right is for whoever trades by it to say
    earned = {row.slug: row.earned for row in rows}
    return tuple(
        Lowered(account=account.name, strategy=sleeve.strategy, held=sleeve.tier, earned=earned[sleeve.strategy])
        for account in wire.account
        for sleeve in account.sleeves
        if sleeve.strategy in earned and ORDER.index(sleeve.tier) > ORDER.index(earned[sleeve.strategy].tier)
    )
