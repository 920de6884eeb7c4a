"""Who gets the money, and how long a true edge waits for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from autarch.evidence.epoch import rule_of
from autarch.evidence.ledger_entry import Tier
from autarch.market.lock_types import Epoch
from autarch.market.parts import DAY_MS, looked_until_ms
from autarch.market.types import Floats
from autarch.stats.forward import e_process
from autarch.stats.online import Tested
from autarch.stats.resampling import stationary_rows
from benchmarks.calibration.pool import Pool
from benchmarks.calibration.proposals import BLOCK_DAYS, Proposal, measured
from ci.policy import Policy, load_policy
from ci.promotion.deciding import settle
from ci.promotion.forward import weigh

ROOT: Final = Path(__file__).resolve().parents[2]
VOLATILITY: Final = 0.25
"""Annual; returns are scaled to it where losses are held against limits: the pool's rules hold one whole position."""
SCORED_EVERY: Final = 30
ASKED_AT: Final = 4.0
"""A human asks at the merge, and whenever the forward e-value, which all may see, is this many times the last."""
YEARS_MAX: Final = 5
SHIPPED_DAYS: Final = (91, 191)
"""Holdouts of the data set in the repository, and of two years of real bars cut 60 : 25 : 15."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Capital-days, in accounts times days, that strategies without edge and with one had: with tiers, and without."""

    none_tiers: float
    none_flat: float
    true_tiers: float
    true_flat: float


def standard_policy() -> Policy:
    """Return the policy of this tree."""
    return load_policy(ROOT)


def spent(merged: Sequence[Proposal], promoted: Sequence[bool], policy: Policy) -> Spent:
    """Return the capital-days of a year after all of `merged` went live together, the account parted evenly.

    Args:
        merged: What the gate accepted.
        promoted: Which of them the test promoted.
        policy: Its tiers.
    """
    totals = dict.fromkeys(("none_tiers", "none_flat", "true_tiers", "true_flat"), 0.0)
    size = merged[0].forward.size if merged else 0
    for day in range(0, size, SCORED_EVERY):
        tiers = [_tier(one, day, policy, is_promoted=p) for one, p in zip(merged, promoted, strict=True)]
        length = min(SCORED_EVERY, size - day)
        for one, share in zip(merged, shares(tiers, policy), strict=True):
            kind = "true" if one.edge > 0.0 else "none"
            totals[f"{kind}_tiers"] += length * share
            totals[f"{kind}_flat"] += length / len(merged)
    return Spent(**totals)


def shares(tiers: Sequence[Tier], policy: Policy) -> list[float]:
    """Return each sleeve's share of the account: probes are capped alone and together, T2 has a part, T3 all of it."""
    weight = 1.0 / max(1, len(tiers))
    caps = policy.tiers
    probe = min(weight, caps.probe_capital_frac)
    probes = sum(tier == "T1" for tier in tiers)
    probe *= min(1.0, caps.probe_together_frac / max(probe * probes, 1e-12))
    of: dict[Tier, float] = {"T0": 0.0, "T1": probe, "T2": caps.promoted_frac * weight, "T3": weight}
    return [of[tier] for tier in tiers]


def _tier(one: Proposal, day: int, policy: Policy, *, is_promoted: bool) -> Tier:
    scale = VOLATILITY / math.sqrt(365.0) / one.deviation
    found = weigh(one.forward[:day] * scale, is_ruined=False, deviation=one.deviation * scale, policy=policy).tier
    return found if is_promoted or found == "T0" else "T1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """When a strategy with an edge was promoted: days after its merge, None: not within YEARS_MAX."""

    edge: float
    holdout_days: int
    days: int | None


def waited(pool: Pool, policy: Policy, *, seed: int, edge: float, holdout_days: int) -> Waited:
    """Return how long one true strategy waits, alone in its epoch."""
    rng = np.random.default_rng([seed, holdout_days, int(edge * 10)])
    daily = _daily(pool, rng, holdout_days + YEARS_MAX * 365, edge=edge)
    holdout, forward = daily[:holdout_days], daily[holdout_days:]
    kept = holdout[looked_until_ms(0, holdout_days * DAY_MS) // DAY_MS :]
    e_values = e_process(
        np.maximum(forward, -policy.risk.worst_day_frac_max),
        loss_max=policy.risk.worst_day_frac_max,
        prior_deviation=VOLATILITY / math.sqrt(365.0),
    )
    rule, so_far, found = rule_of(Epoch()), list[Tested](), measured(kept)
    seen = 0.0
    for day, e_value in enumerate([1.0, *e_values.tolist()]):
        if e_value < ASKED_AT * seen:
            continue
        answer, seen = settle(rule, so_far, found, e_value=e_value), e_value
        if answer.passed:
            return Waited(edge=edge, holdout_days=holdout_days, days=day)
        so_far.append(Tested(p=1.0, level=answer.level, passed=False))
    return Waited(edge=edge, holdout_days=holdout_days, days=None)


def _daily(pool: Pool, rng: np.random.Generator, days: int, *, edge: float) -> Floats:
    """Return daily returns of a random rule with an edge, scaled to VOLATILITY a year."""
    there = pool.returns.shape[0]
    rows = stationary_rows(there, resamples=-(-days // there), mean_block=BLOCK_DAYS, rng=rng).ravel()[:days]
    column = pool.returns[:, int(rng.integers(pool.returns.shape[1]))]
    unit: Floats = column[rows] / column.std() + edge / math.sqrt(365.0)
    return unit * VOLATILITY / math.sqrt(365.0)
