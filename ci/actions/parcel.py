"""What the untrusted half hands to the trusted one: one file, and everything in it is a claim of a stranger.

No number that can be computed again from the decisions is in it. Who reads it takes head, base and repository from
the event, and refuses a parcel that says others.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from autarch.decisions import Decisions
from autarch.errors import RefusedError, UndecidedError
from autarch.evidence.claim import ClaimedCheck, claimed_check
from autarch.evidence.returns import DailyReturns, returns_from, returns_text
from autarch.manifest import Manifest
from autarch.sandbox.failure import printable
from autarch.sandbox.values import Layer, SandboxLevel
from autarch.verdict import CheckResult, Measure
from ci.actions.artifact import read_only_file
from ci.outcome import GateOutcome
from ci.platform_changes import PlatformChanges
from ci.policy import CHECK_NAMES

PARCEL_NAME = "parcel.msgpack"
PARCEL_BYTES_MAX = 64 * 1024 * 1024
CELLS_MAX = 8_000_000
"""Bars times symbols that are unpacked; the bytes of a parcel can claim any number."""

TEXT_MAX = 20_000
DRAWN_MAX = 256
_ARRAYS = ("exposure", "stop_loss", "take_profit")

Text = Annotated[str, Meta(max_length=TEXT_MAX)]
Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}\Z")]


class PackedLayer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One layer of confinement, as the runner that asked the strategy measured it."""

    name: Text
    required: bool
    reached: bool
    detail: Text


class PackedDecisions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decisions on train: three arrays (rows, columns) of little-endian float64, and which count, deflated."""

    rows: Annotated[int, Meta(ge=1)]
    columns: Annotated[int, Meta(ge=1)]
    content: bytes


class Parcel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One judgement by the untrusted half. `drawn` are packed returns of the search around the candidate.

    `platform` is what a platform change does to the strategies on main.
    """

    schema: Literal[1]
    head: Hex
    base: Hex
    engine: Hex
    policy: Hex
    dataset: Text
    numerics: Hex
    checks: Annotated[tuple[ClaimedCheck, ...], Meta(max_length=len(CHECK_NAMES))]
    of_machine: tuple[Text, ...] = ()
    may_ask: Literal["same", "less"] | None = None
    elapsed_s: dict[Text, float] = {}
    kernel: Text = ""
    layers: Annotated[tuple[PackedLayer, ...], Meta(max_length=64)] = ()
    decisions: PackedDecisions | None = None
    drawn: Annotated[tuple[str, ...], Meta(max_length=DRAWN_MAX)] = ()
    platform: PlatformChanges | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a parcel must be about, by the event and by main: anything else is not ours."""

    head: str
    base: str
    engine: str
    policy: str
    dataset: str
    numerics: str


class PoisonedError(UndecidedError):
    """A parcel is not what main's gate would have written: nothing of it is believed."""


class StaleError(RefusedError):
    """A parcel was judged on another main than today's: it says nothing about this one."""


def wrap(outcome: GateOutcome, *, numerics: str) -> bytes:
    """Return the parcel of an outcome.

    Raises:
        UndecidedError: it is of no pull request, or too large to be handed on.
    """
    candidate = outcome.candidate
    if candidate.head is None or candidate.base is None:
        raise UndecidedError("only what a pull request proposes is handed on")
    level = outcome.level
    parcel = Parcel(
        schema=1,
        head=candidate.head,
        base=candidate.base,
        engine=outcome.engine,
        policy=outcome.policy.digest,
        dataset=outcome.dataset or "",
        numerics=numerics,
        checks=tuple(claimed_check(_short(check)) for check in outcome.measured),
        of_machine=outcome.of_machine,
        may_ask=outcome.may_ask,
        elapsed_s=dict(outcome.elapsed_s),
        kernel="" if level is None else level.kernel,
        layers=() if level is None else tuple(_packed_layer(layer) for layer in level.layers),
        decisions=None if outcome.decisions is None else pack_decisions(outcome.decisions),
        drawn=() if outcome.searched is None else tuple(returns_text(one) for one in outcome.searched.drawn),
        platform=outcome.platform,
    )
    content = msgspec.msgpack.encode(parcel)
    if len(content) > PARCEL_BYTES_MAX:
        raise UndecidedError(f"the parcel has {len(content)} bytes; at most {PARCEL_BYTES_MAX} are handed on")
    return content


def read_file(folder: Path) -> bytes:
    """Return the bytes of the parcel in `folder`, which an artifact was unpacked into.

    Raises:
        PoisonedError: the artifact holds anything else, a link, or too much.
    """
    return read_only_file(folder, PARCEL_NAME, bytes_max=PARCEL_BYTES_MAX, refused=PoisonedError)


def unwrap(content: bytes, wanted: Wanted) -> Parcel:
    """Return the parcel in `content` when it is of this form and about what is wanted.

    Raises:
        PoisonedError: it is not.
        StaleError: it was judged on another main.
    """
    try:
        parcel = msgspec.msgpack.decode(content, type=Parcel, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PoisonedError(f"the parcel is not of schema 1: {printable(str(error))}") from error
    if parcel.head != wanted.head:
        raise PoisonedError(f"the parcel is of head {parcel.head[:12]}, the run was of {wanted.head[:12]}")
    if parcel.base != wanted.base:
        raise StaleError(
            f"judged on main {parcel.base[:12]}, which is {wanted.base[:12]} by now: bring the branch up to date"
        )
    for name in ("engine", "policy", "dataset", "numerics"):
        found, expected = getattr(parcel, name), getattr(wanted, name)
        if found != expected:
            raise PoisonedError(f"the parcel names {name} {found[:80]!r}, main here is {expected[:80]!r}")
    names = [check.name for check in parcel.checks]
    if names != [name for name in CHECK_NAMES if name in names]:
        raise PoisonedError("the parcel lists checks that there are not, twice, or out of order")
    return parcel


def pack_decisions(decisions: Decisions) -> PackedDecisions:
    """Return decisions as a parcel holds them."""
    rows, columns = decisions.exposure.shape
    raw = b"".join(np.ascontiguousarray(getattr(decisions, name), dtype="<f8").tobytes() for name in _ARRAYS)
    return PackedDecisions(
        rows=rows, columns=columns, content=zlib.compress(raw + decisions.counts.astype(np.uint8).tobytes(), 1)
    )


def unpack_decisions(packed: PackedDecisions, manifest: Manifest, *, rows: int) -> Decisions:
    """Return the decisions in a parcel, on a market of `rows` bars.

    Raises:
        PoisonedError: another shape, or other bytes than it says.
    """
    columns = len(manifest.symbols)
    cells = rows * columns
    if (packed.rows, packed.columns) != (rows, columns) or cells > CELLS_MAX:
        raise PoisonedError(f"decisions of shape {packed.rows, packed.columns}; expected {rows, columns}")
    size = cells * (8 * len(_ARRAYS) + 1)
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed.content, size + 1)
    except zlib.error as error:
        raise PoisonedError(f"the decisions cannot be unpacked: {error}") from error
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise PoisonedError("the decisions unpack to another size than they say")
    arrays = {
        name: np.frombuffer(raw, "<f8", count=cells, offset=place * cells * 8).reshape(rows, columns).astype(np.float64)
        for place, name in enumerate(_ARRAYS)
    }
    flags = np.frombuffer(raw, np.uint8, count=cells, offset=len(_ARRAYS) * cells * 8).reshape(rows, columns)
    if (flags > 1).any() or not (np.abs(arrays["exposure"]) <= manifest.max_leverage + 1e-9).all():
        raise PoisonedError("the decisions hold an exposure that no strategy may have")
    return Decisions(
        symbols=manifest.symbols,
        interval=manifest.interval,
        mode=manifest.mode,
        max_leverage=manifest.max_leverage,
        counts=flags.astype(np.bool_),
        **arrays,
    )


def results_of(parcel: Parcel, classes: Mapping[str, str]) -> dict[str, CheckResult]:
    """Return the checks of a parcel by name, each of the class that the policy gives it.

    Raises:
        PoisonedError: one says another class, or stands waived: nobody waives in the untrusted half.
    """
    found = {}
    for check in parcel.checks:
        if check.klass != classes[check.name] or check.verdict == "waived":
            raise PoisonedError(f"the parcel has {check.name} {check.verdict} as {check.klass}")
        measures = tuple(
            Measure(name=m.name, value=m.value, op=m.op, limit=m.limit, unit=m.unit) for m in check.measures
        )
        found[check.name] = CheckResult(
            name=check.name, klass=check.klass, verdict=check.verdict, measures=measures, detail=check.detail[:TEXT_MAX]
        )
    return found


def level_of(parcel: Parcel) -> SandboxLevel | None:
    """Return the confinement that the parcel tells of, None where no strategy was run."""
    if not parcel.layers:
        return None
    layers = tuple(Layer(name=x.name, required=x.required, reached=x.reached, detail=x.detail) for x in parcel.layers)
    return SandboxLevel(layers=layers, kernel=parcel.kernel)


def drawn_of(parcel: Parcel) -> tuple[DailyReturns, ...]:
    """Return the daily returns of the search around the candidate.

    Raises:
        PoisonedError: they cannot be read.
    """
    try:
        return tuple(returns_from(text) for text in parcel.drawn)
    except RefusedError as error:
        raise PoisonedError(str(error)) from error


def _short(check: CheckResult) -> CheckResult:
    return dataclasses.replace(check, detail=check.detail[:TEXT_MAX])


def _packed_layer(layer: Layer) -> PackedLayer:
    return PackedLayer(name=layer.name, required=layer.required, reached=layer.reached, detail=layer.detail[:TEXT_MAX])
