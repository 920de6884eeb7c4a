"""One perpetual as the exchange lists it, and the engine's numbers for it at an account's leverage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from autarch.engine.costs import CostModel
from autarch.engine.terms import LEVERAGE, QTY_SCALE, QTY_UNIT, terms_of, tiers_of
from autarch.market.types import Floats, FundingSchedule, Instrument

PRICE_LIMIT_FRAC = Decimal("0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A listed perpetual.

    Attributes:
        instrument: Filters, fees, risk tiers.
        costs: What its market orders cost beside the fee.
        max_limit_qty: Largest limit order, coins.
        max_leverage: Of the lowest risk tier.
        price_limit_frac: How far from the mark a market order may fill: the venue's priceLimitRatioX.
        funding: When funding settles.
        status: Trading, Closed or PreLaunch.
    """

    instrument: Instrument
    costs: CostModel
    max_limit_qty: Decimal
    max_leverage: Decimal = Decimal(100)
    price_limit_frac: Decimal = PRICE_LIMIT_FRAC
    funding: tuple[FundingSchedule, ...] = ()
    status: str = "Trading"
    terms: Floats = field(init=False)
    tiers: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Pack what compiled code reads.

        Raises:
            ConfigError: a filter or tier that cannot be traded under.
        """
        object.__setattr__(self, "terms", terms_of(self.instrument, self.costs, max_leverage=1.0, fraction=1.0))
        object.__setattr__(self, "tiers", tiers_of(self.instrument))

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.instrument.symbol

    def at_leverage(self, leverage: Decimal) -> Floats:
        """Return the terms vector for a position of this leverage."""
        terms = self.terms.copy()
        terms[LEVERAGE] = float(leverage)
        return terms

    def under(self, instrument: Instrument) -> Contract:
        """Return the contract with changed filters, as the venue changes them twice a month."""
        return replace(self, instrument=instrument)

    def steps(self, qty: Decimal) -> float:
        """Return coins, on a step, as a whole number of steps."""
        return float(qty / self.instrument.qty_step)

    def qty(self, steps: float) -> Decimal:
        """Return a whole number of steps as coins, exactly."""
        return int(steps) * self.instrument.qty_step

    def coins(self, steps: float) -> float:
        """Return steps as the float nearest to the coins."""
        return float(steps * self.terms[QTY_UNIT] / self.terms[QTY_SCALE])

    def is_on_step(self, qty: Decimal) -> bool:
        """Return whether a quantity is a multiple of the step."""
        return qty % self.instrument.qty_step == 0

    def is_on_tick(self, price: Decimal) -> bool:
        """Return whether a price is a multiple of the tick."""
        return price % self.instrument.tick_size == 0

    def to_tick(self, price: Decimal, *, up: bool) -> Decimal:
        """Return the price at the tick above or below, itself when on one."""
        tick = self.instrument.tick_size
        return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick

    def funding_interval_min(self, now_ms: int) -> int:
        """Return the minutes between funding settlements in force, 480 where none is known."""
        found = 480
        for schedule in self.funding:
            if schedule.from_ms <= now_ms:
                found = schedule.interval_min
        return found

    def next_funding_ms(self, now_ms: int) -> int:
        """Return the next settlement strictly after `now_ms`."""
        step = self.funding_interval_min(now_ms) * 60_000
        return (now_ms // step + 1) * step
