"""When an isolated position is liquidated, solved once more from the margin equation of docs/adr/0003.

A position of q coins entered at E with leverage L has margin q E / L, less what funding has drained.
It is liquidated where

    margin + side q (p - E) = maintenance + fee to close at the bankruptcy price

and bankrupt where the left side is zero. Maintenance is the value times the tier's rate less the
tier's deduction, and the venue has published two readings of "value": at the entry, and at p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One risk limit: positions of at most `value_max` quote need value * rate - deduction."""

    value_max: Fraction
    rate: Fraction
    deduction: Fraction


def bankruptcy_price(qty: Fraction, entry: float, side: int, *, leverage: int, drained: Fraction) -> Fraction:
    """Return the price at which nothing of the margin is left.

    Args:
        qty: Coins, positive.
        entry: Average entry price.
        side: 1 long, -1 short.
        leverage: Of the isolated position.
        drained: Quote of the margin that funding has taken.
    """
    return Fraction(entry) - side * (Fraction(entry) / leverage - drained / qty)


def liquidation_price(  # noqa: PLR0913  the terms of one margin equation
    qty: Fraction,
    entry: float,
    side: int,
    *,
    leverage: int,
    taker_fee: float,
    tiers: Sequence[Tier],
    drained: Fraction,
) -> Fraction:
    """Return the liquidation price that a position of `side` meets first.

    Of both readings, and for a position that would have grown into a higher tier by then also with
    that tier. Arguments as for `bankruptcy_price`; `tiers` ascend.
    """
    bankrupt = bankruptcy_price(qty, entry, side, leverage=leverage, drained=drained)
    base = bankrupt + side * bankrupt * Fraction(taker_fee)

    def at_own_value(tier: Tier) -> Fraction:
        return (base - side * tier.deduction / qty) / (1 - side * tier.rate)

    tier = _tier_of(qty * Fraction(entry), tiers)
    solutions = [base + side * (Fraction(entry) * tier.rate - tier.deduction / qty), at_own_value(tier)]
    grown = _tier_of(qty * solutions[1], tiers)
    if grown.value_max > tier.value_max:
        solutions.append(at_own_value(grown))
    return max(solutions) if side > 0 else min(solutions)


def _tier_of(value: Fraction, tiers: Sequence[Tier]) -> Tier:
    return next((tier for tier in tiers if value <= tier.value_max), tiers[-1])
