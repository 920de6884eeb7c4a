"""Numbers and JSON as the venue writes them: every number of a result is a string, plain and without an exponent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

DIGITS_MAX = 15
"""Places before and after the point beyond which a number is no price and no quantity, and arithmetic would fail."""


def text(value: Decimal | None) -> str:
    """Return a decimal in plain digits, "" for what is absent."""
    if value is None:
        return ""
    return "0" if value == 0 else format(value, "f")


def json_bytes(value: Any) -> bytes:
    """Return compact JSON."""
    return msgspec.json.encode(value)


def number(raw: object, name: str) -> Decimal:
    """Return a number that a client sent, as a string or as JSON's own.

    Raises:
        ValueError: it is none.
    """
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError(name)  # noqa: TRY004  whatever is wrong with a parameter is one answer
    try:
        value = Decimal(str(raw))
    except ArithmeticError as error:
        raise ValueError(name) from error
    if not value.is_finite() or abs(value.adjusted()) > DIGITS_MAX:
        raise ValueError(name)
    return value
