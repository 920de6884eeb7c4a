"""`strategies/<slug>/manifest.toml`: what a strategy trades, needs and may vary. Schema 1."""

from __future__ import annotations

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
PARENT = re.compile(r"[a-z][a-z0-9_]{2,39}(@[A-Za-z0-9._/-]{1,80})?\Z")
MANIFEST_BYTES_MAX = 65_536
LINE_MAX = 4_096
DOTS_MAX = 64
"""Dots in one line: a parser's time grows with the square of a key's parts."""
SYMBOLS_MAX = 50
NUMBER_MAX = 2.0**53
GRID_MAX = 1e9
"""Steps from the low to the high end of a search range."""
SHOWN_MAX = 60

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
    """A parsed and checked manifest.

    Attributes:
        name: The folder's name.
        title: One line for people.
        symbols: Traded perpetuals, as the data set names them.
        context: Symbols that are read and not traded.
        interval: Length of a bar, as in 15m or 1h.
        mode: each, when `decide` sees one symbol at a time; panel, when it sees all of them at once.
        warmup: Bars of history before a decision counts.
        max_leverage: Bound of |exposure|; in a panel, of its sum over the symbols.
        handover: What happens to its positions when another release takes over.
        params: Numbers that the code is given by name; they keep the types written (int, float or bool).
        search: How a tuner may move them, by name.
        origin: Where the strategy comes from; written by whoever proposes it.
    """

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
    _check_size(content)
    try:
        wire = msgspec.convert(parse_toml(content), _Wire, strict=True)
    except UnicodeDecodeError as error:
        raise StrategyError(f"manifest.toml is not UTF-8 ({error}); save it as plain ASCII TOML") from error
    except msgspec.ValidationError as error:
        raise StrategyError(f"manifest.toml: {_explain(str(error))}") from error
    except tomllib.TOMLDecodeError as error:
        raise StrategyError(f"manifest.toml is not TOML: {_cut(str(error), 300)}") from error
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


def _check_size(content: bytes) -> None:
    if len(content) > MANIFEST_BYTES_MAX:
        raise StrategyError(f"manifest.toml has {len(content)} bytes; at most {MANIFEST_BYTES_MAX} are allowed")
    for number, line in enumerate(content.split(b"\n"), start=1):
        if len(line) > LINE_MAX or line.count(b".") > DOTS_MAX:
            raise StrategyError(
                f"manifest.toml: line {number} has {len(line)} bytes and {line.count(b'.')} dots; "
                f"at most {LINE_MAX} and {DOTS_MAX} are allowed: write shorter lines, without deep keys"
            )


def _shown(value: object) -> str:
    """Return a value as it is shown in a sentence: on one line, and no longer than a sentence can bear."""
    if isinstance(value, int) and abs(value) >= 1 << 128:
        return f"a number of {value.bit_length()} bits"  # Python will not write one of thousands of digits
    return _cut(repr(value), SHOWN_MAX)


def _cut(text: str, most: int) -> str:
    line = "".join(c if c.isprintable() else "?" for c in text)
    return line if len(line) <= most else f"{line[:most]}..."


def _explain(message: str) -> str:
    message = _cut(message, 300)
    known = ", ".join(_Wire.__struct_fields__)
    if "unknown field" in message or "missing required field" in message:
        return f"{message}; the keys are: {known}"
    return message


def _check_identity(wire: _Wire, slug: str) -> None:
    if wire.schema != 1:
        raise StrategyError(f"manifest.toml: schema is {_shown(wire.schema)}; this version reads schema 1")
    if not SLUG.match(wire.name):
        raise StrategyError(f"manifest.toml: name {_shown(wire.name)} must match [a-z][a-z0-9_]{{2,39}}")
    if wire.name != slug:
        raise StrategyError(f"manifest.toml: name is {wire.name!r} but the folder is {_shown(slug)}; make them equal")
    if not wire.title.strip() or len(wire.title) > 120 or not wire.title.isprintable():
        raise StrategyError("manifest.toml: title must be one printable line of 1 to 120 characters")
    for key, value, pattern in (("parent", wire.origin.parent, PARENT), ("retires", wire.origin.retires, SLUG)):
        if value is not None and not pattern.match(value):
            raise StrategyError(
                f"manifest.toml: [origin] {key} is {_shown(value)}; write a strategy's name"
                + (", or name@commit" if key == "parent" else "")
            )


def _check_market(wire: _Wire) -> None:
    if wire.interval not in INTERVAL_MS:
        raise StrategyError(f"manifest.toml: interval {_shown(wire.interval)} is not one of {', '.join(INTERVAL_MS)}")
    if not 1 <= len(wire.symbols) <= SYMBOLS_MAX:
        raise StrategyError(f"manifest.toml: symbols has {len(wire.symbols)} entries; 1 to {SYMBOLS_MAX} are allowed")
    for symbol in [*wire.symbols, *wire.context]:
        if not SYMBOL.match(symbol):
            raise StrategyError(
                f"manifest.toml: symbol {_shown(symbol)} is not a Bybit USDT perpetual such as 'BTCUSDT'"
            )
    named = [*wire.symbols, *wire.context]
    if len(set(named)) != len(named):
        raise StrategyError("manifest.toml: a symbol is named twice in symbols and context; name each once")


def _check_numbers(wire: _Wire) -> None:
    if not 0 <= wire.warmup <= WARMUP_MAX:
        raise StrategyError(f"manifest.toml: warmup is {_shown(wire.warmup)}; 0 to {WARMUP_MAX} bars are allowed")
    if not 0 < wire.max_leverage <= 100:
        raise StrategyError(
            f"manifest.toml: max_leverage is {_shown(wire.max_leverage)}; it must be above 0 and at most 100"
        )
    for name, value in wire.params.items():
        if not PARAM_NAME.match(name):
            raise StrategyError(f"manifest.toml: parameter {_shown(name)} must match [a-z][a-z0-9_]*")
        if not _is_number(value):
            raise StrategyError(
                f"manifest.toml: parameter {name} is {_shown(value)}; it must be finite and below 2**53"
            )
    for name, span in wire.search.items():
        _check_search(name, span, wire.params)


def _check_search(name: str, span: SearchRange, params: dict[str, ParamValue]) -> None:
    if name not in params:
        raise StrategyError(f"manifest.toml: [search] names {_shown(name)}, which [params] lacks; add it or remove it")
    value = params[name]
    if isinstance(value, bool):
        raise StrategyError(f"manifest.toml: [search] {name}: a bool parameter has no range; remove it")
    if not (_is_number(span.low) and _is_number(span.high) and span.low < span.high):
        raise StrategyError(
            f"manifest.toml: [search] {name}: low {_shown(span.low)} must be below high {_shown(span.high)}, "
            "both finite and below 2**53"
        )
    if not span.low <= value <= span.high:
        raise StrategyError(
            f"manifest.toml: parameter {name} is {value}, outside its [search] range {span.low} to {span.high}"
        )
    if span.step is not None and not (_is_number(span.step) and span.step * GRID_MAX >= span.high - span.low):
        raise StrategyError(
            f"manifest.toml: [search] {name}: step {_shown(span.step)} must be above zero and part the range "
            f"into at most {GRID_MAX:.0e} steps"
        )
    if span.step is not None and not (_on_grid(value, span, span.step) and _on_grid(span.high, span, span.step)):
        raise StrategyError(
            f"manifest.toml: [search] {name}: {value} and high {span.high} must lie on the grid low + k * step "
            f"({span.low}, {span.low + span.step}, ...)"
        )
    if span.log and (span.low <= 0 or span.step is not None):
        raise StrategyError(f"manifest.toml: [search] {name}: log needs low above zero and no step")
    if isinstance(value, int) and any(isinstance(x, float) and x != int(x) for x in (span.low, span.high)):
        raise StrategyError(f"manifest.toml: [search] {name}: an int parameter needs int bounds")


def _is_number(value: float) -> bool:
    """Return whether `value` is finite and small enough to be one number in float64 and in JSON."""
    return -NUMBER_MAX <= value <= NUMBER_MAX


def _on_grid(value: float, span: SearchRange, step: float) -> bool:
    steps = (value - span.low) / step
    return abs(steps - round(steps)) < 1e-6
