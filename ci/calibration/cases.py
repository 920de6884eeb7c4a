"""Twenty practice pull requests of one seed, in an order that tells nothing, each judged by the real gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np

from autarch.canonical import Sha256
from autarch.errors import UndecidedError
from autarch.metrics.shown import label, shown
from ci.calibration.bench import CAPITAL, Bench, Unplanted
from ci.calibration.kinds import FLAWED, SOUND, Draw, Kind, Proposal
from ci.calibration.worlds import seed_of
from ci.candidate import Candidate
from ci.context import GateInputs
from ci.gate import judge
from ci.neighbours import Neighbours
from ci.outcome import GateOutcome
from ci.policy import PRESETS, Policy, parse_policy
from ci.report_first import first_screen
from ci.report_scene import Scene
from ci.workers import Workers, started_workers

COUNT: Final = 20
ATTEMPTS_MAX: Final = 10
ASKED: Final = frozenset({"risk", "robustness", "evidence"})
HIDDEN: Final = frozenset({"Verdict", "Asks for"})
"""Lines kept back: a reader is to judge, not to follow the gate."""

TABLE: Final = (
    "total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "max_drawdown_days",
    "worst_day", "round_trips", "hit_rate", "profit_factor", "average_trade", "mean_holding_hours", "time_in_market",
)  # fmt: skip
"""What backtesters commonly print of a strategy: the bare table that the first screen is measured against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One practice pull request.

    Attributes:
        number: 1 to 20.
        lines: Label and text of the first screen, without the gate's word.
        table: Label and text of the bare metrics.
        metrics: Those metrics as numbers.
        flaw: What is wrong with it, None for nothing.
        verdict: The gate's word, to be told afterwards.
        missed: Limits beyond which it is.
    """

    number: int
    lines: tuple[tuple[str, str], ...]
    table: tuple[tuple[str, str], ...]
    metrics: dict[str, float | None]
    flaw: str | None
    verdict: str
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What cases are made with."""

    bench: Bench
    workers: Workers
    policy: Policy


def plan(seed: int, *, count: int = COUNT) -> tuple[str | None, ...]:
    """Return the flaw of each case, None for a sound one: half and half, shuffled by the seed."""
    rng = np.random.default_rng(seed_of(seed, "plan"))
    flaws = sorted(FLAWED)
    half = [flaws[int(n)] for n in rng.permutation(len(flaws))[: count // 2]]
    order = [*half, *[None] * (count - len(half))]
    return tuple(order[int(n)] for n in rng.permutation(count))


@contextmanager
def opened(*, seed: int, root: Path, allow_weak: bool = False) -> Iterator[Workshop]:
    """Start workers and a folder for bars, and end and remove both afterwards.

    Args:
        seed: Decides every case.
        root: Of the clone, whose standard preset judges.
        allow_weak: Go on without full confinement; the strategies are ours.

    Raises:
        ConfigError: the preset cannot be read.
        SandboxError: the workers cannot be confined.
    """
    path = PRESETS["standard"]
    policy = _smaller(parse_policy((root / path).read_bytes(), path=path))
    with TemporaryDirectory(prefix="autarch-practice-") as folder, started_workers(allow_weak=allow_weak) as workers:
        yield Workshop(bench=Bench(seed=seed, folder=Path(folder), worker=workers.main), workers=workers, policy=policy)


def make(shop: Workshop, number: int, flaws: Sequence[str | None], *, progress: Callable[[str], None]) -> Case:
    """Return one case of a plan; the same seed and number give the same case.

    Raises:
        UndecidedError: no market of `ATTEMPTS_MAX` holds it, or the gate could not judge it.
    """
    flaw = flaws[number - 1]
    rng = np.random.default_rng(seed_of(shop.bench.seed, "case", str(number)))
    kind: Kind = FLAWED[flaw] if flaw is not None else SOUND[flaws[:number].count(None) - 1]
    for attempt in range(ATTEMPTS_MAX):
        try:
            proposal = kind(Draw(bench=shop.bench, rng=rng, attempt=attempt))
        except Unplanted:
            continue
        outcome = _judged(shop, proposal, progress)
        if flaw is not None or outcome.verdict == "accepted":  # sound is what the gate has nothing against either
            return _case(number, flaw, outcome)
    raise UndecidedError(f"case {number} could not be made in {ATTEMPTS_MAX} markets; try another --seed")


def _judged(shop: Workshop, proposal: Proposal, progress: Callable[[str], None]) -> GateOutcome:
    source = proposal.source
    inputs = GateInputs(
        policy=shop.policy,
        lock=proposal.world.lock,
        stores=proposal.world.stores,
        engine=Sha256("0" * 64),
        numerics=Sha256(shop.workers.main.numerics),
        trials=proposal.trials,
        allow_weak=shop.workers.main.allow_weak,
        neighbours=Neighbours(
            strategies=tuple(one for one, _ in proposal.main),
            sleeves=tuple(sorted((one.manifest.name, share) for one, share in proposal.main)),
        ),
    )
    candidate = Candidate(
        kind="strategy", slug=source.manifest.name, source=source, base="0" * 40, incumbent=proposal.incumbent
    )
    outcome = judge(candidate, inputs, progress=progress, clock=time.monotonic, only=ASKED, workers=shop.workers)
    if outcome.findings is None or outcome.backtest is None:
        told = "; ".join(f"{one.name}: {one.detail}" for one in outcome.checks if one.verdict != "passed")
        raise UndecidedError(f"a practice strategy could not be judged: {told}")
    return outcome


def _case(number: int, flaw: str | None, outcome: GateOutcome) -> Case:
    train = outcome.metrics["train"]
    return Case(
        number=number,
        lines=tuple((one.label, one.text) for one in first_screen(Scene(outcome=outcome)) if one.label not in HIDDEN),
        table=tuple((label(name), shown(name, train.get(name))) for name in TABLE),
        metrics={name: train.get(name) for name in TABLE},
        flaw=flaw,
        verdict=outcome.verdict,
        missed=tuple(m.name for check in outcome.checks for m in check.measures if not m.holds),
    )


def _smaller(policy: Policy) -> Policy:
    """Return the policy with its samples smaller, its limits untouched: a practice case takes seconds."""
    replaced = msgspec.structs.replace
    return replaced(
        policy,
        backtest=replaced(policy.backtest, referee_bars=200, capital=CAPITAL),
        robustness=replaced(policy.robustness, placebo_bars=0, jitter_sets=8, book_resamples=200),
        evidence=replaced(policy.evidence, search_sets=8, spa_resamples=100),
    )
