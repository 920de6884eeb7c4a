"""What a decision wants, by the contract's own words rather than the executor's code."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any, Final

from live.journal import Event
from live.simulator.core.rows import ExecutionRow

STEP: Final = Decimal("0.001")
TICK: Final = Decimal("0.05")


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


def won(rows: Iterable[ExecutionRow], closes: Mapping[str, float], *, before_ms: int) -> Decimal:
    """Return what fills, fees and funding before a time have made at these closes, USDT."""
    total = Decimal(0)
    for row in rows:
        if row.time_ms < before_ms:
            total -= row.exec_fee
            if row.exec_type != "Funding":
                signed = row.exec_qty if row.side == "Buy" else -row.exec_qty
                total += signed * (Decimal(repr(float(closes[row.symbol]))) - row.exec_price)
    return total


def won_before(
    decision: Event, rows: Iterable[ExecutionRow], booked: Container[str], *, closes_ms: int, late_ms: int
) -> Decimal:
    """Return what had been made when a bar was decided, at its closes, USDT.

    What comes at its close or after waits for the decision, but only until the bar's deadline: a decision that is
    later than that is made with what has been booked by then.
    """
    body: Any = decision.body
    if decision.time_ms <= late_ms:
        return won(rows, body["closes"], before_ms=closes_ms)
    known = [row for row in rows if row.time_ms < closes_ms or row.exec_id in booked]
    return won(known, body["closes"], before_ms=decision.time_ms + 1)


def stop_due(entry: Decimal, distance: float, *, is_long: bool) -> Decimal:
    """Return the stop at its distance from the average entry, to the tick nearer the entry."""
    exact = entry * (1 - Decimal(repr(distance)) * (1 if is_long else -1))
    return (exact / TICK).to_integral_value(ROUND_UP if is_long else ROUND_DOWN) * TICK
