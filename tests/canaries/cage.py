"""Where canaries are judged: a synthetic market, the project's policy at its scale, and what a verdict means.

The market has planted edges, so that an honest idea can earn, and is a small one. What the policy counts in
bars over a whole data set is made as much smaller, so that a canary that hides in rare bars has the odds here
that it would have there; every limit and every share stays the project's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from autarch.canonical import Sha256
from autarch.engine import CostModel, backtest
from autarch.evaluation import decide_blocks
from autarch.manifest import StrategySource
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.market.types import Market
from autarch.metrics import summarise
from autarch.verdict import CheckResult
from ci.candidate import Candidate
from ci.checklist import Checklist
from ci.context import Answer, GateInputs
from ci.gate import judge
from ci.neighbours import Neighbours
from ci.outcome import GateOutcome
from ci.policy import CHECK_NAMES, Policy, parse_policy
from ci.running import StrategyRun
from ci.target import candidate_of_folder
from ci.workers import Workers

from .corpus import TWINS, Canary

ROOT = Path(__file__).resolve().parents[2]
BASE = "c" * 40
SEED, N_BARS = 11, 20_000  # train: 12,000 bars of 15 minutes, five or six blocks
SMALLER = {
    "cuts = 6000": "cuts = 400",
    "fresh_cuts = 50": "fresh_cuts = 6",
    "poisoned_blocks = 60": "poisoned_blocks = 9",
    "referee_bars = 20000": "referee_bars = 400",
    "placebo_bars = 4000000": "placebo_bars = 200000",
    "book_resamples = 500": "book_resamples = 20",
}
"""Amounts for a whole data set -> for this one: 12,000 bars of one symbol against 3 x 70,000."""

ORDERED = {name: position for position, name in enumerate(CHECK_NAMES)}


@dataclass(kw_only=True)
class Cage:
    """Judges canaries with warm workers; the narration of the last verdict is in `told`."""

    inputs: GateInputs
    workers: Workers
    told: list[str] = field(default_factory=list)

    def judge(
        self, candidate: Candidate, *, only: tuple[str, ...] | None = None, on_main: tuple[StrategySource, ...] = ()
    ) -> GateOutcome:
        """Return the gate's outcome where `on_main` stand on main already."""
        self.told.clear()
        chosen = None if only is None else frozenset(only)
        inputs = replace(self.inputs, neighbours=Neighbours(strategies=on_main))
        return judge(candidate, inputs, progress=self.told.append, clock=_still, only=chosen, workers=self.workers)

    def judge_without(self, check: str, candidate: Candidate) -> tuple[CheckResult, ...]:
        """Return what the checks after `check`, which never runs the strategy, find when it lets everything pass."""
        wanted = frozenset(CHECK_NAMES)
        checklist = Checklist(policy=self.inputs.policy, wanted=wanted, progress=self.told.append, clock=_still)
        for name in ("scope", "policy"):
            checklist.ask(name, lambda: Answer(verdict="passed", detail=f"{check} is out of the way"))
        assert candidate.source is not None
        StrategyRun(
            candidate=candidate,
            source=candidate.source,
            inputs=self.inputs,
            checklist=checklist,
            workers=self.workers,
        ).run()
        return checklist.close()

    def earns(self, source: StrategySource) -> dict[str, float | None]:
        """Return the metrics of a strategy's block form on train, whether or not it sees the future."""
        market = self.market(source)
        decisions = decide_blocks(self.workers.main, source, market)
        costs = CostModel.from_lock(self.inputs.lock)
        result = backtest(market, decisions, costs=costs, capital=self.inputs.policy.backtest.capital)
        return summarise(result, market, first_row=decisions.first_row(), costs=costs)

    def market(self, source: StrategySource) -> Market:
        """Return the train bars a strategy reads."""
        manifest = source.manifest
        return load_market(
            self.inputs.lock,
            split="train",
            symbols=(*manifest.symbols, *manifest.context),
            interval=manifest.interval,
            stores=self.inputs.stores,
        )


def a_cage(stores: Stores, workers: Workers) -> Cage:
    """Write the market into `stores` and return a cage that judges on it."""
    built = build(synth_recipe(default_spec(seed=SEED, n_bars=N_BARS), name="cage"))
    write_blobs(built, stores)
    inputs = GateInputs(
        policy=small_policy(),
        lock=built.lock,
        stores=stores,
        engine=Sha256("e" * 64),
        numerics=Sha256(workers.main.numerics),
    )
    return Cage(inputs=inputs, workers=workers)


def small_policy() -> Policy:
    """Return `ci/policy.toml` with its amounts made smaller, no limit and no share."""
    text = (ROOT / "ci/policy.toml").read_text(encoding="ascii")
    for old, new in SMALLER.items():
        assert f"\n{old}\n" in text, f"{old} is not in ci/policy.toml any more; adapt SMALLER"
        text = text.replace(f"\n{old}\n", f"\n{new}\n")
    return parse_policy(text.encode("ascii"), path="ci/policy.toml")


def proposal(folder: Path) -> Candidate:
    """Return the strategy in `folder` as a candidate, as `autarch gate FOLDER` reads it."""
    return candidate_of_folder(folder, base=BASE)


def source_of(folder: Path) -> StrategySource:
    """Return the strategy in `folder`, which must be well-formed."""
    found = proposal(folder)
    assert found.source is not None, found.source_problem or found.problems
    return found.source


def catchers(checks: tuple[CheckResult, ...]) -> tuple[CheckResult, ...]:
    """Return what refuses: the first law that failed, alone, or else every limit that did."""
    failed = sorted((c for c in checks if c.verdict == "failed"), key=lambda c: ORDERED[c.name])
    laws = [c for c in failed if c.klass == "law"]
    return tuple(laws[:1] or failed)


def miss(canary: Canary, checks: tuple[CheckResult, ...]) -> str:
    """Return in what way a canary was not caught as its card says; empty when it was."""
    card, by = canary.card, catchers(checks)
    found = next((c for c in by if c.name == card.check), None)
    undecided = [c for c in checks if c.verdict == "undecided"]
    if undecided:
        return f"{canary.name}: {undecided[0].name} is undecided ({undecided[0].detail}); a canary must be refused"
    if not by:
        return f"{canary.name} got through; expected {card.check} to refuse it: {card.does}"
    if found is None:
        told = "; ".join(f"{c.name}: {c.detail}" for c in by)
        return f"{canary.name} was caught by the wrong check, expected {card.check}, found {told}"
    return "" if card.says in found.detail else f"{canary.name}: {card.says!r} is not in {found.detail!r}"


def _still() -> float:
    return 0.0


def judged(cage: Cage, canary: Canary) -> GateOutcome:
    """Return the gate's outcome on a canary as it would be proposed."""
    rival = canary.card.on_main
    return cage.judge(proposal(canary.folder), on_main=(source_of(TWINS / rival),) if rival is not None else ())
