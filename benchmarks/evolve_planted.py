"""The loop beside drawing anew (IID), on markets with planted edges, a blind grammar in a model's place.

Who breeds, by which operator, what is a copy, scores and cells are the loop's own code (`agents.evolution`); strategies
are decided in this process over all of train at once, which is cheap since the grammar wrote them itself. Left out are
Git, confinement, the walk that chooses numbers and the gate: both arms would pass through them alike.

An evaluation is a proposal, whatever came of it: copies that the loop refuses and what does not run count too. Every
market has several edges, so that a program with one of them earns a part: where one draw finds all there is to find,
nothing is left to breed for.
"""

from __future__ import annotations

import itertools
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agents.evolution import blind, novelty
from agents.evolution.assessing import DaysKept, Sketch, sketch_of
from agents.evolution.behaviour import Signature
from agents.evolution.journal import Noted
from agents.evolution.planning import Errand, Setting, plan_round
from agents.evolution.population import Candidate
from agents.evolution.records import Answered, Sketched
from agents.evolution.settings import Settings
from agents.evolution.trees import Written
from autarch.decisions import Decisions, empty_decisions
from autarch.engine import CostModel
from autarch.errors import AutarchError, StrategyError
from autarch.evaluation.blocks import Block
from autarch.evaluation.frames import Frames, frames_of
from autarch.evaluation.playing import Played, play_decisions
from autarch.evaluation.sets import plan_of
from autarch.manifest import StrategySource, parse_source
from autarch.market import load_market, read_lock
from autarch.market.synth_dataset import SYMBOLS
from autarch.market.synth_edges import Edge, EdgeKind
from autarch.market.types import Floats, Market
from autarch.metrics import sharpe
from autarch.sandbox.protocol import WINDOW_COLUMNS
from autarch.strategy import Bars, Params
from autarch.strategy.answer import shaped_targets
from benchmarks.evolve_grounds import Ground, ground, settings_with

EDGES: tuple[EdgeKind, ...] = ("trend", "reversion", "breakout", "funding")
STRENGTHS = (0.03, 0.07)
PER_ROUND = 4
RESAMPLES = 10_000
SHOWN = (50, 100, 150, 200, 300, 400)
_FAULTS = (AutarchError, ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError)
"""What a drawn program may raise."""


class Split:
    """One split of a market, on which programs of the grammar are played in this process."""

    def __init__(self, where: Ground, split: Literal["train", "holdout"]) -> None:
        """Load the bars of the first symbol."""
        self.lock = read_lock(where.lock)
        self._costs = CostModel.from_lock(self.lock)
        self._market: Market = load_market(
            self.lock, split=split, symbols=self.lock.symbols[:1], interval=self.lock.interval, stores=where.stores
        )
        self.days = DaysKept()
        self._shown: dict[int, tuple[Bars, int]] = {}

    def played(self, source: StrategySource) -> Played:
        """Return what `source` earns.

        Raises:
            StrategyError: it does not run, or answers with what is no number.
        """
        frames = frames_of(source.manifest, self._market)
        plan = plan_of(frames)
        bars, start = self._bars(frames, plan.first_row)
        code: dict[str, Any] = {}
        try:
            with np.errstate(all="ignore"):
                exec(compile(source.code, "strategy.py", "exec"), code)  # noqa: S102  the grammar wrote it just now
                exposure, _, _ = shaped_targets(code["decide"](bars, Params(source.manifest.params)), (len(bars),))
        except _FAULTS as error:
            raise StrategyError(f"it does not run: {error}") from error
        return play_decisions(
            source, self._decided(frames, plan.counts, exposure, start), self._market, costs=self._costs, capital=1e5
        )

    def _bars(self, frames: Frames, first: int) -> tuple[Bars, int]:
        """Return all bars as one window, and its first row; made once for each warm-up."""
        if first not in self._shown:
            start = max(0, first - frames.manifest.warmup)
            target = frames.targets()[0]
            window = frames.window(target, Block(start=start, first=first, end=frames.n_bars))
            (columns,) = window.columns.values()
            bars = Bars.build(
                dict(zip(WINDOW_COLUMNS, columns, strict=True)),
                first_bar=window.first_bar,
                interval_ms=frames.manifest.interval_ms,
            )
            self._shown[first] = (bars, start)
        return self._shown[first]

    def _decided(self, frames: Frames, counts: Any, exposure: Floats, start: int) -> Decisions:
        made = empty_decisions(frames.manifest, n_bars=frames.n_bars)
        made.counts[:] = counts
        made.exposure[start:, 0] = exposure
        made.exposure[~counts] = 0.0
        if not np.isfinite(made.exposure).all() or np.abs(made.exposure).max() > frames.manifest.max_leverage:
            raise StrategyError("an exposure is no number, or beyond max_leverage")
        return made


@dataclass(slots=True)
class Arm:
    """One way of spending evaluations on one market, and what it has come to."""

    train: Split
    settings: Settings
    seed: int

    def run(self, evaluations: int) -> tuple[list[Candidate], dict[str, Written]]:
        """Return the candidates in order, and what each has written by name."""
        lock = self.train.lock
        setting = Setting(
            run=1,
            seed=self.seed,
            agents=(blind.KIND,),
            numeric=frozenset(),
            symbols=lock.symbols,
            intervals=(lock.interval,),
            settings=self.settings,
        )
        found: list[Candidate] = []
        written: dict[str, Written] = {}
        signatures: dict[str, Signature] = {}
        for number in range(1, evaluations // setting.per_round + 1):
            errands = plan_round(setting, number, candidates=found, seeds=())
            found += [self._tried(errand, written, signatures) for errand in errands]
        return found, written

    def _tried(self, errand: Errand, written: dict[str, Written], signatures: dict[str, Signature]) -> Candidate:
        name = f"1.{errand.step}"
        answered = Answered(
            run=1, when_s=0, step=errand.step, round=errand.round, agent=errand.agent, model="none", arm=errand.arm,
            operator=errand.operator, island=errand.island, ancestors=errand.parents, brief="", slug=errand.slug,
        )  # fmt: skip
        try:
            written[name] = self._written(errand, [written[parent] for parent in errand.parents])
            seen = self._novel(name, self._sketch(errand.slug, written[name]), signatures)
        except _FAULTS as error:
            seen = Sketch(stopped="fault", detail=str(error))
        record = Sketched(
            run=1, when_s=0, step=errand.step, stopped=seen.stopped, detail=seen.detail, decisions=seen.decisions,
            score=seen.score, sharpe=seen.sharpe, cell=seen.cell,
        )  # fmt: skip
        return Candidate(run=1, answered=answered, answer=Noted(record=answered, commit=""), sketched=record)

    def _written(self, errand: Errand, parents: list[Written]) -> Written:
        lock = self.train.lock
        rng = random.Random(f"{self.seed} {errand.step}")  # noqa: S311  a draw that anyone can repeat
        return blind.drawn(
            rng, errand.operator, parents, slug=errand.slug, symbols=lock.symbols, interval=lock.interval
        )

    def _sketch(self, slug: str, written: Written) -> Sketch:
        source = parse_source(slug=slug, manifest_bytes=written.manifest, code=written.code)
        played = self.train.played(source)
        return sketch_of(played, lock=self.train.lock, bounds=self.settings.archive, days=self.train.days)

    def _novel(self, name: str, seen: Sketch, signatures: dict[str, Signature]) -> Sketch:
        if seen.stopped:
            return seen
        mine = Signature.unpacked(seen.signature)
        twin = novelty.copied_decisions(mine, signatures.items(), limits=self.settings.novelty)
        if twin is not None:
            return Sketch(stopped="decisions", detail=f"{twin[0]} again: {twin[1]}", decisions=seen.decisions)
        signatures[name] = mine
        return seen


def edges_of(seed: int, kinds: int) -> tuple[Edge, ...]:
    """Return the edges of market `seed`: each choice of `kinds` of `EDGES` in turn, of drawn strengths."""
    chosen = list(itertools.combinations(EDGES, kinds))
    rng = np.random.default_rng(seed)
    return tuple(Edge(kind=kind, strength=float(rng.uniform(*STRENGTHS))) for kind in chosen[seed % len(chosen)])


def planted(*, markets: int, evaluations: int, bars: int, first: int, kinds: int) -> None:
    """Print the paired differences between the loop and IID on markets `first`, `first` + 1 and so on."""
    rows: list[list[float]] = []
    for seed in range(first, first + markets):
        edges = edges_of(seed, kinds)
        with tempfile.TemporaryDirectory() as name:
            where = ground(Path(name) / "data", seed=seed, edges=edges, bars=bars, symbols=SYMBOLS[:1])
            loop, iid = (came_of(where, evaluations, seed=seed, baseline=share) for share in (0.0, 1.0))
        rows.append([a - b for a, b in zip(loop, iid, strict=True)])
        print(
            f"market {seed} {'+'.join(e.kind for e in edges):27s} train {loop[-2]:+6.2f} loop {iid[-2]:+6.2f} iid   "
            f"unseen {loop[-1]:+6.2f} loop {iid[-1]:+6.2f} iid",
            flush=True,
        )
        if len(rows) % 10 == 0 or len(rows) == markets:
            tell_difference(np.array(rows), evaluations)


def came_of(where: Ground, evaluations: int, *, seed: int, baseline: float) -> list[float]:
    """Return an arm's best train score after each of `SHOWN` evaluations and all, and its best one's unseen Sharpe."""
    settings = settings_with(per_round=PER_ROUND, baseline=baseline, gated=False)
    found, written = Arm(train=Split(where, "train"), settings=settings, seed=seed).run(evaluations)
    scores = np.array([c.score if c.is_member and c.score is not None else -np.inf for c in found])
    best = np.maximum(np.maximum.accumulate(scores), 0.0)  # nobody proposes what loses: flat earns nothing
    shown = [float(best[min(step, len(found)) - 1]) for step in (*SHOWN, evaluations)]
    top = found[int(np.argmax(scores))]
    if not scores.max() > 0.0:
        return [*shown, 0.0]
    unseen = unseen_returns(top, written[top.name], Split(where, "holdout"))
    return [*shown, 0.0 if unseen is None else sharpe(unseen) or 0.0]


def unseen_returns(one: Candidate, files: Written, split: Split) -> Floats | None:
    """Return a candidate's daily returns on bars that its arm never saw; None where it cannot be played there."""
    source = parse_source(slug=one.answered.slug, manifest_bytes=files.manifest, code=files.code)
    try:
        played = split.played(source)
    except StrategyError:
        return None
    return played.daily_since(played.first_ms)


def tell_difference(table: Floats, evaluations: int) -> None:
    """Print how far the loop is ahead over the markets so far; `table` as `planted` gathers it."""
    labels = [
        *(f"train, {step} evaluations" for step in SHOWN),
        f"train, all {evaluations}",
        "unseen Sharpe of the best",
    ]
    for column, label in enumerate(labels):
        if column < len(SHOWN) and SHOWN[column] >= evaluations:
            continue
        difference = table[:, column]
        low, high = interval(difference)
        print(
            f"  {label:26s} loop - iid: mean {difference.mean():+.3f}, 95 % interval [{low:+.3f}, {high:+.3f}], "
            f"{int((difference > 0).sum())} of {len(table)} markets won",
            flush=True,
        )


def interval(differences: Floats) -> tuple[float, float]:
    """Return a 95 % percentile bootstrap interval of the mean (Efron 1979), seeded."""
    rng = np.random.default_rng(7)
    means = rng.choice(differences, size=(RESAMPLES, differences.size)).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
