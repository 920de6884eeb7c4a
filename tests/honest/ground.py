"""Where honest strategies stand trial: small synthetic markets of every interval, and the gate's own checks.

Nothing here knows a strategy: whatever folder lies in `strategies/` beside this file is asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from autarch.canonical import Sha256
from autarch.market.build import build, write_blobs
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.synth import SynthSpec
from autarch.market.synth_dataset import START_MS, SYMBOLS, synth_recipe
from autarch.market.synth_edges import Edge
from autarch.verdict import CheckResult
from ci.candidate import Candidate
from ci.checklist import with_those_they_rest_on
from ci.context import GateInputs
from ci.gate import judge
from ci.policy import CHECK_NAMES, Policy, parse_policy
from ci.target import candidate_of_folder
from ci.workers import Workers, started_workers

from .halts import with_halts

FOLDER = Path(__file__).parent / "strategies"
WANTED = ("policy", "determinism", "causality", "warmup", "memory")
CHECKS = tuple(name for name in CHECK_NAMES if name in WANTED)
"""The checks that must not raise a false alarm, in the gate's order."""

BASE = "5eed" * 10
STORED = {"1m": 10_000, "3m": 10_000, "5m": 10_000, "15m": 12_000, "30m": 9_000, "1h": 28_800}
"""Bars of train by stored interval: as few as leave four warm-ups before a quarter of the bars that count."""
STORED_FOR = {"1h": "30m", "2h": "30m", "4h": "1h", "6h": "1h", "12h": "1h", "1d": "1h"}
"""The stored interval that longer bars are made of; 1h itself from 30m, so that a market stays small."""
SHARES = (98, 1, 1)
HALTS = {"BTCUSDT": ((700, 706), (1800, 1803)), "SOLUSDT": ((1500, 1512),), "ETHUSDT": ((2000, 2001),)}
"""Hours after the first bar at which nothing trades, in the markets of HALTED."""
HALTED = ("15m", "30m")

_EDGES = (Edge(kind="trend", strength=0.06), Edge(kind="funding", strength=0.03))
_SMALLER = {"cuts": (6000, 600), "fresh_cuts": (50, 4), "poisoned_blocks": (60, 15)}
_COINS = (
    *SYMBOLS,
    replace(SYMBOLS[2], symbol="XRPUSDT", price=0.6, price_decimals=4, common=0.5, sigma=0.0034),
    replace(SYMBOLS[2], symbol="DOGEUSDT", price=0.09, price_decimals=5, common=0.5, sigma=0.0042),
)


@contextmanager
def opened_ground(root: Path, folder: Path) -> Iterator[Ground]:
    """Start two workers and yield a ground that keeps its data sets in `folder`.

    Args:
        root: Of the project, whose policy judges.
        folder: Empty; takes some 20 MB.
    """
    with started_workers() as workers:
        yield Ground(folder=folder, policy=quick_policy(root), workers=workers)


def slugs() -> tuple[str, ...]:
    """Return the honest strategies by name."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/manifest.toml")))


def candidate_of(slug: str) -> Candidate:
    """Return one of them as the gate receives a folder, with a base commit, which seeds its samples."""
    return replace(candidate_of_folder(FOLDER / slug, base=None), base=BASE)


def quick_policy(root: Path) -> Policy:
    """Return the standing policy with fewer questions a strategy: the markets are short, the set is large."""
    text = (root / "ci/policy.toml").read_text(encoding="utf-8")
    for name, (asked, fewer) in _SMALLER.items():
        standing = f"\n{name} = {asked}\n"
        if standing not in text:
            raise ValueError(f"ci/policy.toml no longer says {standing.strip()!r}; correct {Path(__file__).name}")
        text = text.replace(standing, f"\n{name} = {fewer}\n")
    return parse_policy(text.encode("utf-8"), path="ci/policy.toml")


@dataclass(kw_only=True)
class Ground:
    """Data sets made when first asked for, one policy, warm workers."""

    folder: Path
    policy: Policy
    workers: Workers
    _made: dict[str, tuple[DatasetLock, Stores]] = field(default_factory=dict)

    def inputs(self, interval: str) -> GateInputs:
        """Return what the gate needs to judge a strategy of this interval."""
        lock, stores = self._dataset(STORED_FOR.get(interval, interval))
        return GateInputs(
            policy=self.policy,
            lock=lock,
            stores=stores,
            engine=Sha256("e" * 64),
            numerics=Sha256(self.workers.main.numerics),
        )

    def ask(self, candidate: Candidate, only: Sequence[str] = CHECKS) -> tuple[CheckResult, ...]:
        """Return the answers of the checks named, and of those they rest on, for one strategy."""
        if candidate.source is None:
            raise ValueError(f"{candidate.slug}: {candidate.source_problem or candidate.problems}")
        ticks = itertools.count()
        outcome = judge(
            candidate,
            self.inputs(candidate.source.manifest.interval),
            progress=lambda _: None,
            clock=lambda: float(next(ticks)),
            only=with_those_they_rest_on(frozenset(only)),
            workers=self.workers,
        )
        return outcome.checks

    def _dataset(self, stored: str) -> tuple[DatasetLock, Stores]:
        if stored not in self._made:
            n_bars = -(-STORED[stored] * 100 // SHARES[0])
            spec = SynthSpec(
                seed=len(stored) + STORED[stored],
                start_ms=START_MS,
                n_bars=n_bars,
                interval=stored,
                symbols=_COINS,
                edges=_EDGES,
            )
            recipe = synth_recipe(spec, name=f"ground-{stored}", shares=SHARES)
            built = build(with_halts(recipe, start_ms=START_MS, hours=HALTS) if stored in HALTED else recipe)
            stores = Stores.under(self.folder / stored)
            write_blobs(built, stores)
            self._made[stored] = (built.lock, stores)
        return self._made[stored]
