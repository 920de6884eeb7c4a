"""The data set `synthetic`, and others like it: a synthetic market made into a recipe."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from autarch.market.build import Recipe, split_spans
from autarch.market.lock_types import AMOUNTS, InstrumentEntry, Sourced, Tiers
from autarch.market.synth import SynthSpec, SynthSymbol, synthesise
from autarch.market.synth_edges import Edge
from autarch.market.types import FundingSchedule

DEFAULT_NAME = "synthetic"
DEFAULT_SEED = 7
DEFAULT_BARS = 35_040  # 365 days of 15 minutes
DEFAULT_SHARES = (60, 25, 15)
START_MS = 1_704_067_200_000  # 2024-01-01T00:00Z
DEFAULT_EDGES = (Edge(kind="trend", strength=0.06), Edge(kind="funding", strength=0.03))
"""Chosen so that a plain EMA 20/100 trend earns after a taker's costs, in most years and not in all."""

_EIGHT_HOURLY = (FundingSchedule(from_ms=0, interval_min=480),)
_TO_FOUR_HOURS = (*_EIGHT_HOURLY, FundingSchedule(from_ms=1_714_521_600_000, interval_min=240))  # 2024-05-01T00:00Z

SYMBOLS = (
    SynthSymbol(
        symbol="BTCUSDT",
        price=42_000.0,
        price_decimals=1,
        qty_decimals=3,
        turnover=20e6,
        sigma=0.0022,
        common=0.75,
        funding=_EIGHT_HOURLY,
    ),
    SynthSymbol(
        symbol="ETHUSDT",
        price=2_300.0,
        price_decimals=2,
        qty_decimals=2,
        turnover=12e6,
        sigma=0.0028,
        common=0.7,
        funding=_EIGHT_HOURLY,
    ),
    SynthSymbol(
        symbol="SOLUSDT",
        price=100.0,
        price_decimals=3,
        qty_decimals=1,
        turnover=6e6,
        sigma=0.0038,
        common=0.6,
        funding=_TO_FOUR_HOURS,
    ),
)
"""Sizes and rhythms of three large perpetuals in round numbers; the third turns from 8 h to 4 h funding."""

_TIERS = (
    (1, "0.005", "0.01"),
    (4, "0.01", "0.02"),
    (16, "0.015", "0.03"),
    (64, "0.02", "0.04"),
    (256, "0.025", "0.05"),
)


def default_spec(
    *, seed: int = DEFAULT_SEED, edges: tuple[Edge, ...] = DEFAULT_EDGES, n_bars: int = DEFAULT_BARS
) -> SynthSpec:
    """Return the market of `synthetic`, or the same with another seed, other edges or another length."""
    return SynthSpec(seed=seed, start_ms=START_MS, n_bars=n_bars, interval="15m", symbols=SYMBOLS, edges=edges)


def synth_recipe(spec: SynthSpec, *, name: str, shares: tuple[int, int, int] = DEFAULT_SHARES) -> Recipe:
    """Return the recipe of the data set `name` made of `spec`; every instrument value is assumed.

    Raises:
        DataError: the spec cannot be synthesised or leaves a split empty.
    """
    edges = ", ".join(f"{edge.kind} {edge.strength}" for edge in spec.edges) or "none"
    end_ms = spec.start_ms + spec.n_bars * spec.step_ms
    return Recipe(
        name=name,
        origin=f"synthetic market, seed {spec.seed}, planted edges: {edges}",
        raws=synthesise(spec),
        splits=split_spans(spec.start_ms, end_ms, shares=shares, interval_ms=spec.step_ms),
        instruments=tuple(_instrument(symbol) for symbol in spec.symbols),
    )


def _instrument(symbol: SynthSymbol) -> InstrumentEntry:
    tick, step = Decimal(1).scaleb(-symbol.price_decimals), Decimal(1).scaleb(-symbol.qty_decimals)
    lowest = Decimal(int(symbol.turnover / 10))  # a usual bar's turnover carries about ten times the first tier
    tiers, deduction, before = [], Decimal(0), None
    for multiple, maintenance, initial in _TIERS:
        if before is not None:
            deduction += before[0] * (Decimal(maintenance) - before[1])  # keeps maintenance continuous
        before = (lowest * multiple, Decimal(maintenance))
        tiers.append((before[0], before[1], Decimal(initial), deduction))
    values = (tick, step, step, step * 100_000, Decimal(5), Decimal("0.00055"), Decimal("0.0002"))
    amounts: dict[str, Any] = {
        name: Sourced(value=value, source="assumed") for name, value in zip(AMOUNTS, values, strict=True)
    }
    return InstrumentEntry(
        symbol=symbol.symbol,
        **amounts,
        risk_tiers=Tiers(source="assumed", tiers=tuple(tiers)),
    )
