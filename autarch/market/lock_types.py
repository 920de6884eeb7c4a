"""The parts of a dataset lock as values: amounts are decimals, stamps epoch milliseconds, spans [start, end)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from autarch.canonical import Sha256, canonical_digest
from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS
from autarch.market.types import FundingSchedule, Instrument, RiskTier, Source, Split

SPLITS: tuple[Split, ...] = ("train", "holdout", "forward")

Kind = Literal["kline", "mark", "funding"]

STORED_MS = dict(sorted({**INTERVAL_MS, "8h": 28_800_000}.items(), key=lambda item: item[1]))
"""Every interval a series may be stored at, finest first: those a strategy may ask for, and 8 h for mark prices."""


class Epoch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One holdout range with the terms on which it may be asked; changing one opens a new epoch.

    `alpha` and `w0` are the online test's level and first wealth; `ladder_step` is the smallest
    improvement the Ladder releases, in train standard deviations of a daily return.
    """

    number: int = 1
    alpha: float = 0.10
    w0: float = 0.05
    ladder_step: float = 0.02


class Costs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cost model's numbers, all assumptions of ours: no venue publishes them.

    Slippage in basis points = half_spread_bps + min(impact_cap_bps, impact_k * sqrt(notional / the
    median turnover of one bar)): `impact_k` is what an order as large as a typical bar pays, in bps.
    """

    half_spread_bps: float = 1.0
    impact_k: float = 10.0
    impact_cap_bps: float = 50.0
    margin_mode: Literal["isolated", "cross"] = "isolated"
    source: Source = "assumed"


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rows of one series in one split, and the SHA-256 of their canonical bytes."""

    rows: int
    sha256: str


class Series(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One series; `interval` is None for funding. first_ms and last_ms are stamps of its rows."""

    venue: str
    symbol: str
    kind: Kind
    first_ms: int
    last_ms: int
    train: Block
    holdout: Block
    forward: Block
    interval: str | None = None

    def block(self, split: Split) -> Block:
        """Return the block of `split`."""
        return {"train": self.train, "holdout": self.holdout, "forward": self.forward}[split]

    @property
    def label(self) -> str:
        """Name for messages: `BTCUSDT kline 15m`."""
        return " ".join(part for part in (self.symbol, self.kind, self.interval) if part)


class Sourced(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One decimal and where it is from."""

    value: Decimal
    source: Source


class Stamp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instant in epoch milliseconds and where it is from."""

    value: int
    source: Source


class TickRegime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `from_ms` on, prices moved in steps of `value`."""

    from_ms: int
    value: Decimal
    source: Source


class Tiers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Risk tiers as rows of notional_max, maintenance rate, initial rate, deduction."""

    source: Source
    tiers: tuple[tuple[Decimal, Decimal, Decimal, Decimal], ...]


class InstrumentEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters, fees and tiers of one perpetual, each with its source. `tick_size` is the finest ever used."""

    symbol: str
    tick_size: Sourced
    qty_step: Sourced
    min_order_qty: Sourced
    max_market_qty: Sourced
    min_notional: Sourced
    taker_fee: Sourced
    maker_fee: Sourced
    risk_tiers: Tiers
    listed_ms: Stamp | None = None
    delisted_ms: Stamp | None = None
    tick_regimes: tuple[TickRegime, ...] = ()

    def value(self) -> Instrument:
        """Return the instrument every layer above reads."""
        amounts = {name: getattr(self, name) for name in AMOUNTS}
        sources: list[tuple[str, Source]] = [(name, amount.source) for name, amount in amounts.items()]
        sources.append(("risk_tiers", self.risk_tiers.source))
        for name in ("listed_ms", "delisted_ms"):
            stamp = getattr(self, name)
            if stamp is not None:
                sources.append((name, stamp.source))
        return Instrument(
            symbol=self.symbol,
            **{name: amount.value for name, amount in amounts.items()},
            risk_tiers=tuple(
                RiskTier(notional_max=a, maintenance_margin_rate=b, initial_margin_rate=c, mm_deduction=d)
                for a, b, c, d in self.risk_tiers.tiers
            ),
            sources=tuple(sources),
            listed_ms=None if self.listed_ms is None else self.listed_ms.value,
            delisted_ms=None if self.delisted_ms is None else self.delisted_ms.value,
        )


AMOUNTS = ("tick_size", "qty_step", "min_order_qty", "max_market_qty", "min_notional", "taker_fee", "maker_fee")
"""Fields of an instrument that are one decimal each."""


class ScheduleEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `from_ms` on, `symbol` settles funding at every multiple of `interval_min` minutes."""

    symbol: str
    from_ms: int
    interval_min: int


class Gap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No bars of `symbol` in [from_ms, to_ms), on purpose: nothing trades, a position is carried."""

    symbol: str
    from_ms: int
    to_ms: int
    reason: str


class Splits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[start, end) of each split in epoch milliseconds."""

    train: tuple[int, int]
    holdout: tuple[int, int]
    forward: tuple[int, int]

    def span(self, split: Split) -> tuple[int, int]:
        """Return [start, end) of `split`."""
        return {"train": self.train, "holdout": self.holdout, "forward": self.forward}[split]


class DatasetLock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parsed and checked lock."""

    schema: int
    name: str
    origin: str  # one line for readers: where the bars came from
    intervals: tuple[str, ...]
    splits: Splits
    epoch: Epoch
    costs: Costs
    series: tuple[Series, ...]
    instruments: tuple[InstrumentEntry, ...]
    funding_schedule: tuple[ScheduleEntry, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def digest(self) -> Sha256:
        """SHA-256 of the canonical JSON of the parsed content: the data set's identity."""
        return canonical_digest(msgspec.to_builtins(self))

    @property
    def ref(self) -> str:
        """`name@digest`, as records and claims name a data set."""
        return f"{self.name}@{self.digest}"

    @property
    def interval(self) -> str:
        """The finest stored interval."""
        return min(self.intervals, key=INTERVAL_MS.__getitem__)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol with bars, in the lock's order."""
        return tuple(dict.fromkeys(s.symbol for s in self.series if s.kind == "kline"))

    @property
    def assumed(self) -> tuple[str, ...]:
        """Names of values nobody measured, such as `BTCUSDT.risk_tiers`; a report repeats them."""
        costs = tuple(f"costs.{name}" for name in ("half_spread_bps", "impact_k", "impact_cap_bps", "margin_mode"))
        named = tuple(f"{i.symbol}.{name}" for i in self.instruments for name in i.value().assumed)
        return (costs if self.costs.source == "assumed" else ()) + named

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument of `symbol`.

        Raises:
            DataError: the lock lacks it.
        """
        for entry in self.instruments:
            if entry.symbol == symbol:
                return entry.value()
        raise DataError(f"data set {self.name} has no symbol {symbol}; it has {', '.join(self.symbols)}")

    def schedule(self, symbol: str) -> tuple[FundingSchedule, ...]:
        """Return the funding schedule of `symbol`, ascending by `from_ms`; empty when it has none."""
        rows = [e for e in self.funding_schedule if e.symbol == symbol]
        return tuple(FundingSchedule(from_ms=e.from_ms, interval_min=e.interval_min) for e in rows)

    def series_of(self, symbol: str, kind: Kind) -> tuple[Series, ...]:
        """Return the stored series of one symbol and kind, finest first."""
        found = [s for s in self.series if s.symbol == symbol and s.kind == kind]
        return tuple(sorted(found, key=lambda s: STORED_MS[s.interval] if s.interval else 0))
