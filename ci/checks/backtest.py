"""backtest: the decisions, on pinned data and with every cost, leave a sleeve that traded and lived.

And a second engine finds the same: where backtrader and ours part, no number can be trusted, ours or a
failure's, so the answer is undecided, whatever else was found.
"""

from __future__ import annotations

from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Market
from autarch.metrics import summarise
from autarch.verdict import Measure
from ci.checks.asking import when
from ci.checks.referee import Refereeing
from ci.context import Answer, Judged
from ci.policy import Policy


def check(
    market: Market, decisions: Decisions, *, lock: DatasetLock, policy: Policy, refereeing: Refereeing
) -> tuple[Answer, Judged]:
    """Pass when the sleeve filled at least `fills_min` orders, was never ruined, and the referee agrees.

    Returns:
        The answer, and what was measured.

    Raises:
        StrategyError, DataError: as `autarch.engine.backtest`.
        UndecidedError: the referee could not play.
    """
    costs = CostModel.from_lock(lock)
    result = backtest(market, decisions, costs=costs, capital=policy.backtest.capital)
    metrics = summarise(result, market, first_row=decisions.first_row(), costs=costs)
    judged = Judged(decisions=decisions, result=result, metrics=metrics)
    refereed = refereeing.found(market)
    measures = (
        Measure(
            name="fills", value=float(len(result.fills)), op=">=", limit=float(policy.backtest.fills_min), unit="fills"
        ),
        Measure(
            name="ruined", value=0.0 if result.ruined_row is None else 1.0, op="<=", limit=0.0, unit="(1: equity lost)"
        ),
        Measure(name="final_equity", value=float(result.equity[-1]), unit="quote"),
        Measure(name="fees", value=result.totals.fees, unit="quote"),
        Measure(name="funding", value=result.totals.funding, unit="quote paid"),
        Measure(name="slippage", value=result.totals.slippage, unit="quote"),
        *refereed.measures,
    )
    if refereed.parted:
        return Answer(verdict="undecided", detail=refereed.parted, measures=measures), judged
    if result.ruined_row is not None:
        detail = (
            f"ruin: no equity is left at {when(market, result.ruined_row)}; "
            "lower max_leverage or exposure, or bound the loss with stop_loss"
        )
        return Answer(verdict="failed", detail=detail, measures=measures), judged
    if not measures[0].holds:
        detail = (
            f"{len(result.fills)} fills on {market.n_bars} bars, {len(result.skipped)} orders skipped; "
            "a strategy that does not trade cannot be judged: let it take positions"
        )
        return Answer(verdict="failed", detail=detail, measures=measures), judged
    detail = (
        f"{len(result.fills)} fills with fees, funding and slippage on {market.dataset} {market.split}; "
        f"backtrader agrees on {refereed.bars} bars"
    )
    return Answer(verdict="passed", detail=detail, measures=measures), judged
