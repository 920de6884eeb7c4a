"""risk: what the backtest risked stays within the policy's limits."""

from __future__ import annotations

from dataclasses import dataclass

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
)


def check(judged: Judged, *, policy: Policy) -> Answer:
    """Pass when every metric stands on the right side of its limit; one that is not defined does not."""
    measures = {limit.metric: _measure(limit, judged, policy) for limit in LIMITS}
    beyond = [limit for limit in LIMITS if not measures[limit.metric].holds]
    if beyond:
        detail = "; ".join(f"{limit.metric} is beyond its limit: {limit.cure}" for limit in beyond)
        return Answer(verdict="failed", detail=detail, measures=tuple(measures.values()))
    return Answer(verdict="passed", detail="within every limit", measures=tuple(measures.values()))


def _measure(limit: _Limit, judged: Judged, policy: Policy) -> Measure:
    bound = float(getattr(policy.risk, limit.key))
    return Measure(
        name=limit.metric,
        value=judged.metrics[limit.metric],
        op=limit.op,
        limit=-bound if limit.negated else bound,
        unit=limit.unit,
    )
