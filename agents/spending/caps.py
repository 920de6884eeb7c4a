"""Which caps hold: the workspace's own, the project's, and those of one proposal, each kind by the smaller."""

from __future__ import annotations

import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

import msgspec

from agents.ports import Budget, BudgetError, Caps, Usage
from autarch.canonical import parse_toml
from autarch.errors import ConfigError

PATH = Path(__file__).parent.parent / "budgets.toml"
OVERRIDE = ".autarch/agents/budgets.toml"
_Number = TypeVar("_Number", int, Decimal)


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    usd: str | None = None
    tokens: int | None = None
    turns: int | None = None


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    call: _Section = _Section()
    proposal: _Section = _Section()
    day: _Section = _Section()
    month: _Section = _Section()


def read_budget(workspace: Path | None = None) -> Budget:
    """Return the caps of the workspace at `workspace`, else the project's.

    Raises:
        ConfigError: they do not parse, or one is below zero.
    """
    own = None if workspace is None else workspace / OVERRIDE
    path = own if own is not None and own.is_file() else PATH
    try:
        wire = msgspec.convert(parse_toml(path.read_bytes()), _Wire, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"{path}: {error}; sections are call, proposal, day, month with usd, tokens, turns"
        ) from error
    where = str(path)
    return Budget(
        call=_caps(wire.call, f"{where}: [call]"),
        proposal=_caps(wire.proposal, f"{where}: [proposal]"),
        day=_caps(wire.day, f"{where}: [day]"),
        month=_caps(wire.month, f"{where}: [month]"),
    )


def narrower(one: Budget, other: Budget) -> Budget:
    """Return the budget that holds both."""
    return Budget(
        call=_both(one.call, other.call),
        proposal=_both(one.proposal, other.proposal),
        day=_both(one.day, other.day),
        month=_both(one.month, other.month),
    )


def require(caps: Caps, *, spent: Usage, next_one: Usage, of: str) -> None:
    """Raise unless `next_one` still fits on top of `spent`; a cap of zero lets nothing through.

    Args:
        caps: What may be spent.
        spent: What was, attempts that never answered included.
        next_one: What the next call may cost at most.
        of: What the caps are of, for the message.

    Raises:
        BudgetError: it does not fit; names the cap, what is spent, what was asked, and where to raise it.
    """
    after = spent + next_one
    for name, cap, used, wanted, total in (
        ("usd", caps.usd, spent.usd, next_one.usd, after.usd),
        ("tokens", caps.tokens, spent.tokens, next_one.tokens, after.tokens),
        ("turns", caps.turns, spent.turns, next_one.turns, after.turns),
    ):
        if cap is not None and total > cap:
            raise BudgetError(
                f"the budget of the {of} is {_shown(cap)} {name}; {_shown(used)} are spent and the next call may take "
                f"{_shown(wanted)}. Nothing is lost: raise [{of}] {name} in {OVERRIDE} (as in agents/budgets.toml), or "
                "wait, and run the same again"
            )


def _both(one: Caps, other: Caps) -> Caps:
    return Caps(
        usd=_smaller(one.usd, other.usd),
        tokens=_smaller(one.tokens, other.tokens),
        turns=_smaller(one.turns, other.turns),
    )


def _smaller(one: _Number | None, other: _Number | None) -> _Number | None:
    known = [cap for cap in (one, other) if cap is not None]
    return min(known, default=None)


def _caps(section: _Section, where: str) -> Caps:
    usd = None
    if section.usd is not None:
        try:
            usd = Decimal(section.usd)
        except InvalidOperation:
            usd = Decimal("NaN")
        if not usd.is_finite() or usd < 0:
            raise ConfigError(f'{where} usd is {section.usd!r}, expected dollars in quotes, such as "2.50"')
    for name in ("tokens", "turns"):
        value = getattr(section, name)
        if value is not None and value < 0:
            raise ConfigError(f"{where} {name} is {value}, expected 0 or more")
    return Caps(usd=usd, tokens=section.tokens, turns=section.turns)


def _shown(value: Decimal | int) -> str:
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, Decimal) else f"{value:,}"
