"""An author who learns from every answer: a thousand proposals, each made of what was said of those before.

It knows all of train, the rules, the ledger and every word; it passes every check on train, since it can always fit
that. Exit code, messages, digests, evidence and ledger of a proposal all carry the same word (time is padded: see
the tests of the vault), so the word is what a round teaches. It takes a new name each time, so nothing is counted
against it. None of its proposals has an edge. Every hundred rounds a human asks `judge` about its newest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from autarch.evidence.epoch import rule_of
from autarch.market.lock_types import Epoch
from autarch.market.parts import DAY_MS, looked_until_ms
from autarch.market.types import Floats
from autarch.stats.online import Tested
from benchmarks.calibration.pool import Pool
from benchmarks.calibration.proposals import measured, word_on, world_of
from ci.promotion.deciding import settle

FIRSTS: Final = 100
LEGS: Final = 8
"""Rules that one proposal mixes, each bought or sold."""
ASKED_EVERY: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Climbed:
    """What a thousand answers were worth, in annual Sharpe ratios on this holdout.

    Attributes:
        first: Of a first proposal, on the days that decide: the mean of FIRSTS, of which it took one blindly.
        last: Of its last, on the days that decide.
        looked: Of its last, on the days that looks open.
        promoted: Whether any of its tests passed; each would be a false promotion.
    """

    first: float
    last: float
    looked: float
    promoted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """How an adversary goes about it.

    Attributes:
        days: Length of the holdout.
        rounds: Proposals.
        plan: `add and subtract`: what was improved is added, what was worse is taken away. `climb`: each is the newest
            merged one with something added, and a human merges what is improved.
        is_parted: Whether looks and the test of promotion have days of their own; else both have all of them.
    """

    days: int
    rounds: int
    plan: Literal["add and subtract", "climb"]
    is_parted: bool


def attack(pool: Pool, campaign: Campaign, *, seed: int) -> Climbed:
    """Return how far an adversary comes in the world of `seed`."""
    rng = np.random.default_rng([seed, campaign.days])
    bars = _bars(pool, campaign, rng)
    plan = _PLANS[campaign.plan]
    judged = _Judged()
    first = float(np.mean([_annual(bars.direction(rng)[bars.kept]) for _ in range(FIRSTS)]))
    best = np.zeros(bars.returns.shape[0])
    for number in range(1, campaign.rounds + 1):
        best = plan(best, bars.direction(rng), bars, seed)
        if number % ASKED_EVERY == 0 and best.any():
            judged.ask(best[bars.kept])
    return Climbed(
        first=first,
        last=_annual(best[bars.kept]) if best.any() else first,
        looked=_annual(best[bars.looked]) if best.any() else 0.0,
        promoted=judged.promoted,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bars:
    """Returns (T, K) of train and then holdout, and which rows are train, are looked at and are kept for the test."""

    returns: Floats
    train: slice
    looked: slice
    kept: slice

    def direction(self, rng: np.random.Generator) -> Floats:
        """Return the daily returns (T,) of a fresh mix of rules."""
        legs = rng.choice(self.returns.shape[1], size=LEGS, replace=False)
        mixed: Floats = (self.returns[:, legs] * rng.choice([-1.0, 1.0], size=LEGS)).sum(axis=1) / LEGS
        return mixed

    def word(self, daily: Floats, beside: Floats | None, seed: int) -> str:
        """Return what a look says of `daily`, beside cash where there is nothing else."""
        deviation = float(daily[self.train].std(ddof=1))
        if beside is None:
            return word_on(daily[self.looked], deviation, seed=seed)
        other = float(beside[self.train].std(ddof=1))
        return word_on(daily[self.looked], deviation, seed=seed, incumbent=beside[self.looked], other=other)


def _bars(pool: Pool, campaign: Campaign, rng: np.random.Generator) -> _Bars:
    world = world_of(pool, rng)
    hidden = world.holdout[: campaign.days]
    start, end = world.train.size, world.train.size + campaign.days
    part = start + looked_until_ms(0, campaign.days * DAY_MS) // DAY_MS
    whole = slice(start, end)
    return _Bars(
        returns=pool.returns[np.concatenate([world.train, hidden])] / pool.returns.std(axis=0),
        train=slice(0, start),
        looked=slice(start, part) if campaign.is_parted else whole,
        kept=slice(part, end) if campaign.is_parted else whole,
    )


def _add_and_subtract(best: Floats, step: Floats, bars: _Bars, seed: int) -> Floats:
    word = bars.word(step, None, seed)
    return best + step * (1.0 if word == "improved" else -1.0 if word == "worse" else 0.0)


def _climb(best: Floats, step: Floats, bars: _Bars, seed: int) -> Floats:
    tried = best + step
    return tried if bars.word(tried, best if best.any() else None, seed) == "improved" else best


_PLANS: Final = {"add and subtract": _add_and_subtract, "climb": _climb}


class _Judged:
    """An epoch's tests, as a human asks for them."""

    def __init__(self) -> None:
        self._rule = rule_of(Epoch())
        self._so_far: list[Tested] = []

    def ask(self, daily: Floats) -> None:
        answer = settle(self._rule, self._so_far, measured(daily))
        self._so_far.append(Tested(p=1.0, level=answer.level, passed=answer.passed))

    @property
    def promoted(self) -> bool:
        return any(one.passed for one in self._so_far)


def _annual(daily: Floats) -> float:
    return float(daily.mean() / daily.std(ddof=1)) * math.sqrt(365.0)
