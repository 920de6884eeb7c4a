"""Twenty practice pull requests of one seed, in an order that tells nothing, each judged by the real gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
from ci.calibration.kinds import PAIRS, Pair
from ci.calibration.proposals import Draw, Look, Proposal, names_of
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
FOURS: Final = tuple(tuple(place in (even, odd) for place in range(4)) for even in (0, 2) for odd in (1, 3))
"""Which of four cases are flawed: two, and one of them at an even place."""
ATTEMPTS_MAX: Final = 25
ASKED: Final = frozenset({"risk", "robustness", "evidence"})
HIDDEN: Final = frozenset({"Verdict", "Asks for"})
"""Lines kept back: a reader is to judge, not to follow the gate."""

TABLE: Final = (
    "total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "max_drawdown_days",
    "worst_day", "round_trips", "hit_rate", "profit_factor", "average_trade", "mean_holding_hours", "time_in_market",
)  # fmt: skip
"""What backtesters commonly print of a strategy: the bare table that the first screen is measured against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What shows of a proposal before anything about its worth: none of it may tell.

    Attributes:
        slug: Its name.
        symbols: How many it trades.
        leverage: What it is allowed.
        bytes: Length of its two files.
    """

    slug: str
    symbols: int
    leverage: float
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One practice pull request.

    Attributes:
        number: 1 to 20.
        lines: Label and text of the first screen, without the gate's word.
        table: Label and text of the bare metrics.
        metrics: Those metrics as numbers.
        outside: What shows before anything about its worth.
        flaw: What is wrong with it, None for nothing.
        verdict: The gate's word, to be told afterwards.
    """

    number: int
    lines: tuple[tuple[str, str], ...]
    table: tuple[tuple[str, str], ...]
    metrics: dict[str, float | None]
    outside: Outside
    flaw: str | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What cases are made with."""

    bench: Bench
    workers: Workers
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One case before it is made.

    Attributes:
        number: 1 to 20.
        pair: Which flaw it has, or looks as if it might have.
        is_flawed: Whether it has.
        look: What a reader sees of it before anything about its worth.
    """

    number: int
    pair: str
    is_flawed: bool
    look: Look

    @property
    def flaw(self) -> str | None:
        """What is wrong with it, None for nothing."""
        return self.pair if self.is_flawed else None


def plan(seed: int) -> tuple[Planned, ...]:
    """Return what each case is to be: every flaw and its twin once, shuffled by the seed.

    How a pair looks is drawn for both of it at once. Of any four that follow each other from the first on two are
    flawed, one at an even place: a place in the list tells no more than a coin does.
    """
    rng = np.random.default_rng(seed_of(seed, "plan"))
    looks = {name: _looks_of(pair, rng) for name, pair in sorted(PAIRS.items())}
    orders = {is_flawed: [sorted(looks)[int(n)] for n in rng.permutation(len(looks))] for is_flawed in (True, False)}
    marks = [mark for _ in range(COUNT // len(FOURS[0])) for mark in FOURS[int(rng.integers(len(FOURS)))]]
    found = []
    for number, is_flawed in enumerate(marks, start=1):
        name = orders[is_flawed].pop()
        found.append(Planned(number=number, pair=name, is_flawed=is_flawed, look=looks[name][is_flawed]))
    return tuple(found)


def _looks_of(pair: Pair, rng: np.random.Generator) -> tuple[Look, Look]:
    """Return the looks of the sound and of the flawed one."""
    symbols = pair.symbols[int(rng.integers(len(pair.symbols)))]
    leverage = pair.leverage[int(rng.integers(len(pair.leverage)))]
    one, other = (Look(slug=slug, symbols=symbols, leverage=leverage) for slug in names_of(rng))
    return one, other


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
        bench = Bench(seed=seed, folder=Path(folder), worker=workers.main, assumed=policy.risk.crash_hour_frac)
        yield Workshop(bench=bench, workers=workers, policy=policy)


def make(shop: Workshop, planned: Planned, *, progress: Callable[[str], None]) -> Case:
    """Return one case of a plan; the same seed and number give the same case.

    Raises:
        UndecidedError: no market of `ATTEMPTS_MAX` holds it, or the gate could not judge it.
    """
    number, pair = planned.number, PAIRS[planned.pair]
    kind = pair.flawed if planned.is_flawed else pair.sound
    rng = np.random.default_rng(seed_of(shop.bench.seed, "case", str(number)))
    for attempt in range(ATTEMPTS_MAX):
        try:
            proposal = kind(Draw(bench=shop.bench, case=number, attempt=attempt, look=planned.look, rng=rng))
        except Unplanted:
            progress(f"case {number}: market {attempt + 1} does not hold it")
            continue
        outcome = _judged(shop, proposal, progress)
        if planned.is_flawed or outcome.verdict == "accepted":  # sound is what the gate has nothing against either
            return _case(planned, proposal, outcome)
        failed = ", ".join(f"{one.name}: {one.detail}" for one in outcome.checks if one.verdict != "passed")
        progress(f"case {number}: market {attempt + 1} is refused: {failed}")
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


def _case(planned: Planned, proposal: Proposal, outcome: GateOutcome) -> Case:
    train, source = outcome.metrics["train"], proposal.source
    return Case(
        number=planned.number,
        lines=tuple((one.label, one.text) for one in first_screen(Scene(outcome=outcome)) if one.label not in HIDDEN),
        table=tuple((label(name), shown(name, train.get(name))) for name in TABLE),
        metrics={name: train.get(name) for name in TABLE},
        outside=Outside(
            slug=source.manifest.name,
            symbols=len(source.manifest.symbols),
            leverage=source.manifest.max_leverage,
            bytes=len(source.manifest_bytes) + len(source.code),
        ),
        flaw=planned.flaw,
        verdict=outcome.verdict,
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
