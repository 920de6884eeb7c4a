"""Run a backtest from the command line: start the worker first, load while it imports, decide, play.

Nothing waits that need not: the zygote imports on one core while this process reads bars and imports the
engine on another, and compiled code is loaded while the strategy decides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from autarch.cli.backtest_find import Named, check_bytes, check_data, find_lock, find_strategy, parse_params
from autarch.cli.main import load
from autarch.errors import StrategyError, UsageError

if TYPE_CHECKING:
    from autarch.decisions import Decisions
    from autarch.engine import CostModel
    from autarch.evaluation.playing import Likeness, Played
    from autarch.evaluation.sheet import Column, Kind, Part, Sheet
    from autarch.manifest import ParamValue, StrategySource
    from autarch.market.lock_types import DatasetLock
    from autarch.market.stores import Stores
    from autarch.market.types import Market
    from autarch.sandbox.worker import Worker

Progress = Callable[[str], None]
LOAD_SECONDS_USUAL = 2.0
"""Compiled code that takes longer to load than this is being compiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asked for; None where it left the choice to the policy."""

    names: tuple[str, ...]
    dataset: str | None = None
    split: Literal["train", "forward"] = "train"
    params: tuple[str, ...] = ()
    capital: float | None = None
    costs_factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every strategy of one run is played on and with."""

    root: Path
    lock: DatasetLock
    stores: Stores
    split: Literal["train", "forward"]
    capital: float
    costs_factor: float

    def costs(self) -> CostModel:
        """Return the lock's cost model times the factor."""
        from autarch.engine import CostModel

        return CostModel.from_lock(self.lock).scaled(self.costs_factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One strategy to play, with what the source policy says of it."""

    named: Named
    params: dict[str, ParamValue]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One strategy's decisions on its own bars."""

    job: Job
    market: Market
    decisions: Decisions


@dataclass(slots=True)
class Laps:
    """Where the time goes: seconds of wall and of this process's processors by step, in order.

    `waited_s` is the part of deciding that passed before the worker had imported what strategies need.
    """

    since_start_s: float
    waited_s: float = 0.0
    _last: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), time.process_time()))
    steps: list[tuple[str, float, float]] = field(default_factory=list)

    @property
    def last(self) -> float:
        """When the last step ended, on the clock of `time.perf_counter`."""
        return self._last[0]

    def lap(self, name: str) -> None:
        """Note that the step `name` ended now."""
        now = (time.perf_counter(), time.process_time())
        self.steps.append((name, now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now


def begun() -> Laps:
    """Return laps that know how long this process has existed, its life before an exec included."""
    try:
        ticks = int(Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()[19])
        alive = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):  # no /proc: the interpreter's own start is not known
        alive = 0.0
    return Laps(alive)


def gather(asked: Asked, *, cwd: Path, stores: Stores) -> Setting:
    """Return what everything is played on.

    Raises:
        UsageError, ConfigError, DataError: no clone, policy or lock where they should be.
    """
    root = _clone_around([cwd / name for name in asked.names if (cwd / name).is_dir()], cwd)
    policy = load("ci.policy").load_policy(root)
    return Setting(
        root=root,
        lock=find_lock(asked.dataset or policy.data.datasets[0], root=root),
        stores=stores,
        split=asked.split,
        capital=policy.backtest.capital if asked.capital is None else asked.capital,
        costs_factor=asked.costs_factor,
    )


def _clone_around(folders: Sequence[Path], cwd: Path) -> Path:
    """Return the clone that a named folder lies in, else the one around the working directory."""
    find_root = load("ci.target").find_root
    for folder in folders:
        try:
            return Path(find_root(folder))
        except UsageError:
            continue
    return Path(find_root(cwd))


def job_of(name: str, setting: Setting, *, cwd: Path, params: Sequence[str] = ()) -> Job:
    """Return the job of one strategy; reads files and Git, no bars.

    Raises:
        UsageError, DataError, StrategyError: something named is not there or not sound.
    """
    named = find_strategy(name, root=setting.root, cwd=cwd)
    manifest = named.source.manifest
    values = parse_params(params, manifest)
    check_data(setting.lock, manifest, split=setting.split)
    symbols = (*manifest.symbols, *manifest.context)
    check_bytes(setting.lock, symbols, split=setting.split, stores=setting.stores)
    return Job(named=named, params=values, findings=_findings(named.source))


def _findings(source: StrategySource) -> tuple[str, ...]:
    """Return what the gate's policy refuses in the code; confinement does not rest on it, a verdict does."""
    from autarch.sandbox.source_policy import check_source

    return tuple(str(finding) for finding in check_source(source))


def load_bars(setting: Setting, symbols: Sequence[str], interval: str) -> Market:
    """Return the split's bars."""
    from autarch.market.load import load_market

    return load_market(setting.lock, split=setting.split, symbols=symbols, interval=interval, stores=setting.stores)


def decide_jobs(
    worker: Worker, setting: Setting, jobs: Sequence[Job], *, laps: Laps, progress: Progress
) -> tuple[Decided, ...]:
    """Load the bars and decide every job, in order; strategies on the same bars share them.

    Raises:
        StrategyError, DataError, SandboxError: as `decide_blocks`, a strategy's error with file and line.
    """
    markets: dict[tuple[tuple[str, ...], str], Market] = {}
    for job in jobs:
        key = _bars_of(job)
        if key not in markets:
            markets[key] = load_bars(setting, *key)
    laps.lap("load bars")
    costs = setting.costs()  # imports the engine, while the zygote imports pandas and TA-Lib
    from autarch.evaluation.playing import load_kernel

    laps.lap("import the engine")
    with ThreadPoolExecutor(max_workers=2) as pool:
        ready = pool.submit(_when_ready, worker)
        first = jobs[0]
        kernel = pool.submit(load_kernel, first.named.source.manifest, markets[_bars_of(first)], costs=costs)
        decided = tuple(_decided(worker, job, markets[_bars_of(job)]) for job in jobs)
        laps.waited_s = max(0.0, ready.result() - laps.last)
        laps.lap("windows, worker ready, decide; compiled code beside it")
        try:
            kernel.result(LOAD_SECONDS_USUAL)
        except TimeoutError:
            progress("waiting for the engine; after an update it is compiled first, about a quarter of a minute")
            kernel.result()
    laps.lap("wait for compiled code")
    return decided


def _when_ready(worker: Worker) -> float:
    """Wait until the worker has imported what strategies need, and return when that was."""
    _ = worker.numerics
    return time.perf_counter()


def play_each(setting: Setting, decided: Sequence[Decided]) -> tuple[Played, ...]:
    """Return each strategy played by itself, from the whole capital.

    Raises:
        DataError, StrategyError: as `play_decisions`.
    """
    from autarch.evaluation.playing import play_decisions

    costs = setting.costs()
    return tuple(
        play_decisions(
            one.job.named.source,
            one.decisions,
            one.market,
            costs=costs,
            capital=setting.capital,
            params=one.job.params,
        )
        for one in decided
    )


def _decided(worker: Worker, job: Job, market: Market) -> Decided:
    """Return the decisions of `job`; a failure names the file and line it happened at."""
    from autarch.evaluation.decide import decide_blocks
    from autarch.sandbox.failure import StrategyRunError

    try:
        decisions = decide_blocks(worker, job.named.source, market, params=job.params)
    except StrategyRunError as error:
        where = f"{job.named.place}/strategy.py" + (f":{error.line}" if error.line else "")
        raise StrategyError(f"{where}: {error}") from error
    return Decided(job=job, market=market, decisions=decisions)


@contextmanager
def started_worker(*, allow_weak: bool) -> Iterator[Worker]:
    """Start one worker, which imports in the background, and end it afterwards."""
    from autarch.sandbox.worker import Worker

    with Worker(allow_weak=allow_weak) as worker:
        yield worker


def _bars_of(job: Job) -> tuple[tuple[str, ...], str]:
    manifest = job.named.source.manifest
    return (*manifest.symbols, *manifest.context), manifest.interval


def sheet_of(setting: Setting, worker: Worker, kind: Kind, parts: tuple[Part, ...], like: Likeness | None) -> Sheet:
    """Return what to show of `parts`, with what they rest on."""
    from autarch.evaluation.sheet import Sheet, assumed_of

    symbols = frozenset(symbol for part in parts for column in part.columns for symbol in column.market.symbols)
    return Sheet(
        kind=kind,
        dataset=setting.lock.ref,
        split=setting.split,
        costs=setting.costs(),
        costs_factor=setting.costs_factor,
        assumed=assumed_of(setting.lock.assumed, symbols),
        sandbox=worker.level.summary(),
        numerics=worker.numerics,
        parts=parts,
        likeness=like,
    )


def sheet_of_each(setting: Setting, worker: Worker, decided: Sequence[Decided]) -> Sheet:
    """Return one strategy played, or two beside each other with how alike they are."""
    from autarch.evaluation.playing import likeness
    from autarch.evaluation.sheet import Part

    played = play_each(setting, decided)
    columns = tuple(_column(one.job, result) for one, result in zip(decided, played, strict=True))
    part = Part(
        title=" and ".join(column.label for column in columns),
        columns=columns,
        margin_mode=setting.costs().margin_mode,
    )
    if len(played) == 1:
        return sheet_of(setting, worker, "backtest", (part,), None)
    return sheet_of(setting, worker, "comparison", (part,), likeness(played[0], played[1]))


def _column(job: Job, played: Played) -> Column:
    from autarch.evaluation.sheet import Column

    return Column(
        label=job.named.label,
        place=job.named.place,
        title=played.source.manifest.title,
        result=played.result,
        market=played.market,
        metrics=played.metrics,
        first_ms=played.first_ms,
        params=played.params,
        decisions=played.decisions.digest(),
        findings=job.findings,
    )
