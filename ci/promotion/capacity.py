"""With how much capital does a verdict hold? A strategy is played again at other sizes, by the costs of its data set.

Impact grows with size, and below some size orders fall under the venue's smallest. What depends on size is asked again:
the risk check and the compound return a year. Decisions do not depend on it, so no strategy code runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autarch.engine import CostModel, backtest
from autarch.errors import AutarchError
from autarch.market.lock_types import DatasetLock
from autarch.metrics import summarise
from ci.checks import risk
from ci.context import Judged
from ci.outcome import GateOutcome

if TYPE_CHECKING:
    from autarch.decisions import Decisions
    from autarch.market.types import Market

LOWEST, HIGHEST = 10.0, 1e10
"""USDT between which the range is looked for."""

STEP: Final = 2.0
FINER: Final = 5
"""Doublings are tried first, then the last one is halved this often: the ends are within 2 ** (1/32) of the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The capital range, in USDT, in which a sleeve's verdict holds, around the capital it was judged with.

    Attributes:
        strategy: Its name.
        capital: What the sleeve really trades with; None where that is not known.
        low: Smallest capital at which it holds; LOWEST: it was not looked for below.
        high: Largest; HIGHEST: it was not looked for above.
        why: What fails at `capital`; empty where the verdict holds there.
    """

    strategy: str
    capital: float | None
    low: float
    high: float
    why: str

    @property
    def line(self) -> str:
        """It in one line for whoever signs."""
        real = "" if self.capital is None else f", at {self.capital:,.0f}: {self.why or 'holds'}"
        return f"{self.strategy}: the verdict holds from {self.low:,.0f} to {self.high:,.0f} USDT{real}"


def capacity_of(outcome: GateOutcome, lock: DatasetLock, *, capital: float | None) -> Capacity | None:
    """Return the range of one accepted strategy; None where it was judged without bars, or fails at its own capital.

    Args:
        outcome: Of its judgement.
        lock: The data set's.
        capital: What its sleeve really trades with, USDT.
    """
    if outcome.market is None or outcome.decisions is None or outcome.candidate.slug is None:
        return None
    ground = _Ground(outcome=outcome, market=outcome.market, decisions=outcome.decisions, lock=lock)
    own = outcome.policy.backtest.capital
    if ground.fails(own):
        return None
    return Capacity(
        strategy=outcome.candidate.slug,
        capital=capital,
        low=_edge(ground, own, 1.0 / STEP),
        high=_edge(ground, own, STEP),
        why="" if capital is None else ground.fails(capital),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    outcome: GateOutcome
    market: Market
    decisions: Decisions
    lock: DatasetLock

    def fails(self, capital: float) -> str:
        """Return what fails at `capital`, or the empty text."""
        policy, costs = self.outcome.policy, CostModel.from_lock(self.lock)
        try:
            result = backtest(self.market, self.decisions, costs=costs, capital=capital)
            first_row = self.decisions.first_row()
            metrics = summarise(result, self.market, first_row=first_row, costs=costs)
            judged = Judged(decisions=self.decisions, result=result, metrics=metrics)
            answer = risk.check(judged, self.market, lock=self.lock, policy=policy)
        except AutarchError as error:
            return str(error)
        if result.fills.size < policy.backtest.fills_min:
            return f"{result.fills.size} fills: its orders are below the venue's smallest"
        if policy.class_of("risk") == "limit" and answer.verdict != "passed":
            return answer.detail
        earned, wanted = metrics["annual_return"], policy.robustness.annual_return_min
        if policy.class_of("robustness") == "limit" and (earned is None or earned < wanted):
            return f"it earns {0.0 if earned is None else earned:.4f} a year, and {wanted:g} is the least it may"
        return ""


def _edge(ground: _Ground, start: float, step: float) -> float:
    """Return the last capital from `start` on, in steps of that factor and then finer, at which nothing fails."""
    held = start
    while LOWEST <= held * step <= HIGHEST:
        if ground.fails(held * step):
            break
        held *= step
    else:
        return LOWEST if step < 1.0 else HIGHEST
    finer = step
    for _ in range(FINER):
        finer **= 0.5
        if not ground.fails(held * finer):
            held *= finer
    return held
