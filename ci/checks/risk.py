"""risk: what the backtest risked stays within the policy's limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import CostModel
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Market
from autarch.metrics.crash import crash
from autarch.verdict import Comparison, Measure
from ci.context import Answer, Judged
from ci.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """Which metric is held against which key of [risk], and what to do when it is beyond."""

    metric: str
    op: Comparison
    key: str
    unit: str
    cure: str
    negated: bool = False


LIMITS = (
    _Limit(
        metric="max_drawdown",
        op="<=",
        key="drawdown_frac_max",
        unit="of peak equity",
        cure="lower exposure or leave losing positions sooner",
    ),
    _Limit(metric="max_exposure", op="<=", key="leverage_max", unit="x equity", cure="lower max_leverage"),
    _Limit(
        metric="leverage_unused",
        op="<=",
        key="leverage_unused_max",
        unit="x the largest exposure wanted in train, or 1",
        cure="lower max_leverage to what it uses",
    ),
    _Limit(
        metric="min_liquidation_gap",
        op=">=",
        key="liquidation_distance_frac_min",
        unit="of price",
        cure="lower exposure, or set a stop_loss well before liquidation",
    ),
    _Limit(
        metric="turnover_per_day",
        op="<=",
        key="turnover_per_day_max",
        unit="x equity per day",
        cure="trade less often, for example with ops.band or ops.hysteresis",
    ),
    _Limit(
        metric="expected_shortfall_95",
        op="<=",
        key="expected_shortfall_frac_max",
        unit="of equity",
        cure="lower exposure",
    ),
    _Limit(
        metric="worst_day",
        op=">=",
        key="worst_day_frac_max",
        unit="of equity",
        cure="lower exposure or add a stop_loss",
        negated=True,
    ),
    _Limit(
        metric="max_participation",
        op="<=",
        key="participation_frac_max",
        unit="of a bar's turnover",
        cure="spread trading over more bars or more liquid symbols",
    ),
    _Limit(
        metric="crash_loss",
        op="<=",
        key="crash_loss_frac_max",
        unit="of equity, in one of the worst hours at the worst moment",
        cure="hold less at once, or set a stop_loss well within the worst hours' moves",
    ),
)


def check(judged: Judged, market: Market, *, lock: DatasetLock, policy: Policy) -> Answer:
    """Pass when every metric stands on the right side of its limit; one that is not defined does not.

    Args:
        judged: The backtest and its metrics.
        market: What it was played on: its worst hours are tried against what was held.
        lock: Names the costs.
        policy: Names the limits.
    """
    limits = policy.risk
    struck = crash(
        judged.result, judged.decisions, market, costs=CostModel.from_lock(lock), assumed=limits.crash_hour_frac
    )
    metrics = {**judged.metrics, "crash_loss": struck.loss, "leverage_unused": leverage_unused(judged.decisions)}
    measures = {limit.metric: _measure(limit, metrics, policy) for limit in LIMITS}
    shown = (
        Measure(name="worst_hour_fall", value=struck.fall, unit="of price, the deepest of any symbol in train"),
        Measure(name="worst_hour_rise", value=struck.rise, unit="of price, the highest of any symbol in train"),
    )
    beyond = [limit for limit in LIMITS if not measures[limit.metric].holds]
    if beyond:
        detail = "; ".join(f"{limit.metric} is beyond its limit: {limit.cure}" for limit in beyond)
        return Answer(verdict="failed", detail=detail, measures=(*measures.values(), *shown))
    return Answer(verdict="passed", detail="within every limit", measures=(*measures.values(), *shown))


def leverage_unused(decisions: Decisions) -> float:
    """Return max_leverage over the largest exposure wanted on any bar, or over 1.0 where that is larger.

    Leverage that train never saw is leverage nobody judged: a rule that waits for a crash could take it.
    """
    wanted = np.abs(decisions.exposure)
    largest = wanted.sum(axis=1).max(initial=0.0) if decisions.mode == "panel" else wanted.max(initial=0.0)
    return float(decisions.max_leverage / max(1.0, float(largest)))


def _measure(limit: _Limit, metrics: Mapping[str, float | None], policy: Policy) -> Measure:
    bound = float(getattr(policy.risk, limit.key))
    return Measure(
        name=limit.metric,
        value=metrics[limit.metric],
        op=limit.op,
        limit=-bound if limit.negated else bound,
        unit=limit.unit,
    )
