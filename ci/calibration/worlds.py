"""The markets of practice pull requests: each holds one edge, or none at all, and is made from the seed alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from autarch.engine import CostModel
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.synth import SynthSpec, SynthSymbol
from autarch.market.synth_dataset import START_MS, SYMBOLS, synth_recipe
from autarch.market.synth_edges import Edge
from autarch.market.types import Market
from ci.calibration.templates import INTERVAL

WorldKind = Literal["trend", "funding", "reversion", "brisk", "noise", "thin"]
BARS: Final = 20_000
"""Hours, of which nine in ten are train: two years."""
SHARES: Final = (90, 5, 5)
NAMES: Final = (
    "AAVEUSDT", "ADAUSDT", "AVAXUSDT", "BTCUSDT", "DOGEUSDT", "DOTUSDT", "ETHUSDT", "LINKUSDT", "LTCUSDT", "SOLUSDT",
    "UNIUSDT", "XRPUSDT",
)  # fmt: skip
"""What symbols are called, drawn anew for each market: a name is to tell nothing."""

STRONGER: Final = {1: 1.4, 2: 1.15, 3: 1.0}
"""Symbols traded -> how much stronger the edge is planted: fewer symbols even out less."""

THINNER: Final = 40.0
"""The thin market turns over so much less than the others, which a fill of ours then is a large part of."""

_EDGES: Final[dict[WorldKind, tuple[Edge, ...]]] = {
    "trend": (Edge(kind="trend", strength=0.07),),
    "funding": (Edge(kind="funding", strength=0.027),),
    "reversion": (Edge(kind="reversion", strength=0.04),),
    "brisk": (Edge(kind="reversion", strength=0.06),),
    "noise": (),
    "thin": (Edge(kind="trend", strength=0.07),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One market on disk, and its train bars."""

    kind: WorldKind
    lock: DatasetLock
    stores: Stores
    market: Market
    costs: CostModel


def seed_of(seed: int, *words: str) -> int:
    """Return a seed of 32 bits for one purpose."""
    return int.from_bytes(hashlib.sha256(":".join([str(seed), *words]).encode()).digest()[:4], "big")


def make_world(kind: WorldKind, *, seed: int, traded: int, folder: Path) -> World:
    """Return the market of a kind, its blobs below `folder`; the same arguments give the same bytes.

    Args:
        kind: What it holds.
        seed: Of its path and of the names of its symbols.
        traded: How many of its symbols a proposal will trade, 1 to 3.
        folder: Where it is written.

    Raises:
        DataError: it cannot be written.
    """
    spec = SynthSpec(
        seed=seed_of(seed, "world", kind),
        start_ms=START_MS,
        n_bars=BARS,
        interval=INTERVAL,
        symbols=_symbols(kind, seed),
        edges=tuple(replace(edge, strength=edge.strength * STRONGER[traded]) for edge in _EDGES[kind]),
    )
    built = build(synth_recipe(spec, name=f"practice-{kind}", shares=SHARES))
    stores = Stores.under(folder / kind)
    write_blobs(built, stores)
    names = tuple(symbol.symbol for symbol in spec.symbols)
    market = load_market(built.lock, split="train", symbols=names, interval=INTERVAL, stores=stores)
    return World(kind=kind, lock=built.lock, stores=stores, market=market, costs=CostModel.from_lock(built.lock))


def _symbols(kind: WorldKind, seed: int) -> tuple[SynthSymbol, ...]:
    made: tuple[SynthSymbol, ...] = SYMBOLS
    if kind == "thin":
        made = tuple(replace(symbol, turnover=symbol.turnover / THINNER) for symbol in made)
    if kind == "noise":  # more of them, each its own: whoever searches here has much to choose from
        made = tuple(replace(symbol, common=0.1) for symbol in (*made, *made))
    drawn = np.random.default_rng(seed_of(seed, "names")).permutation(len(NAMES))
    return tuple(replace(symbol, symbol=NAMES[int(n)]) for symbol, n in zip(made, drawn, strict=False))
