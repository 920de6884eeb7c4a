"""evidence: could a search without any edge have found this, and what does the one unseen look say?

Judged on train: how often the best of the search is poor out of sample (PBO), and how often it loses there. PBO
ranks, and among tries that differ by a step of one number a rank is a coin, so it is asked of one try a family, the
candidate for its own. Judged on the holdout: one word, quoted from the ledger. All else is shown in words, since on a
few years it cannot decide: how likely luck alone reaches this Sharpe ratio, the deflated ratio, how many tries the
record would carry.

The search is not the author's telling: its columns are this proposal, what CI scored before it of the same pull
request, and parameter sets drawn from its [search].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from autarch.errors import UndecidedError
from autarch.evidence.returns import DailyReturns, returns_from
from autarch.market.types import Floats
from autarch.metrics.daily import DAYS_A_YEAR
from autarch.stats.correlation import long_run_ratio, lower_for_correlation
from autarch.stats.families import effective_trials, families
from autarch.stats.overfitting import Overfitting, blocks_for, pbo, trimmed
from autarch.stats.power import DAILY_MAX
from autarch.stats.sharpe import SharpeSample, dsr, max_trials, min_backtest_years, p_value, psr, sharpe_sample
from autarch.stats.superior import superior
from autarch.verdict import CheckResult, LookWord, Measure
from ci.checks.search import Searched
from ci.context import Answer, GateInputs
from ci.policy_tables import EvidencePolicy

TARGET_ANNUAL: Final = 1.5
"""Sharpe ratio a year at which the record's capacity for tries is told (own choice)."""

SPA_TRIES_MAX: Final = 64

CURES: Final = {
    "pbo": "the best of this search is poor out of sample as often as not: search less, or for a reason",
    "oos_loss": "the best of this search loses out of sample as often as not: it found noise; begin with a mechanism",
}

_VALUES: Final[dict[LookWord, float | None]] = {"improved": 1.0, "no change": 0.0, "worse": -1.0, "not computed": None}
_WORDS: Final[dict[LookWord, str]] = {
    "improved": "the holdout says it improves on what stands in its place",
    "no change": "the holdout sees no difference to what stands in its place",
    "worse": "the holdout says it is worse than what stands in its place, beyond noise: withdraw it",
    "not computed": "the holdout could not be compared; the look is spent. Push a new head to ask again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a candidate and of the search behind it, on train.

    Attributes:
        own: The candidate's daily returns.
        tried: Those of every other try, on any days.
        held: Daily returns of buy-and-hold on the candidate's days.
        trials: N, as the ledger counts them, this one included.
        variance: Of the daily Sharpe ratios of all that the ledger has scored, None for fewer than two.
        seed: Of the bootstrap: from the decisions.
    """

    own: DailyReturns
    tried: Sequence[DailyReturns]
    held: Floats
    trials: int
    variance: float | None
    seed: int


def check(record: Record, *, limits: EvidencePolicy) -> Answer:
    """Answer from train alone; `with_word` adds what the holdout said.

    Args:
        record: As `record_of` makes it.
        limits: The policy's.

    Raises:
        UndecidedError: the candidate's returns cannot answer: NaN, constant, or hardly a day with a position.
    """
    beyond_any = _beyond_any(record)
    if beyond_any is not None:
        return beyond_any
    sample = sharpe_sample(record.own.values)
    matrix = _matrix(record)
    judging = tuple(_judged(matrix, limits))
    measures = (*judging, *_shown(record, sample, matrix, limits))
    beyond = [measure for measure in judging if not measure.holds]
    if beyond:
        detail = "; ".join(f"{measure.name} is beyond its limit: {CURES[measure.name]}" for measure in beyond)
        return Answer(verdict="failed", detail=detail, measures=measures)
    return Answer(verdict="passed", detail=sentence(record, sample), measures=measures)


def deciding(record: Record, *, limits: EvidencePolicy) -> tuple[Measure, ...]:
    """Return only the measures that decide, for whoever asks about thousands of records.

    Raises:
        UndecidedError: as `check`.
    """
    return tuple(_judged(_matrix(record), limits))


def _beyond_any(record: Record) -> Answer | None:
    """Return the failure of a record whose Sharpe ratio a day no market gives, either way; None for any other."""
    returns = record.own.values
    spread = float(returns.std(ddof=1)) if returns.size > 1 and np.ptp(returns) > 0.0 else 0.0
    ratio = float(returns.mean()) / spread if spread > 0.0 else 0.0
    if abs(ratio) <= DAILY_MAX:
        return None
    told = Measure(name="sharpe_a_day", value=ratio, op="<=", limit=DAILY_MAX, unit="on train")
    cure = "it loses every day: withdraw it" if ratio < 0.0 else "no market gives that: find what it exploits"
    return Answer(verdict="failed", detail=f"a Sharpe ratio of {ratio:.2f} a day: {cure}", measures=(told,))


def record_of(searched: Searched, inputs: GateInputs) -> Record:
    """Return the record that a search and what the ledger quotes make.

    Raises:
        RefusedError: quoted returns cannot be read.
    """
    return Record(
        own=searched.own,
        tried=(*searched.drawn, *(returns_from(text) for text in inputs.tried)),
        held=searched.held,
        trials=max(1, inputs.trials),
        variance=inputs.variance,
        seed=searched.seed,
    )


def with_word(result: CheckResult, word: LookWord | None) -> CheckResult:
    """Return the check as the holdout's word leaves it; None: nobody has looked.

    No word mends what train has failed.
    """
    if word is None or result.verdict != "passed":
        return result
    verdict: Literal["passed", "failed", "undecided"] = "passed"
    if word == "worse":
        verdict = "failed"
    elif word == "not computed":
        verdict = "undecided"
    told = Measure(name="holdout", value=_VALUES[word], op=">=", limit=0.0, unit="1 improved, 0 no change, -1 worse")
    detail = f"{_WORDS[word]}. {result.detail}"
    return replace(result, verdict=verdict, measures=(*result.measures, told), detail=detail)


def sentence(record: Record, sample: SharpeSample) -> str:
    """Return what the numbers say, in words that need no statistics."""
    chance = luck_probability(record, sample)
    years = sample.periods / DAYS_A_YEAR
    carries = max_trials(years, target_annual=TARGET_ANNUAL)
    tries = f"the best of {record.trials} tries" if record.trials > 1 else "a single try"
    return (
        f"{tries} without any edge would show this Sharpe ratio with probability {_told(chance)}; a record of "
        f"{years:.1f} years carries {carries} independent tries at Sharpe {TARGET_ANNUAL:g}"
    )


def luck_probability(record: Record, sample: SharpeSample) -> float:
    """Return the chance that the best of N independent tries without edge shows at least this Sharpe ratio.

    1 - (1 - p)^N with p = 1 - PSR(0), T lowered for serial correlation.
    """
    corrected = lower_for_correlation(sample, ratio=long_run_ratio(record.own.values))
    return float(-np.expm1(record.trials * np.log1p(-min(p_value(corrected), 1.0 - 1e-16))))


def _told(chance: float) -> str:
    return f"{chance:.2g}" if chance < 0.995 else "nearly 1"


def _matrix(record: Record) -> Floats:
    """Return (T, N) daily returns on the candidate's days, the candidate first, each different record once.

    Tries that did not move on some half of the days have no Sharpe ratio there and are left out.
    """
    first, days = record.own.first_day, record.own.units.size
    blocks = blocks_for(days)
    own = record.own.values
    columns, seen = [own], {own.tobytes()}
    for one in record.tried:
        found = one.on(first, days)
        if found.tobytes() not in seen and _moves_everywhere(trimmed(found[:, None], blocks=blocks)[:, 0], blocks):
            seen.add(found.tobytes())
            columns.append(found)
    return np.stack(columns, axis=1)


def _moves_everywhere(returns: Floats, blocks: int) -> bool:
    """Return whether every half of the blocks has two different returns: no half may be all still blocks."""
    still = [np.ptp(block) == 0.0 for block in np.split(returns, blocks)] if returns.size >= blocks else [True]
    return int(np.sum(still)) < max(blocks // 2, 1)


def _overfitting(matrix: Floats) -> Overfitting | None:
    """Return the counts, None where there is no search: one try has no best."""
    if matrix.shape[1] < 2:
        return None
    blocks = blocks_for(matrix.shape[0])
    kept = trimmed(matrix, blocks=blocks)
    if not _moves_everywhere(kept[:, 0], blocks):
        raise UndecidedError(
            "it hardly moves on half of train's days, so nothing can be said of its luck: trade more often"
        )
    return pbo(kept, days=kept.shape[0], blocks=blocks)


def _judged(matrix: Floats, limits: EvidencePolicy) -> Iterator[Measure]:
    tries = matrix.shape[1]
    _, firsts = np.unique(families(matrix), return_index=True)
    ranked, whole = _overfitting(matrix[:, np.sort(firsts)]), _overfitting(matrix)
    if ranked is None:
        yield Measure(name="pbo", value=None, unit=f"{tries} tries of one family: none can be ranked above another")
    else:
        halves = f"of {ranked.splits} halves of train, {firsts.size} families of {tries} tries"
        unit = f"{ranked.at_or_below_median} {halves}: the best of one half is below the middle in the other"
        yield Measure(name="pbo", value=ranked.pbo, op="<=", limit=limits.pbo_max, unit=unit)
    if whole is not None:
        unit = f"{whole.losing} of {whole.splits} halves of train, {tries} tries: the best of one loses in the other"
        yield Measure(name="oos_loss", value=whole.loss_frac, op="<=", limit=limits.loss_frac_max, unit=unit)


def _shown(record: Record, sample: SharpeSample, matrix: Floats, limits: EvidencePolicy) -> Iterator[Measure]:
    ratio = long_run_ratio(record.own.values)
    corrected = lower_for_correlation(sample, ratio=ratio)
    yield Measure(name="trials", value=float(record.trials), unit="candidates scored, as the ledger counts them")
    yield Measure(
        name="luck", value=luck_probability(record, sample), unit="chance that as many tries without edge show this"
    )
    yield Measure(name="psr", value=psr(sample), unit="probability of a Sharpe ratio above zero")
    yield Measure(
        name="effective_days", value=float(corrected.periods), unit=f"of {sample.periods} days, serial correlation"
    )
    variance = _variance(record, matrix)
    deflated: float | None = psr(sample)
    if variance is not None:  # tries so far apart that no deflation is meant leave it uncomputed
        told = variance <= DAILY_MAX**2
        deflated = dsr(sample, trials=record.trials, variance=variance) if told else None
    yield Measure(name="dsr", value=deflated, unit="the same, deflated by all tries")
    yield Measure(
        name="min_backtest_years",
        value=min_backtest_years(record.trials, target_annual=TARGET_ANNUAL),
        unit=f"of {sample.periods / DAYS_A_YEAR:.2f} years there are, at Sharpe {TARGET_ANNUAL:g}",
    )
    yield Measure(
        name="effective_trials", value=float(effective_trials(matrix)), unit=f"families of {matrix.shape[1]} tries"
    )
    yield Measure(name="spa", value=_spa(record, matrix, limits), unit="p that none of the search beats buy-and-hold")


def _variance(record: Record, matrix: Floats) -> float | None:
    """Return the variance of tries' daily Sharpe ratios: the ledger's, else that of this search, else None."""
    if record.trials < 2:
        return None
    if record.variance is not None:
        return record.variance
    if matrix.shape[1] < 2:
        return None
    return float(np.var(matrix.mean(axis=0) / matrix.std(axis=0, ddof=1), ddof=1))


def _spa(record: Record, matrix: Floats, limits: EvidencePolicy) -> float | None:
    """Return SPA's consistent p-value against buy-and-hold; None where no try differs from it."""
    apart = (matrix - record.held[:, None]).std(axis=0) > 0.0
    chosen = matrix[:, apart][:, :SPA_TRIES_MAX]
    if chosen.shape[1] == 0:
        return None
    return superior(chosen, record.held, seed=record.seed, reps=limits.spa_resamples).consistent
