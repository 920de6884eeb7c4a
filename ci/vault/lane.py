"""Does a lane hold on hidden bars as well? One word, asked after the reservation is durable and every law holds."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac

from autarch.decisions import Decisions
from autarch.evaluation import decide_blocks
from autarch.manifest import StrategySource
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Market
from autarch.sandbox.worker import Worker
from autarch.verdict import LaneWord
from ci.lanes import Lane, relation
from ci.vault.bars import hidden_runs
from ci.vault.opening import Vault, answer_after

ANSWER_S = 10.0
"""An answer is given after a whole number of these; a comparison that needs more than one does not hold."""

_DOMAIN = b"autarch hidden decisions\n"


def hidden_word(
    vault: Vault, lock: DatasetLock, *, candidate: StrategySource, incumbent: StrategySource, wanted: Lane
) -> LaneWord:
    """Return `wanted` where the lane holds on every hidden bar, else "ordinary", whatever kept it from holding.

    A candidate that decides the same on train must decide the same here: to tell it "less" instead would
    say for free that something differs.
    """
    holds = answer_after(
        vault,
        lambda: _holds(vault, lock, candidate, incumbent, wanted),
        otherwise=False,
        seconds=ANSWER_S,
    )
    return wanted if holds else "ordinary"


def _holds(vault: Vault, lock: DatasetLock, candidate: StrategySource, incumbent: StrategySource, wanted: Lane) -> bool:
    key = hashlib.sha256(_DOMAIN + vault.key.read_bytes()).digest()
    verdicts = []
    for market, first in hidden_runs(vault.stores, lock, candidate.manifest, incumbent.manifest):
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
