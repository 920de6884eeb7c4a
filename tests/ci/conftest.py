"""A small synthetic market, warm workers, and strategies written as strings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from autarch.canonical import Sha256
from autarch.manifest import parse_source
from autarch.market.build import build, write_blobs
from autarch.market.load import load_market
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.verdict import CheckResult
from ci.candidate import Candidate
from ci.context import Evaluated, GateInputs
from ci.gate import judge
from ci.outcome import GateOutcome
from ci.policy import Policy, parse_policy
from ci.workers import Workers, started_workers

N_BARS = 16_000  # train: 9,600 bars of 15 minutes, four blocks
BASE = "b" * 40

MANIFEST = """\
schema = 1
name = "probe"
title = "A probe"
symbols = {symbols}
context = {context}
interval = "15m"
mode = "{mode}"
warmup = {warmup}
max_leverage = {max_leverage}
{params}
{search}
"""
PARAMS = "[params]\nfast = 10\nslow = 40"

HEAD = '''"""Do one thing, for a test.

Thesis: none; it shows what the gate does with it.
Source: own choice.
Dies when: the test ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Decide as the test wants."""
'''

SEEN = HEAD.replace("def decide", "SEEN = []\n\n\ndef decide")
"""A head whose code keeps a list from call to call, which the policy would refuse."""

TREND = """\
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
    return Targets(exposure=np.where(gap > 0, 1.0, 0.0))
"""


def a_manifest(  # noqa: PLR0913  a manifest has this many keys worth varying
    *, symbols=("BTCUSDT",), context=(), mode="each", warmup=400, max_leverage=1.0, params="", search="", name="probe"
) -> bytes:
    text = MANIFEST.format(
        symbols=str(list(symbols)).replace("'", '"'),
        context=str(list(context)).replace("'", '"'),
        mode=mode,
        warmup=warmup,
        max_leverage=max_leverage,
        params=params,
        search=search,
    )
    return text.replace('"probe"', f'"{name}"').encode()


def a_candidate(body: str, *, head: str = HEAD, **manifest: object) -> Candidate:
    params = PARAMS if "p.fast" in body else ""
    manifest.setdefault("params", params)
    source = parse_source(slug="probe", manifest_bytes=a_manifest(**manifest), code=(head + body).encode())
    return Candidate(kind="strategy", slug="probe", source=source, base=BASE)


@pytest.fixture(scope="session")
def bars_on_disk(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetLock, Stores]:
    stores = Stores.under(tmp_path_factory.mktemp("bars"))
    built = build(synth_recipe(default_spec(seed=11, n_bars=N_BARS), name="hills"))
    write_blobs(built, stores)
    return built.lock, stores


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with started_workers() as pair:
        yield pair


def without_robustness(text: str, root: Path) -> str:
    """Return a policy with the limits of robustness wide open and little asked: a hundred days hold few bets."""
    walk = (root / "ci/policy.walkthrough.toml").read_text()
    (opened,) = re.findall(r"\[robustness\]\n.*?\n(?=\n\[)", walk, flags=re.DOTALL)
    for old, new in (("placebo_bars = 4000000", "placebo_bars = 0"), ("jitter_sets = 16", "jitter_sets = 1")):
        assert old in opened
        opened = opened.replace(old, new)
    return re.sub(r"\[robustness\]\n.*?\n(?=\n\[)", lambda _: opened, text, flags=re.DOTALL)


@pytest.fixture(scope="session")
def quick_policy_text(root: Path) -> str:
    text = (root / "ci/policy.toml").read_text()
    smaller = (("cuts = 6000", "cuts = 600"), ("fresh_cuts = 50", "fresh_cuts = 6"))
    for old, new in (*smaller, ("referee_bars = 20000", "referee_bars = 200")):
        assert old in text
        text = text.replace(old, new)
    return without_robustness(text, root)


@pytest.fixture(scope="session")
def quick_policy(quick_policy_text: str) -> Policy:
    return parse_policy(quick_policy_text.encode(), path="ci/policy.toml")


@pytest.fixture(scope="session")
def inputs(bars_on_disk: tuple[DatasetLock, Stores], workers: Workers, quick_policy: Policy) -> GateInputs:
    lock, stores = bars_on_disk
    return GateInputs(
        policy=quick_policy,
        lock=lock,
        stores=stores,
        engine=Sha256("e" * 64),
        numerics=Sha256(workers.main.numerics),
        trials=3,
    )


@dataclass
class Judge:
    """Judges with warm workers and remembers only what it was told on the way."""

    inputs: GateInputs
    workers: Workers
    told: list[str] = field(default_factory=list)

    def __call__(self, candidate: Candidate, *, only=None, **changes: object) -> GateOutcome:
        ticks = iter(range(10_000))
        return judge(
            candidate,
            replace(self.inputs, **changes),
            progress=self.told.append,
            clock=lambda: float(next(ticks)),
            only=None if only is None else frozenset(only),
            workers=self.workers,
        )


@pytest.fixture
def gate(inputs: GateInputs, workers: Workers) -> Judge:
    return Judge(inputs, workers)


@pytest.fixture(scope="module")
def module_gate(inputs: GateInputs, workers: Workers) -> Judge:
    return Judge(inputs, workers)


@pytest.fixture(scope="session")
def outcome_of_trend(inputs: GateInputs, workers: Workers) -> GateOutcome:
    """Return an accepted verdict with everything a report draws."""
    return judge(a_candidate(TREND), inputs, progress=lambda _line: None, clock=lambda: 0.0, workers=workers)


@pytest.fixture
def evaluated(inputs: GateInputs, workers: Workers) -> Callable[..., Evaluated]:
    """Return what checks that ask a strategy are given, for a body on two symbols."""

    def make(body: str, *, head: str = HEAD) -> Evaluated:
        candidate = a_candidate(body, head=head, symbols=("BTCUSDT", "ETHUSDT"))
        assert candidate.source is not None
        manifest = candidate.source.manifest
        return Evaluated(
            candidate=candidate,
            source=candidate.source,
            policy=inputs.policy,
            market=load_market(
                inputs.lock, split="train", symbols=manifest.symbols, interval=manifest.interval, stores=inputs.stores
            ),
            main=workers.main,
            other=workers.other,
            referee=workers.referee,
            rehearsal=workers.rehearsal,
        )

    return make


class Kit:
    """Strategies as strings, and how to read an outcome; tests reach it as a fixture."""

    head = HEAD
    trend = TREND
    manifest = staticmethod(a_manifest)
    candidate = staticmethod(a_candidate)

    @staticmethod
    def words(outcome: GateOutcome) -> dict[str, str]:
        return {check.name: check.verdict for check in outcome.checks}

    @staticmethod
    def check(outcome: GateOutcome, name: str) -> CheckResult:
        return next(check for check in outcome.checks if check.name == name)


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()
