"""What bars that nobody had seen say of a strategy: an e-value, and the tier they leave it. Pure.

The e-value grows where a strategy earns; what takes a tier back is a day or a drawdown beyond what it was judged with,
or losses that chance does not explain. Asked again with every new bar, that last test takes more than its share of
tiers back: the side on which nothing is lost but time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.errors import UndecidedError
from autarch.evidence.ledger_entry import Tier
from autarch.evidence.returns import quantised
from autarch.stats.correlation import long_run_ratio, lower_for_correlation
from autarch.stats.forward import e_value
from autarch.stats.sharpe import Floats, p_value, sharpe_sample
from ci.policy import Policy

E_VALUE_TOLD_MAX = 1e12
"""More than this is told as this: it decides nothing any more, and JSON's whole numbers end soon after."""


LOSS_DEVIATIONS = 8.0
"""The largest loss of a day that the evidence allows for, in train's deviations, if the policy's worst day is not less.

Bets may be half of what such a day would cost: a bound of 15 % would keep a calm strategy from ever showing its edge.
A day beyond it voids the evidence for good, so that the bound is no promise of ours.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What forward days amount to. `e_value` is 0 where their evidence is void."""

    e_value: float
    days: int
    tier: Tier
    why: str


def weigh(daily: Floats, *, is_ruined: bool, deviation: float, policy: Policy) -> Weighed:
    """Return what forward daily returns (T,), oldest first, amount to.

    Args:
        daily: May be empty: then nothing speaks for or against it.
        is_ruined: Whether its equity ended on these days.
        deviation: Standard deviation of its daily returns on train.
        policy: Its worst day and drawdown bound what is evidence; [promotion] says what it buys.

    Raises:
        UndecidedError: a return is NaN, or it never moved on train.
    """
    days = int(daily.size)
    if not np.isfinite(daily).all():
        raise UndecidedError("a forward return is NaN or infinite; find out why before anything is computed from it")
    if not deviation > 0:
        raise UndecidedError("the strategy never moved on train, so nothing says how large a forward day is")
    daily = rounded(daily)
    breach = _breach(daily, is_ruined=is_ruined, policy=policy)
    if breach is not None:
        return Weighed(e_value=0.0, days=days, tier="T0", why=breach)
    bound = min(policy.risk.worst_day_frac_max, LOSS_DEVIATIONS * deviation, 1.0)
    is_void = bool((daily < -bound).any())
    found = 0.0 if is_void else min(E_VALUE_TOLD_MAX, e_value(daily, loss_max=bound, prior_deviation=deviation))
    limits = policy.promotion
    p_loss = _p_of_losses(daily) if days >= limits.forward_days_min else 1.0
    if p_loss <= limits.forward_loss_p_max:
        why = f"it lost on {days} forward days as a strategy without loss does with probability {p_loss:.4f}"
        return Weighed(e_value=found, days=days, tier="T1", why=why)
    if found >= limits.forward_e_value_min:
        return Weighed(e_value=found, days=days, tier="T3", why=f"forward e-value {found:.1f}")
    if is_void:
        why = f"a forward day lost more than {LOSS_DEVIATIONS:g} of train's deviations, which voids its evidence"
        return Weighed(e_value=found, days=days, tier="T2", why=why)
    why = f"forward e-value {found:.2f} of the {limits.forward_e_value_min:g} that T3 asks for"
    return Weighed(e_value=found, days=days, tier="T2", why=why)


def rounded(daily: Floats) -> Floats:
    """Return finite daily returns in whole 1e-5, as all that is kept of returns is."""
    return quantised(daily, first_day=0).values if daily.size else daily


def _breach(daily: Floats, *, is_ruined: bool, policy: Policy) -> str | None:
    """Return how forward days left the bounds that the strategy was judged with, or None."""
    if is_ruined:
        return "its equity ended on forward bars"
    worst = -float(daily.min(initial=0.0))
    if worst > policy.risk.worst_day_frac_max:
        return f"a forward day lost {worst:.3f}, and {policy.risk.worst_day_frac_max:g} is the most it may"
    curve = np.concatenate([[1.0], np.cumprod(1.0 + daily)])
    drawdown = float((1.0 - curve / np.maximum.accumulate(curve)).max())
    if drawdown > policy.risk.drawdown_frac_max:
        return f"its forward drawdown is {drawdown:.3f}, and {policy.risk.drawdown_frac_max:g} is the most it may"
    return None


def _p_of_losses(daily: Floats) -> float:
    """Return the chance that a strategy without loss loses so: 1 - PSR(0) of the mirrored days; 1 where it gained."""
    if not daily.mean() < 0:
        return 1.0
    try:
        sample = sharpe_sample(-daily)
        return p_value(lower_for_correlation(sample, ratio=long_run_ratio(-daily)))
    except UndecidedError:  # too few active days, or no spread
        return 1.0
    except ValueError:  # losses so steady that no market's chance explains them: beyond one deviation a day
        return 0.0
