"""Synthetic markets for measuring the loop, and its settings for a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from agents.evolution.settings import Settings, parse_settings
from autarch.market.build import build, write_blobs
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth import SynthSymbol
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.synth_edges import Edge

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One synthetic market: its lock as bytes, and where its bars are."""

    lock: bytes
    stores: Stores


def ground(folder: Path, *, seed: int, edges: tuple[Edge, ...], bars: int, symbols: Sequence[SynthSymbol]) -> Ground:
    """Make a market; half of it is train, most of the rest is holdout."""
    spec = replace(default_spec(seed=seed, edges=edges, n_bars=bars), symbols=tuple(symbols))
    built = build(synth_recipe(spec, name=f"world_{seed}", shares=(50, 45, 5)))
    stores = Stores.under(folder)
    write_blobs(built, stores)
    return Ground(lock=lock_toml(built.lock), stores=stores)


def settings_with(*, per_round: int, baseline: float, gated: bool) -> Settings:
    """Return main's settings for a measurement: no end by stagnation; everything is gated, or nothing."""
    found = parse_settings((ROOT / "agents/evolve.toml").read_bytes())
    loop = msgspec.structs.replace(
        found.loop, candidates_per_round=per_round, baseline_frac=baseline, stagnant_rounds_max=10_000
    )
    gate = msgspec.structs.replace(found.gate, score_min=-1e9 if gated else 1e9, minutes_per_day_max=1e9)
    return msgspec.structs.replace(found, loop=loop, gate=gate)
