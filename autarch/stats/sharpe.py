"""Sharpe ratios and what a sample says of them. Per period everywhere; annual values belong to reports.

Conventions: the Sharpe ratio divides by the sample standard deviation (ddof 1); skew and kurtosis are
population moments, kurtosis Pearson's (normal = 3). A number that only a mistake of units explains raises
ValueError; a record that cannot answer raises UndecidedError. Nothing is clamped.

Sources: Bailey and Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) for the standard deviation, PSR
and the minimum track record; the same, "The Deflated Sharpe Ratio" (2014) for the expected maximum and DSR, with
the variance at the estimate; Bailey, Borwein, Lopez de Prado and Zhu, "Pseudo-Mathematics and Financial
Charlatanism" (2013) for the minimum backtest length; Lo, "The Statistics of Sharpe Ratios" (2002) for correlation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from autarch.errors import UndecidedError
from autarch.stats.power import DAILY_MAX

Floats = NDArray[np.float64]

EULER_GAMMA: Final = 0.5772156649015329
ACTIVE_DAYS_MIN: Final = 2
ACTIVE_DAYS_FOR_TEST: Final = 30
"""Below it p = 1 - PSR(0) is no p-value: three winning days among 68 have one chance in eight without an edge, and are
told p < 0.0027; with thirty the error is small at the first levels (own simulation, docs/statistics.md)."""
_NORMAL = NormalDist()
_NO_SPREAD: Final = 1e-12
"""Of the largest return: what rounding alone leaves of a constant; daily returns have far more."""
_SHAPE_SLACK: Final = 1e-9
"""How far below 1 + skew^2 rounding may carry a sample's kurtosis; equality is reached by two-point samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeSample:
    """A Sharpe ratio per period with what its uncertainty depends on.

    Attributes:
        ratio: Mean over sample standard deviation, per period.
        periods: Returns behind it.
        skew: Population skewness.
        kurtosis: Population kurtosis, Pearson's: 3 for a normal distribution.
    """

    ratio: float
    periods: int
    skew: float = 0.0
    kurtosis: float = 3.0

    def __post_init__(self) -> None:
        """Refuse what is a mistake of units or no sample at all.

        Raises:
            ValueError: a ratio beyond one a period (annual?), an impossible kurtosis (excess?), too few periods, NaN.
        """
        if not all(math.isfinite(value) for value in (self.ratio, self.skew, self.kurtosis)):
            raise ValueError(f"ratio {self.ratio}, skew {self.skew}, kurtosis {self.kurtosis}: each must be finite")
        require_per_period(self.ratio)
        if self.kurtosis < 1.0 + self.skew**2 - _SHAPE_SLACK * (1.0 + self.skew**2):
            raise ValueError(
                f"kurtosis {self.kurtosis} is below 1 + skew^2 = {1 + self.skew**2}, which no sample has; "
                "pass Pearson's kurtosis (normal = 3), not the excess"
            )
        if self.periods < ACTIVE_DAYS_MIN:
            raise ValueError(f"{self.periods} periods; a Sharpe ratio needs at least {ACTIVE_DAYS_MIN}")

    @property
    def variance_factor(self) -> float:
        """v(SR) = 1 - skew SR + (kurtosis - 1)/4 SR^2, at the estimate (2012, eq. 8)."""
        return 1.0 - self.skew * self.ratio + (self.kurtosis - 1.0) / 4.0 * self.ratio**2

    @property
    def deviation(self) -> float:
        """Standard deviation of the estimated ratio: sqrt(v(SR) / (T - 1))."""
        return math.sqrt(self.variance_factor / (self.periods - 1))


def sharpe_sample(returns: Floats) -> SharpeSample:
    """Return the Sharpe ratio per period of `returns` (T,) with its moments.

    Raises:
        UndecidedError: NaN, fewer than two active (non-zero) periods, or no spread: nothing can be said.
        ValueError: `returns` is not one-dimensional, or its ratio is beyond one a period.
    """
    if returns.ndim != 1:
        raise ValueError(f"returns have shape {returns.shape}; expected one series (T,)")
    if not np.isfinite(returns).all():
        raise UndecidedError("a return is NaN or infinite; find out why before anything is computed from the rest")
    if np.count_nonzero(returns) < ACTIVE_DAYS_MIN:
        raise UndecidedError(
            f"{np.count_nonzero(returns)} of {returns.size} periods have a return; at least {ACTIVE_DAYS_MIN} must"
        )
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    if variance <= (_NO_SPREAD * float(np.abs(returns).max())) ** 2:
        raise UndecidedError("the returns have no spread: a Sharpe ratio of a constant is undefined")
    return SharpeSample(
        ratio=float(returns.mean()) / float(returns.std(ddof=1)),
        periods=returns.size,
        skew=float(np.mean(centred**3)) / variance**1.5,
        kurtosis=float(np.mean(centred**4)) / variance**2,
    )


def require_active(returns: Floats) -> None:
    """Refuse to test returns (T,) that rest on too few days: flat ones inflate T, and a few wins look certain.

    Raises:
        UndecidedError: fewer than ACTIVE_DAYS_FOR_TEST of them are not zero.
    """
    active = int(np.count_nonzero(returns))
    if active < ACTIVE_DAYS_FOR_TEST:
        raise UndecidedError(
            f"{active} of {returns.size} days have a return; a test needs {ACTIVE_DAYS_FOR_TEST}: trade more often, or "
            "wait for a longer holdout"
        )


def psr(sample: SharpeSample, *, benchmark: float = 0.0) -> float:
    """Return the probabilistic Sharpe ratio: Phi[(SR - SR*) sqrt(T - 1) / sqrt(v(SR))] (2012, eq. 11).

    Args:
        sample: The estimate.
        benchmark: SR*, per period.

    Raises:
        ValueError: the benchmark is beyond one a period.
    """
    require_per_period(benchmark)
    return _NORMAL.cdf((sample.ratio - benchmark) / sample.deviation)


def p_value(sample: SharpeSample, *, benchmark: float = 0.0) -> float:
    """Return 1 - PSR, computed in the upper tail so that small values keep their digits."""
    require_per_period(benchmark)
    return _NORMAL.cdf((benchmark - sample.ratio) / sample.deviation)


def expected_maximum(trials: int) -> float:
    """Return E[max_N], the expected largest of N independent standard normal draws (2014, eq. 1's approximation).

    (1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)), g Euler's constant; 0 for one trial by definition.

    Raises:
        ValueError: `trials` is below 1.
    """
    if trials < 1:
        raise ValueError(f"{trials} trials; at least the one that is judged was tried")
    if trials == 1:
        return 0.0
    # Z(1 - x) = -Z(x): the lower tail keeps its digits however many trials there were.
    return -(1.0 - EULER_GAMMA) * _NORMAL.inv_cdf(1.0 / trials) - EULER_GAMMA * _NORMAL.inv_cdf(1.0 / (trials * math.e))


def luck(trials: int, *, variance: float) -> float:
    """Return SR0 = sqrt(V) E[max_N]: the Sharpe ratio per period that the best of N tries shows without any edge.

    Args:
        trials: N, as the ledger counts them.
        variance: Variance of the tries' Sharpe ratios, per period squared. There is no default.

    Raises:
        ValueError: `trials` is below 1, or the variance is negative, NaN or above one.
    """
    if not 0.0 <= variance <= DAILY_MAX**2:
        raise ValueError(f"the tries' Sharpe ratios have variance {variance} a period; expected 0 to 1: annual units?")
    return math.sqrt(variance) * expected_maximum(trials)


def dsr(sample: SharpeSample, *, trials: int, variance: float) -> float:
    """Return the deflated Sharpe ratio PSR(SR0) in its 2014 form (variance at the estimate, T - 1).

    One trial deflates nothing: the result is PSR(0).

    Raises:
        ValueError: as `luck` raises.
    """
    return psr(sample, benchmark=luck(trials, variance=variance))


def psr_variance_at_benchmark(sample: SharpeSample, *, benchmark: float = 0.0) -> float:
    """Return PSR with the variance at SR* and T in place of T - 1: a later form, kept under its own name only."""
    require_per_period(benchmark)
    at_null = SharpeSample(ratio=benchmark, periods=sample.periods, skew=sample.skew, kurtosis=sample.kurtosis)
    return _NORMAL.cdf((sample.ratio - benchmark) * math.sqrt(sample.periods / at_null.variance_factor))


def min_track_record(sample: SharpeSample, *, benchmark: float = 0.0, confidence: float = 0.95) -> float | None:
    """Return the periods after which PSR(SR*) reaches `confidence`: 1 + v(SR) (Z(c) / (SR - SR*))^2 (2012, eq. 13).

    None when the estimate does not exceed the benchmark: no length would do.

    Raises:
        ValueError: `confidence` lies outside (0.5, 1), or the benchmark is beyond one a period.
    """
    require_per_period(benchmark)
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected above 0.5 and below 1")
    if sample.ratio <= benchmark:
        return None
    return 1.0 + sample.variance_factor * (_NORMAL.inv_cdf(confidence) / (sample.ratio - benchmark)) ** 2


def min_backtest_years(trials: int, *, target_annual: float) -> float:
    """Return the years of record below which the best of N tries without edge is expected to show `target_annual`.

    (E[max_N] / target)^2 (2013, theorem 2 before its bound).

    Raises:
        ValueError: `trials` is below 1 or the target is not positive.
    """
    if not target_annual > 0:
        raise ValueError(f"target Sharpe is {target_annual}; expected above 0, annual")
    return (expected_maximum(trials) / target_annual) ** 2


def max_trials(years: float, *, target_annual: float) -> int:
    """Return the most tries whose `min_backtest_years` a record of `years` still covers; at least 1.

    Raises:
        ValueError: `years` is negative, NaN or beyond what could be counted, or the target is not positive.
    """
    if not 0 <= years * target_annual**2 < 80:  # E[max_N] of 1e15 tries is about 8
        raise ValueError(f"{years} years at Sharpe {target_annual}: expected at least 0 and fewer tries than 1e15")
    low, high = 1, 2
    while min_backtest_years(high, target_annual=target_annual) <= years:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if min_backtest_years(middle, target_annual=target_annual) <= years:
            low = middle
        else:
            high = middle
    return low


def independent_trials(ratio: float, *, deviation: float, confidence: float = 0.95) -> int:
    """Return how many independent tries without edge a Sharpe ratio would survive: the largest N with PSR(SR0) at it.

    With V[SR] = deviation^2, that is E[max_N] <= ratio / deviation - Z(confidence). 0 when one try is too many.

    Raises:
        ValueError: the deviation is not positive, or more tries than 1e15 would be survived.
    """
    if not deviation > 0:
        raise ValueError(f"deviation is {deviation}; expected above 0")
    room = ratio / deviation - _NORMAL.inv_cdf(confidence)
    if room < 0:
        return 0
    return max_trials(room**2, target_annual=1.0)


def require_per_period(ratio: float) -> None:
    """Refuse a Sharpe ratio that cannot be per period.

    Raises:
        ValueError: it is NaN or beyond one a period.
    """
    if not abs(ratio) <= DAILY_MAX:
        raise ValueError(f"Sharpe ratio {ratio} a period; beyond {DAILY_MAX} it is annual or wrong. Pass it per period")
