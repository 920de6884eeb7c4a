"""Read `instruments.toml`: filters, fees and risk tiers, each value with the source that stands behind it.

`tick_size` is `{value, source}`, or a list of `{from, value, source}` where it changed over time: the
finest counts, the regimes are kept. `from` and listing dates are ISO text or epoch milliseconds.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from autarch.errors import DataError
from autarch.market.lock_check import check_instrument
from autarch.market.lock_types import AMOUNTS, InstrumentEntry, Sourced, Stamp, TickRegime, Tiers
from autarch.market.types import Source

_RENAMED = {"min_notional": "min_notional_value"}  # the venue's word for it
_STAMPS = ("listed", "delisted")


class _Regime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"start": "from"}):
    start: str | int
    value: Decimal
    source: Source


class _Stamp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    value: str | int
    source: Source


def parse_instant(text: str | int) -> int:
    """Return epoch milliseconds of ISO 8601 text (UTC when it names no zone) or of digits.

    Raises:
        DataError: neither.
    """
    if isinstance(text, int) or text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{text!r} is no instant; write 2024-01-31T12:00 (UTC) or epoch milliseconds") from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def read_instruments(file: Path, symbols: tuple[str, ...]) -> tuple[InstrumentEntry, ...]:
    """Return the instruments of `symbols`, in that order.

    Raises:
        DataError: no such file, not TOML, a symbol, key or source missing or unknown, or tiers that
            do not increase.
    """
    try:
        content = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
    except OSError as error:
        raise DataError(f"no instruments at {file} ({error.strerror}); name such a file with --instruments") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{file} is not UTF-8 TOML: {error}") from error
    missing = [symbol for symbol in symbols if symbol not in content]
    if missing:
        raise DataError(f"{file} has no [{missing[0]}]; add its filters, fees and risk tiers, each with its source")
    entries = tuple(_entry(file, symbol, content[symbol]) for symbol in symbols)
    for entry in entries:
        check_instrument(entry)
    return entries


def _entry(file: Path, symbol: str, table: dict[str, Any]) -> InstrumentEntry:
    known = {_RENAMED.get(name, name) for name in AMOUNTS} | {"risk_tiers", *_STAMPS}
    unknown, absent = sorted(set(table) - known), sorted(known - set(table) - set(_STAMPS))
    if unknown or absent:
        what = f"unknown key {unknown[0]!r}" if unknown else f"no key {absent[0]!r}"
        raise DataError(f"{file} [{symbol}]: {what}; the keys are {', '.join(sorted(known))}")
    try:
        return _convert(symbol, table)
    except msgspec.ValidationError as error:
        raise DataError(f"{file} [{symbol}]: {error}; source is exchange, inferred or assumed") from error


def _convert(symbol: str, table: dict[str, Any]) -> InstrumentEntry:
    amounts: dict[str, Any] = {}
    regimes: tuple[TickRegime, ...] = ()
    for name in AMOUNTS:
        raw = table[_RENAMED.get(name, name)]
        if name == "tick_size" and isinstance(raw, list):
            found = msgspec.convert(raw, list[_Regime], strict=True)
            regimes = tuple(TickRegime(from_ms=parse_instant(r.start), value=r.value, source=r.source) for r in found)
            finest = min(regimes, key=lambda regime: regime.value, default=None)
            if finest is None:
                raise msgspec.ValidationError("tick_size is an empty list")
            amounts[name] = Sourced(value=finest.value, source=finest.source)
        else:
            amounts[name] = msgspec.convert(raw, Sourced, strict=True)
    stamps: dict[str, Any] = {}
    for name in _STAMPS:
        if name in table:
            stamp = msgspec.convert(table[name], _Stamp, strict=True)
            stamps[f"{name}_ms"] = Stamp(value=parse_instant(stamp.value), source=stamp.source)
    tiers = msgspec.convert(table["risk_tiers"], Tiers, strict=True)
    return InstrumentEntry(symbol=symbol, **amounts, **stamps, risk_tiers=tiers, tick_regimes=regimes)
