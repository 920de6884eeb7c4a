"""Online control of false discoveries: the level of each test from the answers before it.

A sequence is the p-values of an epoch in the order they were asked for. Every rule is a pure function of the
sequence so far, so that anyone can re-derive a level from the ledger.

Sources: Ramdas, Yang, Wainwright and Jordan, "Online control of the false discovery rate with decaying memory"
(2017), LORD++; Ramdas, Zrnic, Wainwright and Jordan, "SAFFRON" (2018); Tian and Ramdas, "ADDIS" (2019);
Javanmard and Montanari (2018), LORD under dependence; Tian and Ramdas (2019, section 3), LORD with discarding.
Constants as in the R package onlineFDR.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from autarch.stats.lord import early_gamma, lord_gamma

Rule = Literal["lord++", "lord++ early", "saffron", "addis", "lord-3", "lord-dep", "lord-discard"]
_DEPENDENT_SCALE: Final = 0.139307
W0_FRAC_FOR_SAFFRON: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One test of a sequence: its p-value, the level it was run at, and what the rule said."""

    p: float
    level: float
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineRule:
    """A rule with its constants, fixed for an epoch.

    Attributes:
        name: Which rule.
        alpha: The false discovery rate it holds.
        w0: Wealth to begin with, in (0, alpha).
        candidate: SAFFRON's and ADDIS' lambda: below it a p-value is a candidate.
        discard: ADDIS' and LORD-discard's tau: above it a p-value is left out.
    """

    name: Rule = "lord++"
    alpha: float
    w0: float
    candidate: float = 0.5
    discard: float = 0.5

    def __post_init__(self) -> None:
        """Refuse constants under which the rule holds nothing.

        Raises:
            ValueError: alpha outside (0, 1), w0 outside (0, alpha), lambda or tau outside (0, 1).
        """
        if not 0 < self.alpha < 1 or not 0 < self.w0 < self.alpha:
            raise ValueError(f"alpha {self.alpha}, w0 {self.w0}; expected 0 < w0 < alpha < 1")
        if not 0 < self.candidate < 1 or not 0 < self.discard <= 1:
            raise ValueError(f"lambda {self.candidate}, tau {self.discard}; expected within (0, 1)")
        if self.name == "addis" and self.candidate >= self.discard:
            raise ValueError(f"ADDIS needs lambda below tau; found {self.candidate} and {self.discard}")

    def next_level(self, so_far: Sequence[Tested]) -> float:
        """Return the level at which the next test is to be run."""
        return _LEVELS[self.name](self, so_far)

    def run(self, p_values: Sequence[float]) -> tuple[Tested, ...]:
        """Test a whole sequence in order.

        Raises:
            ValueError: a p-value lies outside [0, 1] or is NaN.
        """
        tested: list[Tested] = []
        for p in p_values:
            tested.append(self.test(tested, p))
        return tuple(tested)

    def test(self, so_far: Sequence[Tested], p: float) -> Tested:
        """Return what the rule says of one more p-value.

        Raises:
            ValueError: it lies outside [0, 1] or is NaN.
        """
        if not 0 <= p <= 1:
            raise ValueError(f"p is {p}; a p-value lies within 0 and 1")
        level = self.next_level(so_far)
        return Tested(p=p, level=level, passed=p <= level)

    def wealth(self, so_far: Sequence[Tested]) -> float:
        """Return what LORD++ has left to spend: W_0 = w0; each test costs its level; a success pays back.

        alpha - w0 at the first, alpha at later ones. It is the unspent tail of every payout, hence never negative.

        Raises:
            ValueError: another rule keeps no such account.
        """
        if self.name not in {"lord++", "lord++ early"}:
            raise ValueError(f"{self.name} has no wealth account of this form; LORD++ has")
        left, first = self.w0, True
        for one in so_far:
            left -= one.level
            if one.passed:
                left += self.alpha - self.w0 if first else self.alpha
                first = False
        return left


def _spent(rule: OnlineRule, elapsed: Sequence[int], index: int, gamma: Callable[[int], float], pay: float) -> float:
    """Return w0 g_t + (pay - w0) g_{t - tau1} + pay sum_{j >= 2} g_{t - tau_j}; `elapsed` holds the t - tau_j."""
    level = rule.w0 * gamma(index)
    for number, since in enumerate(elapsed):
        level += (pay - rule.w0 if number == 0 else pay) * gamma(since)
    return level


def _lord(rule: OnlineRule, so_far: Sequence[Tested], gamma: Callable[[int], float] = lord_gamma) -> float:
    index = len(so_far) + 1
    elapsed = [index - at for at, one in enumerate(so_far, 1) if one.passed]
    return _spent(rule, elapsed, index, gamma, rule.alpha)


def _lord_early(rule: OnlineRule, so_far: Sequence[Tested]) -> float:
    return _lord(rule, so_far, early_gamma)


def _lord_discard(rule: OnlineRule, so_far: Sequence[Tested]) -> float:
    """LORD++ over the tests with p <= tau alone; each success pays tau alpha."""
    kept = [one for one in so_far if one.p <= rule.discard]
    index = len(kept) + 1
    elapsed = [index - at for at, one in enumerate(kept, 1) if one.passed]
    return min(rule.discard, _spent(rule, elapsed, index, lord_gamma, rule.discard * rule.alpha))


def _since_success(rule: OnlineRule, so_far: Sequence[Tested]) -> tuple[float, int]:
    """Return the wealth just after the last success, and its index; w0 and 0 before any. A success pays alpha - w0."""
    wealth = after = rule.w0
    at = 0
    for index, one in enumerate(so_far, 1):
        wealth -= one.level
        if one.passed:
            wealth += rule.alpha - rule.w0
            after, at = wealth, index
    return after, at


def _lord_three(rule: OnlineRule, so_far: Sequence[Tested]) -> float:
    """Return gamma_{t - tau} of the wealth just after the last success tau."""
    wealth, at = _since_success(rule, so_far)
    return lord_gamma(len(so_far) + 1 - at) * wealth


def _lord_dependent(rule: OnlineRule, so_far: Sequence[Tested]) -> float:
    """Return gamma_t of the wealth just after the last success, gamma_j = 0.139307 / (j ln(max(j, 2))^3)."""
    index = len(so_far) + 1
    return _DEPENDENT_SCALE / (index * math.log(max(index, 2)) ** 3) * _since_success(rule, so_far)[0]


def _saffron(rule: OnlineRule, so_far: Sequence[Tested]) -> float:
    """min(lambda, (1 - lambda) x the same sum), each age less the candidates met in it."""

    def candidates(after: int) -> int:
        return sum(1 for one in so_far[after:] if one.p <= rule.candidate)

    index = len(so_far) + 1
    elapsed = [index - at - candidates(at) for at, one in enumerate(so_far, 1) if one.passed]
    share = _spent(rule, elapsed, index - candidates(0), early_gamma, rule.alpha)
    return min(rule.candidate, (1.0 - rule.candidate) * share)


def _addis(rule: OnlineRule, so_far: Sequence[Tested]) -> float:
    """min(lambda, (tau - lambda) x the sum), over the tests with p <= tau, each age less the candidates met in it."""
    kept = [one for one in so_far if one.p <= rule.discard]

    def candidates(after: int) -> int:
        return sum(1 for one in kept[after:] if one.p <= rule.candidate)

    index = len(kept) + 1
    elapsed = [index - at - candidates(at) for at, one in enumerate(kept, 1) if one.passed]
    share = _spent(rule, elapsed, index - candidates(0), early_gamma, rule.alpha)
    return min(rule.candidate, (rule.discard - rule.candidate) * share)


_LEVELS: Final[dict[Rule, Callable[[OnlineRule, Sequence[Tested]], float]]] = {
    "lord++": _lord,
    "lord++ early": _lord_early,
    "saffron": _saffron,
    "addis": _addis,
    "lord-3": _lord_three,
    "lord-dep": _lord_dependent,
    "lord-discard": _lord_discard,
}
