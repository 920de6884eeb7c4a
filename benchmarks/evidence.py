"""What the evidence check costs on train: 3 symbols x 70,000 bars of 15m, a ledger of 1,000 entries.

`python -m benchmarks evidence [--entries 1000]`. Prints wall and processor seconds of its parts: reading and counting
the ledger, deciding and playing the search around a candidate on both workers, and the statistics.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from autarch.engine import CostModel
from autarch.evaluation import decide_blocks
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.evidence.returns import quantised, returns_from, returns_text
from autarch.manifest import parse_source
from autarch.market.lock_types import DatasetLock
from autarch.metrics.daily import DAY_MS
from autarch.repo.signing import generate_key
from benchmarks.ledger import filled, trust_of
from benchmarks.time_checks import BODIES, HEAD, MANIFEST, children_seconds, dataset, evaluated_of
from ci.checks import evidence
from ci.checks.evidence import Record
from ci.checks.ground import Ground
from ci.checks.search import search
from ci.context import Evaluated, Judged
from ci.counting import counted_at
from ci.workers import started_workers

ROUNDS = 3


def main(argv: list[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks evidence", description=__doc__)
    parser.add_argument("--entries", type=int, default=1000)
    asked = parser.parse_args(argv)
    source = parse_source(slug="bench", manifest_bytes=MANIFEST, code=(HEAD + BODIES["talib"]).encode("ascii"))
    with (
        tempfile.TemporaryDirectory(prefix="autarch-evidence-") as folder,
        dataset() as (lock, market),
        started_workers() as workers,
    ):
        evaluated = evaluated_of(source, market, workers)
        first_day, days = int(market.ts[0] // DAY_MS), int((market.ts[-1] - market.ts[0]) // DAY_MS)
        ledger = _ledger(Path(folder), entries=asked.entries, first_day=first_day, days=days)
        print(f"3 x {market.n_bars:,} bars, {asked.entries} entries; wall and processor seconds of each part")
        print(f"{'':8}{'ledger':>13}{'search':>13}{'statistics':>13}{'together':>13}")
        for number in range(ROUNDS):
            told = _measured(evaluated, ledger(), lock=lock, tree=f"{asked.entries - 1:040x}")
            print(f"round {number + 1:<2}{told}", flush=True)
    return 0


def _measured(evaluated: Evaluated, ledger: Ledger, *, lock: DatasetLock, tree: str) -> str:
    """Return one line; what other checks have done already, deciding and playing the candidate, is not measured."""
    decisions = decide_blocks(evaluated.main, evaluated.source, evaluated.market)
    capital = evaluated.policy.backtest.capital
    ground = Ground(evaluated.source.manifest, evaluated.market, costs=CostModel.from_lock(lock), capital=capital)
    judged = Judged(decisions=decisions, result=ground.result(decisions), metrics={})
    clock = _Clock(evaluated)
    told = counted_at(ledger, ledger.head())
    quoted = told.told(tree=tree, base="b" * 40, dataset="synthetic")
    clock.lap()
    searched = search(evaluated, judged, lock=lock)
    clock.lap()
    record = Record(
        own=searched.own,
        tried=(*searched.drawn, *(returns_from(text) for text in quoted.tried)),
        held=searched.held,
        trials=max(1, told.trials),
        variance=quoted.variance,
        seed=searched.seed,
    )
    answer = evidence.check(record, limits=evaluated.policy.evidence)
    clock.lap()
    return f"{clock.told()}   {len(record.tried) + 1} tries, {answer.verdict}"


class _Clock:
    """Wall time, and processor time of this process and both workers, lap by lap."""

    def __init__(self, evaluated: Evaluated) -> None:
        self._zygotes = [evaluated.main.zygote_pid, evaluated.other.zygote_pid]
        self._laps = [self._now()]

    def lap(self) -> None:
        self._laps.append(self._now())

    def told(self) -> str:
        pairs = [*zip(self._laps, self._laps[1:], strict=False), (self._laps[0], self._laps[-1])]
        return "".join(f"{end[0] - begin[0]:7.2f}{end[1] - begin[1]:6.2f}" for begin, end in pairs)

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), time.process_time() + children_seconds(self._zygotes)


def _ledger(folder: Path, *, entries: int, first_day: int, days: int) -> Callable[[], Ledger]:
    """Return how to open a ledger whose results keep daily returns, all of one pull request, as a new process does."""
    key = folder / "key"
    generate_key(key, comment="bench")
    trust = trust_of(key)
    rng = np.random.default_rng(1)

    def about(entry: LedgerEntry) -> LedgerEntry:
        kept = quantised(rng.normal(0.0, 0.01, days), first_day=first_day)
        fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
        fields |= {"pr": 1, "slug": "bench"}
        if entry.kind == "result":
            ratio = float(kept.values.mean() / kept.values.std(ddof=1))
            fields |= {"returns": returns_text(kept), "sharpe": ratio, "decisions": str(entry.tree)}
        return LedgerEntry(**fields)

    repo = filled(folder / "repo", key, trust, entries=entries, changed=about)
    return lambda: Ledger(repo, trust=trust)


if __name__ == "__main__":
    raise SystemExit(main())
