"""What trading costs beside the venue's fee: an assumption, named and bounded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from autarch.errors import ConfigError

MarginMode = Literal["isolated", "cross"]
_NUMBERS = ("half_spread_bps", "impact_k", "impact_cap_bps")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """Slippage and margin of a taker. Fees are facts and come from the instrument.

    Slippage, a fraction of price against the trader, for an order that brings what one side took
    of a symbol at one instant to `notional`:

        (half_spread_bps + min(impact_cap_bps, impact_k * sqrt(notional / median turnover))) / 10,000

    with the median over the 96 bars that closed before the fill. The square root is the usual
    empirical law of impact (Almgren, Thum, Hauptmann and Li, 2005); its factor is our assumption.

    Attributes:
        half_spread_bps: Assumes a constant spread; unfit in a crash, when books thin out.
        impact_k: Basis points paid by an order as large as a typical bar's turnover. Assumes that
            impact has decayed by the next bar.
        impact_cap_bps: The most that impact may cost. Assumes size is bounded elsewhere (policy's
            participation limit); without that the cap would flatter huge orders.
        margin_mode: `isolated` assumes each symbol's position stands alone behind notional / leverage
            with leverage ceil(max_leverage) + 1, and loses no more than that. `cross` assumes that all of
            the account's money stands behind all its positions, which are taken over together when it
            is used up at the worst prices of one bar, all met at once (`margin`).
        fee_factor: Multiplies the instrument's taker fee; other than 1.0 only in stress tests.
    """

    half_spread_bps: float
    impact_k: float
    impact_cap_bps: float
    margin_mode: MarginMode = "isolated"
    fee_factor: float = 1.0

    def __post_init__(self) -> None:
        """Refuse numbers that would pay the trader or mean nothing.

        Raises:
            ConfigError: a number is negative or not finite, or the margin mode is unknown.
        """
        for name in (*_NUMBERS, "fee_factor"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"cost model: {name} is {value}; it must be finite and zero or more")
        if self.margin_mode not in get_args(MarginMode):
            raise ConfigError(f"cost model: margin_mode is {self.margin_mode!r}; expected 'isolated' or 'cross'")

    @classmethod
    def from_lock(cls, lock: object) -> CostModel:
        """Return the cost model that a dataset lock (its `costs`), those costs, or a mapping names.

        Raises:
            ConfigError: a number is missing, or as `__post_init__`.
        """
        found = getattr(lock, "costs", lock)
        names = (*_NUMBERS, "margin_mode")
        named: dict[str, Any] = (
            dict(found) if isinstance(found, Mapping) else {name: getattr(found, name, None) for name in names}
        )
        missing = [name for name in _NUMBERS if named.get(name) is None]
        if missing:
            raise ConfigError(f"cost model lacks {', '.join(missing)}; name each under [costs] of the dataset lock")
        half_spread, impact_k, impact_cap = (float(named[name]) for name in _NUMBERS)
        return cls(
            half_spread_bps=half_spread,
            impact_k=impact_k,
            impact_cap_bps=impact_cap,
            margin_mode=named.get("margin_mode") or "isolated",
        )

    def scaled(self, factor: float) -> CostModel:
        """Return the same model with fees, spread, impact and its cap times `factor`, for stress tests."""
        return CostModel(
            half_spread_bps=self.half_spread_bps * factor,
            impact_k=self.impact_k * factor,
            impact_cap_bps=self.impact_cap_bps * factor,
            margin_mode=self.margin_mode,
            fee_factor=self.fee_factor * factor,
        )
