"""Does a dataset lock agree with itself? Each refusal names the key, what was found, what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS, SYMBOL
from autarch.market.lock_types import AMOUNTS, SPLITS, STORED_MS, DatasetLock, InstrumentEntry, Series

DATASET_NAME = re.compile(r"[a-z][a-z0-9_-]{1,39}\Z")
FUNDING_INTERVALS_MIN = (60, 120, 240, 480)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def check_lock(lock: DatasetLock) -> None:
    """Raise DataError unless every part of `lock` is in range and fits the others."""
    if lock.schema != 1:
        raise DataError(f"dataset lock: schema is {lock.schema}; this version reads schema 1")
    if not DATASET_NAME.match(lock.name):
        raise DataError(f"dataset lock: name {lock.name!r} must match [a-z][a-z0-9_-]{{1,39}}")
    _check_splits(lock)
    _check_terms(lock)
    if not lock.intervals or [i for i in lock.intervals if i not in INTERVAL_MS]:
        raise DataError(f"dataset lock: intervals {list(lock.intervals)} must name some of {', '.join(INTERVAL_MS)}")
    seen: set[str] = set()
    for series in lock.series:
        if series.label in seen:
            raise DataError(f"dataset lock: series {series.label} is listed twice; keep one")
        seen.add(series.label)
        _check_series(lock, series)
    if [e.symbol for e in lock.instruments] != list(lock.symbols) or not lock.symbols:
        raise DataError(
            f"dataset lock: instruments {[e.symbol for e in lock.instruments]} must be the symbols with klines, "
            f"in order: {list(lock.symbols)}"
        )
    for entry in lock.instruments:
        check_instrument(entry)
        _check_funding(lock, entry.symbol)
    _check_gaps(lock)


def check_instrument(entry: InstrumentEntry) -> None:
    """Raise DataError when an amount is out of range, or the risk tiers do not increase or do not join."""
    for name in AMOUNTS:
        value = getattr(entry, name).value
        if not value.is_finite() or (value <= 0 and not name.endswith("_fee")):
            raise DataError(f"instrument {entry.symbol}: {name} is {value}; it must be a number above zero")
        if name.endswith("_fee") and not -0.01 < value < 0.05:
            raise DataError(f"instrument {entry.symbol}: {name} is {value}; expected a fraction such as 0.00055")
    for name in ("min_order_qty", "max_market_qty"):
        step, value = entry.qty_step.value, getattr(entry, name).value
        if value < step or value % step != 0:
            raise DataError(
                f"instrument {entry.symbol}: {name} {value} is not one or more whole steps of qty_step {step}; "
                "no order of that size exists, so one of the two is wrong"
            )
    _check_tiers(entry.symbol, entry.risk_tiers.tiers)
    starts = [regime.from_ms for regime in entry.tick_regimes]
    if starts != sorted(set(starts)) or any(regime.value <= 0 for regime in entry.tick_regimes):
        raise DataError(f"instrument {entry.symbol}: tick_regimes must ascend by from_ms and be above zero")
    listed, delisted = entry.listed_ms, entry.delisted_ms
    if listed is not None and delisted is not None and listed.value >= delisted.value:
        raise DataError(
            f"instrument {entry.symbol}: it is delisted at {delisted.value}, not after its listing at {listed.value}"
        )


def _check_tiers(symbol: str, tiers: Sequence[tuple[Decimal, Decimal, Decimal, Decimal]]) -> None:
    """Refuse risk tiers that are none, out of range, not increasing, or with a jump of maintenance at a bracket.

    A deduction keeps the maintenance of a growing position in one piece: lower deduction + bracket x (upper
    rate - lower rate). Venues round both, so a thousandth of the maintenance there is let pass.
    """
    if not tiers:
        raise DataError(f"instrument {symbol}: risk_tiers is empty; at least one tier is needed")
    for notional, mmr, imr, deduction in tiers:
        if not (notional > 0 and 0 < mmr < imr <= 1 and deduction >= 0):
            raise DataError(
                f"instrument {symbol}: tier {notional}, {mmr}, {imr}, {deduction} needs a positive notional, "
                "0 < maintenance < initial <= 1 and a deduction of zero or more"
            )
    if tiers[0][3] != 0:
        raise DataError(f"instrument {symbol}: the lowest tier deducts {tiers[0][3]}; expected 0")
    for lower, upper in pairwise(tiers):
        if not (lower[0] < upper[0] and lower[1] <= upper[1] and lower[2] <= upper[2] and lower[3] <= upper[3]):
            raise DataError(
                f"instrument {symbol}: risk tiers must increase; the tier up to {upper[0]} "
                f"({upper[1]}, {upper[2]}, {upper[3]}) follows {lower[0]} ({lower[1]}, {lower[2]}, {lower[3]})"
            )
        expected = lower[3] + lower[0] * (upper[1] - lower[1])
        if abs(upper[3] - expected) > lower[0] * lower[1] / 1000:
            raise DataError(
                f"instrument {symbol}: maintenance jumps at {lower[0]}: the tier up to {upper[0]} deducts {upper[3]}; "
                f"expected {lower[3]} + {lower[0]} x ({upper[1]} - {lower[1]}) = {expected.normalize():f}"
            )


def _check_splits(lock: DatasetLock) -> None:
    spans = [(name, *lock.splits.span(name)) for name in SPLITS]
    for name, start, end in spans:
        if not 0 <= start < end:
            raise DataError(f"dataset lock: split {name} is [{start}, {end}); it must start before it ends")
    for (before, _, end), (after, start, _) in pairwise(spans):
        if start != end:
            raise DataError(f"dataset lock: split {after} starts at {start}; {before} ends at {end}: make them meet")


def _check_terms(lock: DatasetLock) -> None:
    epoch, costs = lock.epoch, lock.costs
    if not (epoch.number >= 1 and 0 < epoch.w0 <= epoch.alpha < 1 and epoch.ladder_step > 0):
        raise DataError(f"dataset lock: {epoch} needs number >= 1, 0 < w0 <= alpha < 1 and ladder_step above zero")
    for name in ("half_spread_bps", "impact_k", "impact_cap_bps"):
        value = getattr(costs, name)
        if not (math.isfinite(value) and value >= 0):
            raise DataError(f"dataset lock: costs.{name} is {value}; it must be zero or more")


def _check_series(lock: DatasetLock, series: Series) -> None:
    if not SYMBOL.match(series.symbol):
        raise DataError(f"dataset lock: symbol {series.symbol!r} is not a USDT perpetual such as 'BTCUSDT'")
    if (series.interval is None) != (series.kind == "funding"):
        raise DataError(f"dataset lock: series {series.label}: funding has no interval, kline and mark need one")
    if series.interval is not None and series.interval not in STORED_MS:
        raise DataError(f"dataset lock: series {series.label}: interval is not one of {', '.join(STORED_MS)}")
    if series.kind == "kline" and series.interval not in lock.intervals:
        raise DataError(f"dataset lock: series {series.label} is not among intervals {list(lock.intervals)}")
    if series.first_ms > series.last_ms:
        raise DataError(f"dataset lock: series {series.label}: first_ms {series.first_ms} is after {series.last_ms}")
    for split in SPLITS:
        block = series.block(split)
        if block.rows < 0 or not _DIGEST.match(block.sha256):
            raise DataError(
                f"dataset lock: series {series.label} {split}: expected rows >= 0 and 64 hex digits, "
                f"found {block.rows} and {block.sha256!r}"
            )


def _check_funding(lock: DatasetLock, symbol: str) -> None:
    if not lock.series_of(symbol, "funding"):
        raise DataError(f"dataset lock: {symbol} is a perpetual and has no funding series; import it")
    schedule = lock.schedule(symbol)
    starts = [entry.from_ms for entry in schedule]
    if not schedule or starts != sorted(set(starts)):
        raise DataError(f"dataset lock: funding_schedule of {symbol} must have entries ascending by from_ms")
    for entry in schedule:
        if entry.interval_min not in FUNDING_INTERVALS_MIN:
            raise DataError(
                f"dataset lock: funding_schedule of {symbol}: interval_min {entry.interval_min} is not one of "
                f"{', '.join(map(str, FUNDING_INTERVALS_MIN))}"
            )


def _check_gaps(lock: DatasetLock) -> None:
    for gap in lock.gaps:
        if gap.symbol not in lock.symbols or not gap.from_ms < gap.to_ms or not gap.reason.strip():
            raise DataError(f"dataset lock: {gap} needs a symbol of the lock, from_ms below to_ms and a reason")
    strangers = sorted({e.symbol for e in lock.funding_schedule} - set(lock.symbols))
    if strangers:
        raise DataError(f"dataset lock: funding_schedule names {', '.join(strangers)}, which has no klines")
