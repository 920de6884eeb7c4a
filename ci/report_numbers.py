"""How numbers and digests are written, in the terminal and everywhere else."""

from __future__ import annotations

from datetime import UTC, datetime

from autarch.verdict import Measure

_OPPOSITE = {"<=": ">", ">=": "<", "==": "!=", "<": ">=", ">": "<="}


def number(value: float | None) -> str:
    """Return `value` for eyes: whole numbers and large ones whole, others with four decimals or four digits."""
    if value is None:
        return "not defined"
    if abs(value) >= 1e15 or 0.0 < abs(value) < 0.001:
        return f"{value:.4g}"
    if value == int(value) or abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:,.4f}"


def comparison(measure: Measure) -> str:
    """Return `3.1000 <= 12.0000 x per day`, with the sign turned round when it does not hold."""
    unit = f" {measure.unit}" if measure.unit else ""
    if measure.op is None or measure.limit is None:
        return f"{number(measure.value)}{unit}"
    sign = measure.op if measure.holds else _OPPOSITE[measure.op]
    return f"{number(measure.value)} {sign} {number(measure.limit)}{unit}"


def short(digest: str | None) -> str:
    """Return the first twelve characters of a digest, `none` without one."""
    return digest[:12] if digest else "none"


def short_ref(dataset: str | None) -> str:
    """Return `name@digest` with the digest cut to twelve characters."""
    if not dataset:
        return "none"
    name, _, digest = dataset.partition("@")
    return f"{name}@{short(digest)}"


def minute(ms: int) -> str:
    """Return an instant in epoch ms as `2024-01-31 12:45`, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
