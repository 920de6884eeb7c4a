"""The leaderboard: every scored candidate, deflated by all tries, and what became of those that were refused. Pure.

Everything comes from the signed ledger and from main; nothing of a holdout is in it but the words that were told. It
shows and never decides: what may be merged is the gate's answer, what may be promoted `autarch judge`'s.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import msgspec
import numpy as np

from autarch.errors import UndecidedError
from autarch.evidence.claim import Claim
from autarch.evidence.ledger_count import count_trials
from autarch.evidence.ledger_entry import LedgerEntry, Sealed, Tier
from autarch.evidence.returns import DailyReturns, returns_from
from autarch.evidence.tiers import Identity, tier_earned
from autarch.stats.correlation import long_run_ratio, lower_for_correlation
from autarch.stats.families import effective_trials
from autarch.stats.power import DAILY_MAX, DAYS_A_YEAR
from autarch.stats.sharpe import SharpeSample, dsr, psr, sharpe_sample
from autarch.verdict import GateVerdict, LookWord

CONFIDENCE: Final = 0.95
COMPARED_MAX: Final = 512
"""Newest candidates among which families are counted: every pair is compared, day by day."""
_YEAR: Final = math.sqrt(DAYS_A_YEAR)
_EDGE: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A strategy on main. `trees` are its git tree and those before it that decide the same on every bar."""

    slug: str
    tree: str
    trees: frozenset[str]
    parent: str | None = None
    waived: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate, told on train unless it says otherwise. Sharpe ratios are annual.

    Attributes:
        slug: Its name.
        family: The oldest ancestor on main that its name leads to, else its own name.
        is_incumbent: Whether these decisions are main's of that name.
        pr: Its pull request.
        verdict: The gate's; None: nothing on main was scored under this tree.
        look: The holdout's word, None: nobody looked.
        sharpe: On train, after costs.
        low: Lower end of the interval of 95 %, days lowered for serial correlation.
        high: Its upper end.
        dsr: Probability that the true ratio is above what the best of all tries shows by luck; None: not computed.
        days: On train.
        forward_days: On bars that came after it was fixed.
        e_value: Of those days; 1 says nothing, 20 lifts a promoted strategy to T3.
        tier: What it has earned; None: it is not on main.
        waived: Limits that a human has waived for it.
    """

    slug: str
    family: str
    is_incumbent: bool
    pr: int | None = None
    verdict: GateVerdict | None = None
    look: LookWord | None = None
    sharpe: float | None = None
    low: float | None = None
    high: float | None = None
    dsr: float | None = None
    days: int = 0
    forward_days: int = 0
    e_value: float = 1.0
    tier: Tier | None = None
    waived: tuple[str, ...] = ()


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates of one data set, the best deflated ratio first.

    Attributes:
        dataset: Name of the data set.
        head: The ledger's commit.
        trials: N, as the ledger counts them: never replaced by a smaller number.
        effective: Families of tries among the newest `compared` scored; shown beside N.
        compared: How many were compared for it.
        variance: V[SR] a day of all that was scored, None for fewer than two.
        rows: The candidates.
    """

    dataset: str
    head: str | None
    trials: int
    effective: int
    compared: int
    variance: float | None
    rows: tuple[Row, ...]


class Killed(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that was refused. `checks` are those that failed, `why` what the first of them said."""

    seq: int
    recorded_ms: int
    pr: int | None
    slug: str | None
    checks: tuple[str, ...]
    why: str


def board_of(entries: Collection[Sealed], listed: Sequence[Listed], *, dataset: str, head: str | None) -> Board:
    """Return the leaderboard of data set `dataset` (a name).

    Args:
        entries: Of a verified ledger, oldest first.
        listed: What is on main.
        dataset: Whose train days are compared.
        head: The ledger's commit, to be told.

    Raises:
        RefusedError: kept returns cannot be read.
    """
    own = [s.entry for s in entries if (s.entry.dataset or "").partition("@")[0] == dataset]
    scored = _scored(own)
    kept = {key: returns_from(entry.returns) for key, entry in scored.items() if entry.returns is not None}
    ratios = [entry.sharpe for entry in scored.values() if entry.sharpe is not None]
    variance = float(np.var(ratios, ddof=1)) if len(ratios) > 1 else None
    trials = count_trials(entries)
    compared = list(kept.values())[-COMPARED_MAX:]
    about: dict[tuple[str | None, str | None], list[Sealed]] = {}
    for sealed in entries:
        about.setdefault((sealed.entry.slug, sealed.entry.decisions), []).append(sealed)
    told = [
        _row(entry, kept.get(key), about[key], listed, dataset=dataset, deflation=(trials, variance))
        for key, entry in scored.items()
    ]
    unscored = [one for one in listed if not any(row.is_incumbent and row.slug == one.slug for row in told)]
    rows = [
        *told,
        *(
            Row(slug=one.slug, family=family_of(one.slug, listed), is_incumbent=True, tier="T1", waived=one.waived)
            for one in unscored
        ),
    ]
    return Board(
        dataset=dataset,
        head=head,
        trials=trials,
        effective=_families(compared),
        compared=len(compared),
        variance=variance,
        rows=tuple(sorted(rows, key=_order)),
    )


def rejected(entries: Collection[Sealed], claims: Mapping[str, Claim]) -> tuple[Killed, ...]:
    """Return every candidate that was refused, newest first.

    Args:
        entries: Of a verified ledger.
        claims: By evidence id, those that are here; without its claim a refusal is told without its checks.
    """
    found = []
    for entry in (sealed.entry for sealed in entries):
        if entry.kind == "closed" or entry.verdict == "rejected":
            claim = claims.get(entry.evidence or "")
            failed = [] if claim is None else [one for one in claim.checks if one.verdict == "failed"]
            stopped = (entry.stopped,) if entry.stopped is not None else ()
            found.append(
                Killed(
                    seq=entry.seq,
                    recorded_ms=entry.recorded_ms,
                    pr=entry.pr,
                    slug=entry.slug,
                    checks=tuple(one.name for one in failed) or stopped,
                    why=failed[0].detail if failed else "its evidence is not in this clone" if not stopped else "",
                )
            )
    return tuple(reversed(found))


def kills(killed: Sequence[Killed]) -> tuple[tuple[str, int], ...]:
    """Return how many candidates each check has refused, the most first; one that two refused counts for both."""
    return tuple(Counter(check for one in killed for check in one.checks).most_common())


def family_of(slug: str, listed: Sequence[Listed]) -> str:
    """Return the oldest ancestor of `slug` by the parents that main's manifests name; a circle ends where it closes."""
    parents = {one.slug: one.parent for one in listed}
    seen = [slug]
    while (parent := parents.get(seen[-1])) is not None and parent not in seen:
        seen.append(parent)
    return seen[-1]


def _scored(entries: Sequence[LedgerEntry]) -> dict[tuple[str | None, str | None], LedgerEntry]:
    """Return the newest result of each strategy's each different decisions, in the order they were first scored."""
    found: dict[tuple[str | None, str | None], LedgerEntry] = {}
    for entry in entries:
        if entry.kind == "result" and entry.decisions is not None:
            found[entry.slug, entry.decisions] = entry
    return found


def _row(  # noqa: PLR0913  a candidate, all it is compared with, and what deflates it
    entry: LedgerEntry,
    returns: DailyReturns | None,
    entries: Sequence[Sealed],
    listed: Sequence[Listed],
    *,
    dataset: str,
    deflation: tuple[int, float | None],
) -> Row:
    slug, decisions = str(entry.slug), str(entry.decisions)
    main = next((one for one in listed if one.slug == slug and entry.tree in one.trees), None)
    identity = Identity(
        slug=slug, trees=main.trees if main else frozenset({str(entry.tree)}), decisions=decisions, dataset=dataset
    )
    mine = [s.entry for s in entries if identity.owns(s.entry)]
    forward = next((one.forward for one in reversed(mine) if one.forward is not None), None)
    sample = None if returns is None else _sample(returns)
    lowered = None if sample is None or returns is None else _lowered(sample, returns)
    return Row(
        slug=slug,
        family=family_of(slug, listed),
        is_incumbent=main is not None,
        pr=entry.pr,
        verdict=entry.verdict,
        look=next((one.look.word for one in reversed(mine) if one.look is not None), None),
        sharpe=None if sample is None else sample.ratio * _YEAR,
        low=None if lowered is None else (lowered.ratio - _EDGE * lowered.deviation) * _YEAR,
        high=None if lowered is None else (lowered.ratio + _EDGE * lowered.deviation) * _YEAR,
        dsr=None if sample is None else _deflated(sample, *deflation),
        days=0 if returns is None else int(returns.units.size),
        forward_days=0 if forward is None else forward.days,
        e_value=1.0 if forward is None else forward.e_value,
        tier=None if main is None else tier_earned(entries, identity).tier,
        waived=() if main is None else main.waived,
    )


def _sample(returns: DailyReturns) -> SharpeSample | None:
    try:
        return sharpe_sample(returns.values)
    except (UndecidedError, ValueError):  # no spread, or a ratio that no market gives: there is nothing to deflate
        return None


def _lowered(sample: SharpeSample, returns: DailyReturns) -> SharpeSample:
    return lower_for_correlation(sample, ratio=long_run_ratio(returns.values))


def _deflated(sample: SharpeSample, trials: int, variance: float | None) -> float | None:
    """Return DSR; PSR for a single try, None where the tries' variance is unknown or beyond what is meant."""
    if trials <= 1:
        return psr(sample)
    return None if variance is None or variance > DAILY_MAX**2 else dsr(sample, trials=trials, variance=variance)


def _families(kept: Sequence[DailyReturns]) -> int:
    """Return how many families of tries there are, on all days that any of them has."""
    if not kept:
        return 0
    first = min(one.first_day for one in kept)
    days = max(one.first_day + one.units.size for one in kept) - first
    try:
        return effective_trials(np.stack([one.on(first, days) for one in kept], axis=1))
    except UndecidedError:  # fewer than three days
        return len(kept)


def _order(row: Row) -> tuple[float, float, str]:
    worst = -math.inf
    return (-(row.dsr if row.dsr is not None else worst), -(row.sharpe if row.sharpe is not None else worst), row.slug)
