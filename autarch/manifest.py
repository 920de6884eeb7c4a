"""`strategies/<slug>/manifest.toml`: what a strategy trades, needs and may vary. Schema 1."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from typing import Literal

import msgspec

from autarch.canonical import Sha256, canonical_digest, parse_toml, sha256_hex
from autarch.errors import StrategyError

INTERVAL_MS: dict[str, int] = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}
"""Length of a bar in milliseconds for every interval a manifest may name."""

BLOCK_BARS: dict[str, int] = {
    "1m": 2016,
    "3m": 1680,
    "5m": 2016,
    "15m": 2016,
    "30m": 672,
    "1h": 504,
    "2h": 168,
    "4h": 126,
    "6h": 112,
    "12h": 28,
    "1d": 28,
}
"""Bars in one block of anchored evaluation (own choice).

Each divides a week or is one to four of them. A strategy can count its place in the block by the length of
what it is shown; together with hour and weekday, a length foreign to the week (2048 bars of 15 minutes meet
a week only every 448 days) would tell it the date.
"""

WARMUP_MAX = 20_000
SLUG = re.compile(r"[a-z][a-z0-9_]{2,39}\Z")
SYMBOL = re.compile(r"[A-Z0-9]{2,20}USDT\Z")
PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
MANIFEST_BYTES_MAX = 65_536
SYMBOLS_MAX = 50

ParamValue = bool | int | float


class SearchRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an optimiser may move one parameter: [low, high], on a grid of `step` from `low`, or in log scale."""

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a strategy comes from; written by whoever proposes it."""

    parent: str | None = None
    retires: str | None = None


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    name: str
    title: str
    symbols: list[str]
    interval: str
    mode: Literal["each", "panel"]
    warmup: int
    max_leverage: int | float
    context: list[str] = []
    handover: Literal["adopt", "drain", "flatten"] = "adopt"
    params: dict[str, bool | int | float] = {}
    search: dict[str, SearchRange] = {}
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A parsed and checked manifest; `params` keep the types written (int, float or bool)."""

    name: str
    title: str
    symbols: tuple[str, ...]
    context: tuple[str, ...]
    interval: str
    mode: Literal["each", "panel"]
    warmup: int
    max_leverage: float
    handover: Literal["adopt", "drain", "flatten"]
    params: dict[str, ParamValue]
    search: dict[str, SearchRange]
    origin: Origin

    @property
    def interval_ms(self) -> int:
        """Length of one bar in milliseconds."""
        return INTERVAL_MS[self.interval]

    @property
    def block(self) -> int:
        """Bars in one block of anchored evaluation."""
        return BLOCK_BARS[self.interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySource:
    """One strategy as bytes: what is judged, released and run. `manifest` is `manifest_bytes` parsed."""

    manifest: Manifest
    manifest_bytes: bytes
    code: bytes

    @property
    def digest(self) -> Sha256:
        """SHA-256 that names these two files, whatever folder or commit they came from."""
        return canonical_digest(
            {"manifest.toml": sha256_hex(self.manifest_bytes), "strategy.py": sha256_hex(self.code)}
        )


def parse_source(*, slug: str, manifest_bytes: bytes, code: bytes) -> StrategySource:
    """Return the strategy these two files make.

    Raises:
        StrategyError: as `parse_manifest`.
    """
    return StrategySource(manifest=parse_manifest(manifest_bytes, slug=slug), manifest_bytes=manifest_bytes, code=code)


def parse_manifest(content: bytes, *, slug: str) -> Manifest:
    """Return the manifest in `content`, found in the folder `slug`.

    Raises:
        StrategyError: not UTF-8 TOML, a missing, unknown or ill-typed key, or a value out of range;
            the text names the key, what was found, what was expected.
    """
    if len(content) > MANIFEST_BYTES_MAX:
        raise StrategyError(f"manifest.toml has {len(content)} bytes; at most {MANIFEST_BYTES_MAX} are allowed")
    try:
        wire = msgspec.convert(parse_toml(content), _Wire, strict=True)
    except UnicodeDecodeError as error:
        raise StrategyError(f"manifest.toml is not UTF-8 ({error}); save it as plain ASCII TOML") from error
    except tomllib.TOMLDecodeError as error:
        raise StrategyError(f"manifest.toml is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise StrategyError(f"manifest.toml: {_explain(str(error))}") from error
    _check_identity(wire, slug)
    _check_market(wire)
    _check_numbers(wire)
    return Manifest(
        name=wire.name,
        title=wire.title,
        symbols=tuple(wire.symbols),
        context=tuple(wire.context),
        interval=wire.interval,
        mode=wire.mode,
        warmup=wire.warmup,
        max_leverage=float(wire.max_leverage),
        handover=wire.handover,
        params=wire.params,
        search=wire.search,
        origin=wire.origin,
    )


def _explain(message: str) -> str:
    known = ", ".join(_Wire.__struct_fields__)
    if "unknown field" in message or "missing required field" in message:
        return f"{message}; the keys are: {known}"
    return message


def _check_identity(wire: _Wire, slug: str) -> None:
    if wire.schema != 1:
        raise StrategyError(f"manifest.toml: schema is {wire.schema}; this version reads schema 1")
    if not SLUG.match(wire.name):
        raise StrategyError(f"manifest.toml: name {wire.name!r} must match [a-z][a-z0-9_]{{2,39}}")
    if wire.name != slug:
        raise StrategyError(f"manifest.toml: name is {wire.name!r} but the folder is {slug!r}; make them equal")
    if not wire.title.strip() or len(wire.title) > 120 or not wire.title.isprintable():
        raise StrategyError("manifest.toml: title must be one printable line of 1 to 120 characters")


def _check_market(wire: _Wire) -> None:
    if wire.interval not in INTERVAL_MS:
        raise StrategyError(f"manifest.toml: interval {wire.interval!r} is not one of {', '.join(INTERVAL_MS)}")
    if not 1 <= len(wire.symbols) <= SYMBOLS_MAX:
        raise StrategyError(f"manifest.toml: symbols has {len(wire.symbols)} entries; 1 to {SYMBOLS_MAX} are allowed")
    for symbol in [*wire.symbols, *wire.context]:
        if not SYMBOL.match(symbol):
            raise StrategyError(f"manifest.toml: symbol {symbol!r} is not a Bybit USDT perpetual such as 'BTCUSDT'")
    named = [*wire.symbols, *wire.context]
    if len(set(named)) != len(named):
        raise StrategyError("manifest.toml: a symbol is named twice in symbols and context; name each once")


def _check_numbers(wire: _Wire) -> None:
    if not 0 <= wire.warmup <= WARMUP_MAX:
        raise StrategyError(f"manifest.toml: warmup is {wire.warmup}; 0 to {WARMUP_MAX} bars are allowed")
    if not (math.isfinite(wire.max_leverage) and 0 < wire.max_leverage <= 100):
        raise StrategyError(f"manifest.toml: max_leverage is {wire.max_leverage}; it must be above 0 and at most 100")
    for name, value in wire.params.items():
        if not PARAM_NAME.match(name):
            raise StrategyError(f"manifest.toml: parameter {name!r} must match [a-z][a-z0-9_]*")
        if not math.isfinite(value) or abs(value) > 2**53:
            raise StrategyError(f"manifest.toml: parameter {name} is {value}; it must be finite and below 2**53")
    for name, span in wire.search.items():
        _check_search(name, span, wire.params)


def _check_search(name: str, span: SearchRange, params: dict[str, ParamValue]) -> None:
    if name not in params:
        raise StrategyError(f"manifest.toml: [search] names {name!r}, which [params] lacks; add it or remove it")
    value = params[name]
    if isinstance(value, bool):
        raise StrategyError(f"manifest.toml: [search] {name}: a bool parameter has no range; remove it")
    if not (math.isfinite(span.low) and math.isfinite(span.high) and span.low < span.high):
        raise StrategyError(f"manifest.toml: [search] {name}: low {span.low} must be finite and below high {span.high}")
    if not span.low <= value <= span.high:
        raise StrategyError(
            f"manifest.toml: parameter {name} is {value}, outside its [search] range {span.low} to {span.high}"
        )
    if span.step is not None and not (math.isfinite(span.step) and span.step > 0):
        raise StrategyError(f"manifest.toml: [search] {name}: step {span.step} must be above zero")
    if span.step is not None and not (_on_grid(value, span, span.step) and _on_grid(span.high, span, span.step)):
        raise StrategyError(
            f"manifest.toml: [search] {name}: {value} and high {span.high} must lie on the grid low + k * step "
            f"({span.low}, {span.low + span.step}, ...)"
        )
    if span.log and (span.low <= 0 or span.step is not None):
        raise StrategyError(f"manifest.toml: [search] {name}: log needs low above zero and no step")
    if isinstance(value, int) and any(isinstance(x, float) and x != int(x) for x in (span.low, span.high)):
        raise StrategyError(f"manifest.toml: [search] {name}: an int parameter needs int bounds")


def _on_grid(value: float, span: SearchRange, step: float) -> bool:
    steps = (value - span.low) / step
    return abs(steps - round(steps)) < 1e-6
