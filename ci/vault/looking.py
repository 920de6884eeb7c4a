"""Look at the holdout for the evidence check: is a proposal worse there than what stands in its place?

Only its first part is opened (`autarch.market.parts`): the test of promotion needs days of which no word was told.
Daily returns on that part's days, each divided by its own train deviation so that leverage buys nothing, compared by
day. eta is the standard error of their mean difference. Worse: below minus eta; improved: above eta; else no change.
The numbers, and the Ladder's score rounded to whole etas, are sealed.

Source: Blum and Hardt, "The Ladder" (2015); the paired form for time series is ours (`autarch.stats.ladder`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.errors import UndecidedError
from autarch.evaluation import decide_blocks
from autarch.evidence.ledger_entry import Look
from autarch.evidence.sealing import place_key, seal
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.market.lock_types import DatasetLock
from autarch.market.parts import looked_until_ms
from autarch.market.types import Floats, Market
from autarch.stats.ladder import compare_paired
from autarch.verdict import LookWord
from ci.vault.bars import hidden_runs, rows_until
from ci.vault.days import played_from
from ci.vault.opening import Vault, answer_after

NOTHING: Final = "not computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: a candidate beside what stands in its place on main; None: cash does.

    `capital` is the policy's, `place` the digest of the reservation, `seconds` how long an answer takes.
    """

    lock: DatasetLock
    candidate: StrategySource
    incumbent: StrategySource | None
    capital: float
    place: str
    seconds: float


def look(vault: Vault, question: Question) -> Look:
    """Return the holdout's word and the seal of what is behind it."""
    key = place_key(vault.key.read_bytes(), question.place)
    nothing: tuple[LookWord, dict[str, float]] = (NOTHING, {})
    word, numbers = answer_after(vault, lambda: compared(vault, question), otherwise=nothing, seconds=question.seconds)
    return Look(word=word, sealed=seal(key, {"word": word, **numbers}))


def compared(vault: Vault, question: Question) -> tuple[LookWord, dict[str, float]]:
    """Return the word and the numbers behind it; they may not leave the vault but under seal.

    Raises:
        UndecidedError: too few days, or no spread to compare.
        StrategyError, SandboxError, DataError: the strategy, its child or the bars failed.
    """
    ours = _played(vault, question, question.candidate)
    theirs = _STILL if question.incumbent is None else _played(vault, question, question.incumbent)
    if ours.is_ruined or theirs.is_ruined:
        word: LookWord = (
            "no change" if theirs.is_ruined and ours.is_ruined else "worse" if ours.is_ruined else "improved"
        )
        return word, {"ruined": 1.0}
    other = np.zeros_like(ours.daily) if question.incumbent is None else theirs.daily
    if not (ours.scaled(ours.daily) - theirs.scaled(other)).any():
        return "no change", {"mean": 0.0}
    found = compare_paired(
        ours.daily,
        other,
        candidate_deviation=ours.deviation,
        incumbent_deviation=theirs.deviation,
        seed=_seed(question),
    )
    word = "improved" if found.improved else "worse" if found.worse else "no change"
    numbers = {"mean": found.mean, "eta": found.eta, "days": float(other.size)}
    return word, numbers if found.score is None else {**numbers, "score": found.score}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    """Daily returns on the holdout's days, and their standard deviation on train."""

    daily: Floats
    deviation: float
    is_ruined: bool

    def scaled(self, daily: Floats) -> Floats:
        return daily / self.deviation


_STILL: Final = _Played(daily=np.empty(0), deviation=1.0, is_ruined=False)


def _played(vault: Vault, question: Question, source: StrategySource) -> _Played:
    """Play a strategy on train for its deviation, and on the holdout.

    Raises:
        UndecidedError: it never moved on train, or there is no holdout.
    """
    manifest = source.manifest
    symbols = (*manifest.symbols, *manifest.context)
    train = load_market(question.lock, split="train", symbols=symbols, interval=manifest.interval, stores=vault.stores)
    on_train, _ = _daily(vault, question, source, train, 0)
    until_ms = looked_until_ms(*question.lock.splits.span("holdout"))
    whole = hidden_runs(vault.stores, question.lock, manifest, splits={"holdout"})
    runs = [(rows_until(market, until_ms), first) for market, first in whole if market.ts[first] < until_ms]
    if not runs or on_train.size < 2 or not on_train.any():
        raise UndecidedError("nothing to compare: no holdout bars, or a strategy that never moved on train")
    parts = [_daily(vault, question, source, market, first) for market, first in runs]
    return _Played(
        daily=np.concatenate([daily for daily, _ in parts]),
        deviation=float(on_train.std(ddof=1)),
        is_ruined=any(ruined for _, ruined in parts),
    )


def _daily(vault: Vault, question: Question, source: StrategySource, market: Market, first: int) -> tuple[Floats, bool]:
    """Return daily returns from row `first` on, entered flat there, and whether they end in ruin."""
    decisions = decide_blocks(vault.worker, source, market)
    return played_from(decisions, source, market, first=first, lock=question.lock, capital=question.capital)


def _seed(question: Question) -> int:
    """Return the bootstrap's seed: from the epoch and both strategies."""
    names = (
        str(question.lock.epoch.number),
        question.candidate.digest,
        "" if question.incumbent is None else question.incumbent.digest,
    )
    return int.from_bytes(hashlib.sha256("\n".join(names).encode()).digest()[:8], "big")
