"""The one place where holdout and forward bars are opened, for one word: does a lane hold there as well?

Nothing else leaves: no bar, no value, no reason, not even an error's text, and the answer takes the same
time whatever it is. Only who publishes verdicts calls it, after the reservation is durable and every law holds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autarch.decisions import Decisions
from autarch.evaluation import decide_blocks
from autarch.manifest import Manifest, StrategySource
from autarch.market.load import load_market
from autarch.market.lock_types import SPLITS, DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Market, SymbolSeries
from autarch.sandbox.worker import Worker
from autarch.verdict import LaneWord
from ci.context import Clock
from ci.lanes import Lane, relation

ANSWER_S = 10.0
"""An answer is given after a whole number of these; a comparison that needs more than one does not hold."""

_DOMAIN = b"autarch hidden decisions\n"
_PER_BAR = ("open", "high", "low", "close", "volume", "turnover", "traded")
_STAMPED = ("funding_ms", "funding_rate", "mark_ms", "mark_close")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Who may look: the stores with hidden bars, a worker to ask, the gate's key, and how time is told and waited."""

    stores: Stores
    worker: Worker
    key: Path
    clock: Clock
    sleep: Callable[[float], None]


def hidden_word(
    vault: Vault, lock: DatasetLock, *, candidate: StrategySource, incumbent: StrategySource, wanted: Lane
) -> LaneWord:
    """Return `wanted` where the lane holds on every hidden bar, else "ordinary", whatever kept it from holding.

    A candidate that decides the same on train must decide the same here: to tell it "less" instead would
    say for free that something differs.
    """
    started = vault.clock()
    holds = False
    try:
        holds = _holds(vault, lock, candidate, incumbent, wanted)
    except Exception:  # noqa: BLE001  what went wrong, whatever it was, would say something about the bars
        holds = False
    elapsed = vault.clock() - started
    whole = max(1, -(-int(np.ceil(elapsed)) // int(ANSWER_S)))
    vault.sleep(max(0.0, whole * ANSWER_S - elapsed))
    return wanted if holds and elapsed <= ANSWER_S else "ordinary"


def _holds(vault: Vault, lock: DatasetLock, candidate: StrategySource, incumbent: StrategySource, wanted: Lane) -> bool:
    key = hashlib.sha256(_DOMAIN + vault.key.read_bytes()).digest()
    verdicts = []
    for market, first in _markets(vault.stores, lock, candidate.manifest, incumbent.manifest):
        ours, theirs = (_hidden_decisions(vault.worker, s, market, first) for s in (candidate, incumbent))
        if wanted == "same":
            verdicts.append(hmac.compare_digest(_sealed(key, ours), _sealed(key, theirs)))
        else:
            verdicts.append(relation(ours, theirs) is not None)
    return bool(verdicts) and all(verdicts)


def _sealed(key: bytes, decisions: Decisions) -> bytes:
    """Return an HMAC of decisions and of where they count: a plain digest of hidden decisions would leak them."""
    said = decisions.digest().encode("ascii") + decisions.counts.tobytes()
    return hmac.new(key, said, hashlib.sha256).digest()


def _hidden_decisions(worker: Worker, source: StrategySource, market: Market, first: int) -> Decisions:
    found = decide_blocks(worker, source, market)
    arrays = {name: getattr(found, name)[first:] for name in ("exposure", "stop_loss", "take_profit", "counts")}
    return dataclasses.replace(found, **arrays)


def _markets(stores: Stores, lock: DatasetLock, ours: Manifest, theirs: Manifest) -> list[tuple[Market, int]]:
    """Return each unbroken run of bars that ends hidden, with as much train before it as a decision there sees.

    The number is the first hidden row.
    """
    symbols = tuple(dict.fromkeys((*ours.symbols, *ours.context, *theirs.context)))
    runs: list[list[Market]] = []
    for split in SPLITS:
        start, end = lock.splits.span(split)
        if end - start < ours.interval_ms:
            continue
        market = load_market(lock, split=split, symbols=symbols, interval=ours.interval, stores=stores)
        if runs and runs[-1][-1].ts[-1] + market.interval_ms == market.ts[0]:
            runs[-1].append(market)
        else:
            runs.append([market])
    keep = max(ours.warmup, theirs.warmup) + 2 * ours.block
    return [_joined(run, keep) for run in runs if run[-1].split != "train"]


def _joined(run: Sequence[Market], keep: int) -> tuple[Market, int]:
    """Return one market of the run's bars, the last `keep` of train among them, and its first hidden row."""
    seen = run[0].n_bars if run[0].split == "train" else 0
    skip = max(0, seen - keep)
    ts = np.concatenate([market.ts for market in run])[skip:]
    series = tuple(_chained([market.series[i] for market in run], skip) for i in range(len(run[0].series)))
    return dataclasses.replace(run[-1], ts=ts, series=series), seen - skip


def _chained(parts: Sequence[SymbolSeries], skip: int) -> SymbolSeries:
    bars: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts])[skip:] for name in _PER_BAR}
    stamped: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _STAMPED}
    schedule = tuple(dict.fromkeys(entry for part in parts for entry in part.funding_schedule))
    return dataclasses.replace(
        parts[-1],
        **bars,
        **stamped,
        first_row=int(np.argmax(bars["traded"])),
        funding_schedule=tuple(sorted(schedule, key=lambda entry: entry.from_ms)),
    )
