"""What a decision wants, by the contract's own words rather than the executor's code."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from live.journal import Event

STEP: Final = Decimal("0.001")


def target_of(decision: Event, symbol: str, *, share: int) -> Decimal:
    """Return exposure x equity / close, towards zero to the step, in signed coins; `share` symbols share it."""
    body: Any = decision.body
    exposure = Decimal(repr(float(body["symbols"][symbol]["exposure"])))
    coins = exposure / share * Decimal(repr(float(body["equity"]))) / close_of(decision, symbol)
    return coins.quantize(STEP, ROUND_DOWN)


def close_of(decision: Event, symbol: str) -> Decimal:
    """Return the close that a decision was made at."""
    body: Any = decision.body
    return Decimal(repr(float(body["closes"][symbol])))
