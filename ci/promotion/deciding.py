"""May a strategy be promoted? Pure: daily returns and an account in, one word out, with the numbers to seal.

p_holdout = 1 - PSR(0) of daily returns on the holdout (of their paired difference where there is something to beat),
T lowered for serial correlation (Lo 2002), never raised. p_t = min(1, p_holdout / E_forward). The word is LORD++'s: p_t
at most the level that the epoch's earlier tests leave.

Sources: Bailey and Lopez de Prado (2012) for PSR; Ramdas, Yang, Wainwright and Jordan (2017) for LORD++; Ignatiadis,
Wang and Ramdas (2024) for dividing by an e-value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autarch.errors import UndecidedError
from autarch.evidence.ledger_entry import JudgeWord
from autarch.stats.correlation import long_run_ratio, lower_for_correlation
from autarch.stats.forward import combined_p
from autarch.stats.online import OnlineRule, Tested
from autarch.stats.sharpe import Floats, p_value, require_active, sharpe_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the holdout's days say.

    Attributes:
        p: 1 - PSR(0).
        ratio: Sharpe ratio a day.
        days: T.
        days_effective: T as lowered for serial correlation.
    """

    p: float
    ratio: float
    days: int
    days_effective: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One test's outcome. `level` is what it ran at, `wealth` what is left, `numbers` what must be sealed."""

    word: JudgeWord
    test: int
    level: float
    wealth: float
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the rule rejected its null: the strategy may be promoted."""
        return self.word == "may be promoted"


def measure(candidate: Floats, against: Floats | None = None) -> Measured:
    """Return what daily returns (T,) on the holdout say.

    Args:
        candidate: Oldest first.
        against: The same days of what is to be beaten; None: cash.

    Raises:
        UndecidedError: NaN, no spread, or too few days with a return for a p-value to be one.
        ValueError: the series differ in length, or the ratio is beyond one a day.
    """
    if against is not None and against.shape != candidate.shape:
        raise ValueError(f"returns have shapes {candidate.shape} and {against.shape}; expected the same days")
    paired = candidate if against is None else candidate - against
    require_active(paired)
    sample = sharpe_sample(paired)
    lowered = lower_for_correlation(sample, ratio=long_run_ratio(paired))
    return Measured(p=p_value(lowered), ratio=sample.ratio, days=sample.periods, days_effective=lowered.periods)


def settle(rule: OnlineRule, so_far: Sequence[Tested], measured: Measured | None, *, e_value: float = 1.0) -> Decision:
    """Return what the rule says of one more test; None measured: it could not be computed, and is spent all the same.

    Args:
        rule: The epoch's.
        so_far: Its earlier tests, in order.
        measured: What the holdout says.
        e_value: Of forward bars; 1 without any, 0 where their evidence is void.

    Raises:
        ValueError: the e-value is negative or NaN.
    """
    level, number = rule.next_level(so_far), len(so_far) + 1
    if measured is None:
        spent = [*so_far, Tested(p=1.0, level=level, passed=False)]
        return Decision(word="not computed", test=number, level=level, wealth=rule.wealth(spent))
    tested = rule.test(so_far, combined_p(measured.p, e_value))
    return Decision(
        word="may be promoted" if tested.passed else "may not",
        test=number,
        level=level,
        wealth=rule.wealth([*so_far, tested]),
        numbers={
            "p": tested.p,
            "p_holdout": measured.p,
            "e_forward": e_value,
            "sharpe_a_day": measured.ratio,
            "days": float(measured.days),
            "days_effective": float(measured.days_effective),
        },
    )


def decide(
    candidate: Floats,
    against: Floats | None = None,
    *,
    rule: OnlineRule,
    so_far: Sequence[Tested],
    e_value: float = 1.0,
) -> Decision:
    """Return the decision on daily holdout returns (T,): `measure`, then `settle`.

    Raises:
        ValueError: as both raise.
    """
    try:
        measured = measure(candidate, against)
    except UndecidedError:
        measured = None
    return settle(rule, so_far, measured, e_value=e_value)
