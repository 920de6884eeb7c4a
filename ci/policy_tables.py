"""The tables of a policy: one struct a check, each value with its range; a new check adds its own struct.

Every number is finite. A key that is missing, unknown, ill-typed or out of range is refused by name.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from autarch.errors import ConfigError
from autarch.sandbox.layers import Demands, demands_of

Count = Annotated[int, Meta(ge=1)]
"""At least one."""

Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
"""0 to 1."""

Bound = Annotated[float, Meta(ge=0.0)]
"""A limit that is not negative."""

Names = Annotated[tuple[str, ...], Meta(min_length=1)]
"""At least one name."""


class DataPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data sets whose verdicts count; the first is the gate's default."""

    datasets: Names


class RequiredPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of the checks that must be green on a head, by kind of pull request."""

    strategy: Names
    platform: Names


class SandboxPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Layers of confinement that must be there, those that should, and how long strategy code may run for one verdict.

    `strategy_seconds` counts every child of one gate run together: processor time, or a quarter of the waiting where
    that is more.
    """

    required: Names
    wanted: tuple[str, ...]
    strategy_seconds: Annotated[float, Meta(gt=0.0)]

    def __post_init__(self) -> None:
        """Refuse layers that there are none of, and demands below those of the code."""
        try:
            self.demands()
        except ConfigError as error:
            raise ValueError(str(error)) from error

    def demands(self) -> Demands:
        """Return the layers as a worker is told them."""
        return demands_of(self.required, self.wanted)


class CausalityPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many bars are asked again without their future, in fresh children, and with a poisoned one."""

    cuts: Count
    fresh_cuts: Count
    poisoned_blocks: Count


class WarmupPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much more history the second opinion sees, and how far it may disagree."""

    history_multiple: Annotated[int, Meta(ge=2)]
    tolerance_of_max_leverage: Fraction
    disagreement_frac_max: Fraction
    compared_frac_min: Fraction


class MemoryPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far decisions may move, and on how many bars, when the unit of every price is another."""

    tolerance_of_max_leverage: Fraction
    disagreement_frac_max: Fraction
    rounding_frac_max: Fraction
    earned_frac_max: Fraction


class BacktestPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starting capital in quote units, the least number of fills, and bars of a symbol that backtrader replays."""

    capital: Annotated[float, Meta(ge=1.0)]
    fills_min: Annotated[int, Meta(ge=0)]
    referee_bars: Count


class ParityPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bars of a symbol that the live path trades, and decisions it asks for bar by bar: at changes, and drawn."""

    bars: Count
    changes: Count
    random_bars: Count


class RiskPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the risk check; units stand in the names."""

    drawdown_frac_max: Bound
    leverage_max: Bound
    leverage_unused_max: Bound
    liquidation_distance_frac_min: Bound
    turnover_per_day_max: Bound
    expected_shortfall_frac_max: Bound
    worst_day_frac_max: Bound
    participation_frac_max: Bound
    crash_hour_frac: Fraction
    crash_loss_frac_max: Bound


class LanesPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often one strategy's changes may ask about the hidden bars of one epoch."""

    asked_per_epoch_max: Annotated[int, Meta(ge=0)]


class RobustnessPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the robustness check, and how much it asks; units stand in the names, returns may be negative."""

    independent_bets_min: Bound
    effective_bets_min: Bound
    time_in_market_frac_min: Fraction
    annual_return_min: float
    costs_factor: Annotated[float, Meta(ge=1.0)]
    costs_annual_return_min: float
    folds: Annotated[int, Meta(ge=1, le=100)]
    folds_not_losing_frac_min: Fraction
    worst_fold_loss_frac_max: Bound
    jitter_sets: Annotated[int, Meta(ge=1, le=128)]
    jitter_lost_frac_max: Bound
    noise_lost_frac_max: Bound
    numbers_lost_frac_max: Bound
    dominated_max: Fraction
    alike_max: Bound
    same_direction_max: Bound
    placebo_bars: Annotated[int, Meta(ge=0)]
    book_resamples: Annotated[int, Meta(ge=1, le=10_000)]


class EvidencePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the evidence check, and how much it asks."""

    search_sets: Annotated[int, Meta(ge=0, le=128)]
    pbo_max: Fraction
    loss_frac_max: Fraction
    spa_resamples: Annotated[int, Meta(ge=100, le=10_000)]
    look_seconds: Annotated[float, Meta(gt=0.0, le=600.0)]


class TiersPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares of an account, or of a sleeve, that strategies may trade with on a real venue by their tier."""

    probe_capital_frac: Fraction
    probe_together_frac: Fraction
    promoted_frac: Fraction


class PromotionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often promotion may be asked for, how long the answer takes, and what forward bars give and take back."""

    judged_per_day_max: Count
    judge_seconds: Annotated[float, Meta(gt=0.0, le=600.0)]
    forward_e_value_min: Annotated[float, Meta(ge=1.0)]
    forward_days_min: Annotated[int, Meta(ge=2)]
    forward_loss_p_max: Fraction


class Tables(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy file as it is written. `preset` is the preset it was made from, `paper_only` keeps real venues away."""

    schema: int
    preset: str
    paper_only: bool
    walkthrough: bool
    data: DataPolicy
    required: RequiredPolicy
    classes: dict[str, str]
    sandbox: SandboxPolicy
    causality: CausalityPolicy
    warmup: WarmupPolicy
    memory: MemoryPolicy
    backtest: BacktestPolicy
    parity: ParityPolicy
    risk: RiskPolicy
    robustness: RobustnessPolicy
    evidence: EvidencePolicy
    lanes: LanesPolicy
    tiers: TiersPolicy
    promotion: PromotionPolicy
