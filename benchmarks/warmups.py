"""How much history TA-Lib's functions need: `python -m benchmarks warmups --write docs/strategy_authoring.md`.

Each output of each function becomes a tiny strategy with default parameters, on one symbol of a synthetic
market of 15 minutes. Its smallest sufficient warm-up is searched with the warmup check's own comparison, and
the strategy with that warm-up goes through policy, determinism, causality, warmup and memory. The table is
written between two marks of the page; the same sources give the same table on any machine.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import talib
from msgspec import structs

from autarch.canonical import Sha256
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.manifest import StrategySource
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.types import Market
from benchmarks.indicators import Indicator, indicators_of, source_of
from benchmarks.warmup_table import Finding, page_with, table_of
from ci.candidate import Candidate
from ci.checklist import with_those_they_rest_on
from ci.checks.opinions import compare
from ci.context import GateInputs
from ci.gate import judge
from ci.policy import CHECK_NAMES, load_policy
from ci.workers import Workers, started_workers

ROOT = Path(__file__).resolve().parent.parent
SYMBOL = "BTCUSDT"
TRAIN_BARS = 20_000
SHARES = (98, 1, 1)
WARMUP_TRIED_MAX = 3_500
"""The longest warm-up that leaves a quarter of the bars with four times it before them."""
ASKED = ("policy", "determinism", "causality", "warmup", "memory")
WITHIN = 32
"""A warm-up is found to within this part of itself, and one bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One market, one policy, warm workers."""

    inputs: GateInputs
    market: Market
    workers: Workers

    def find(self, name: str) -> Finding:
        """Return what the function `name` needs: the most that any of its outputs does."""
        return Finding.of(name, [self._of_output(one) for one in indicators_of(name, self.market.of(SYMBOL))])

    def _of_output(self, indicator: Indicator) -> tuple[int | None, bool, tuple[str, ...]]:
        """Return its warm-up (None: none found), whether it ever speaks, and what the checks refuse with it."""
        warmup = self._smallest(indicator)
        shown = source_of(indicator, symbol=SYMBOL, warmup=max(200, indicator.lookback) if warmup is None else warmup)
        return warmup, indicator.speaks, self._refusals(shown)

    def _smallest(self, indicator: Indicator) -> int | None:
        if self._suffices(indicator, indicator.lookback):
            return indicator.lookback
        low = indicator.lookback
        high = max(8, 2 * low)
        while not self._suffices(indicator, high):
            if high == WARMUP_TRIED_MAX:
                return None
            low, high = high, min(2 * high, WARMUP_TRIED_MAX)
        while high - low > max(1, high // WITHIN):
            middle = (low + high) // 2
            low, high = (low, middle) if self._suffices(indicator, middle) else (middle, high)
        return high

    def _suffices(self, indicator: Indicator, warmup: int) -> bool:
        limits, source = self.inputs.policy.warmup, source_of(indicator, symbol=SYMBOL, warmup=warmup)
        try:
            short = decide_blocks(self.workers.main, source, self.market)
            shift = source.manifest.block // 2
            long = decide_blocks(
                self.workers.other, source, self.market, anchor_shift=shift, history=limits.history_multiple
            )
        except StrategyError:  # NaN on a bar that counts: the function has not begun to answer
            return False
        found = compare(short, long, self.market, tolerance=limits.tolerance_of_max_leverage, signs=True)
        return found.differing_frac <= limits.disagreement_frac_max and found.compared_frac >= limits.compared_frac_min

    def _refusals(self, source: StrategySource) -> tuple[str, ...]:
        names = frozenset(name for name in ASKED if name in CHECK_NAMES)
        ticks = itertools.count()
        outcome = judge(
            Candidate(kind="strategy", slug=source.manifest.name, source=source),
            self.inputs,
            progress=lambda _: None,
            clock=lambda: float(next(ticks)),
            only=with_those_they_rest_on(names),
            workers=self.workers,
        )
        return tuple(f"{check.name}: {check.detail}" for check in outcome.checks if check.verdict == "failed")


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Make the market in `folder` and start two workers."""
    built = build(
        synth_recipe(default_spec(n_bars=-(-TRAIN_BARS * 100 // SHARES[0])), name="indicators", shares=SHARES)
    )
    stores = Stores.under(folder)
    write_blobs(built, stores)
    policy = load_policy(ROOT)
    questions = structs.replace(policy.causality, cuts=300, fresh_cuts=2, poisoned_blocks=6)
    with started_workers() as workers:
        inputs = GateInputs(
            policy=structs.replace(policy, causality=questions),
            lock=built.lock,
            stores=stores,
            engine=Sha256("0" * 64),
            numerics=Sha256(workers.main.numerics),
        )
        market = load_market(built.lock, split="train", symbols=(SYMBOL,), interval="15m", stores=stores)
        yield Bench(inputs=inputs, market=market, workers=workers)


def find_all(names: Sequence[str], made: Bench) -> Iterator[Finding]:
    """Yield a finding for each function, telling on stderr which one is asked."""
    for index, name in enumerate(names, start=1):
        print(f"\r{index}/{len(names)} {name:24s}", end="", file=sys.stderr, flush=True)
        yield made.find(name)
    print(file=sys.stderr)


def all_names() -> tuple[str, ...]:
    """Return every function of the library, by group and name."""
    groups: Mapping[str, Iterable[str]] = talib.get_function_groups()
    return tuple(name for group in sorted(groups) for name in sorted(groups[group]))


def main(argv: Sequence[str] | None = None) -> int:
    """Find and print, or write, the table; 1 when a function is refused by a check it should pass."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks warmups", description=__doc__)
    parser.add_argument("--write", type=Path, help="page whose table is replaced")
    parser.add_argument("names", nargs="*", help="functions to ask about; all by default, and always with --write")
    options = parser.parse_args(argv)
    names = all_names() if options.write or not options.names else tuple(options.names)
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as made:
        found = tuple(find_all(names, made))
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(page_with(page, table_of(found)), encoding="utf-8")
    else:
        print(table_of(found))
    for finding in found:
        for refusal in finding.refusals:
            print(f"{finding.name}: {refusal}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
