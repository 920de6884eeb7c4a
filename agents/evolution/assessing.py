"""What a candidate decides and earns on train, and which numbers suit it: the work that is shared out to processes.

Each process starts one confined worker and keeps the markets it has loaded; a job carries names, not bars.
"""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from agents.comparison import change_text
from agents.evolution import behaviour
from agents.evolution.records import Stop
from agents.evolution.settings import Archive
from agents.evolution.walking import choose, drawn
from agents.evolution.writing import with_numbers
from agents.scoring import Bench
from agents.study import Trial
from autarch.canonical import Sha256, canonical_digest
from autarch.decisions import Decisions
from autarch.engine import CostModel
from autarch.errors import DataError, StrategyError, UsageError
from autarch.evaluation import decide_blocks
from autarch.evaluation.frames import frames_of
from autarch.evaluation.playing import Played, play_decisions
from autarch.evaluation.sets import decide_sets, plan_of
from autarch.manifest import ParamValue, StrategySource, parse_source
from autarch.market import load_market, read_lock
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Bools, Floats, Market
from autarch.metrics import daily_returns
from autarch.sandbox.source_policy import check_source
from autarch.sandbox.worker import Worker
from autarch.sweep import score_of

MARKETS_KEPT = 4
SKETCHES_KEPT = 64
DAYS_KEPT = 16
DETAIL_MAX = 400
KEPT_METRICS = (
    "sharpe", "total_return", "annual_return", "max_drawdown", "turnover_per_day", "fees", "funding", "round_trips",
    "independent_bets", "mean_holding_hours", "time_in_market", "mean_exposure", "beta", "n_fills",
)  # fmt: skip
"""What the journal keeps of a backtest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every job needs: the data set's lock as bytes, where its train bars are, and how candidates are measured.

    `capital` in quote units; `bounds` of the archive; `sets` and `folds` of the walk.
    """

    lock: bytes
    stores: Stores
    capital: float
    bounds: Archive
    sets: int
    folds: int
    allow_weak: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What one version of a candidate does. Where `stopped` is not empty `detail` says why, and the rest is empty."""

    stopped: Stop = ""
    detail: str = ""
    decisions: str = ""
    score: float | None = None
    sharpe: float | None = None
    cell: tuple[int, ...] = ()
    metrics: Mapping[str, float | None] | None = None
    signature: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A candidate with the numbers the walk chose. `source` is its own where they stand; each trial counts."""

    source: StrategySource
    sketch: Sketch
    trials: tuple[Trial, ...]
    kept_own: bool
    walk_forward: float | None
    own: float | None


def sketch(terms: Terms, source: StrategySource) -> Sketch:
    """Return what `source` decides and earns on train with its own numbers.

    Raises:
        SandboxError: its process could not be confined, or was killed from outside.
    """
    findings = check_source(source)
    if findings:
        return Sketch(stopped="policy", detail=str(findings[0])[:DETAIL_MAX])
    place = _PROCESS.place(terms)
    known = place.known(source)
    if known is not None:
        return known
    try:
        return place.keep(source, _sketched(place, _whole(place, source)))
    except (StrategyError, UsageError, DataError) as error:
        return Sketch(stopped="fault", detail=str(error)[:DETAIL_MAX])


def tune(terms: Terms, source: StrategySource, *, seed: int) -> Tuned:
    """Return `source` with numbers chosen by a walk through train; see `agents.evolution.walking`.

    Raises:
        SandboxError: as `sketch`.
    """
    place = _PROCESS.place(terms)
    market, manifest = place.market(source), source.manifest
    sets = drawn(manifest, count=terms.sets, seed=seed)
    if len(sets) == 1:
        return untuned(terms, source)
    plan = plan_of(frames_of(manifest, market))
    found = decide_sets(place.worker, source, plan, sets)
    played = [_played(place, source, market, params, each) for params, each in zip(sets, found, strict=True)]
    trials = tuple(_trial(params, each) for params, each in zip(sets, played, strict=True))
    walk = choose(_daily(played, place.days(market, plan.first_row)), folds=terms.folds)
    chosen = played[walk.chosen]
    if walk.chosen == 0 or isinstance(chosen, str):
        better, kept = source, True
        own = played[0]
        shown = own if isinstance(own, Played) else None
    else:
        better, kept, shown = _with(source, {**manifest.params, **sets[walk.chosen]}), False, chosen
    if shown is None:
        seen = Sketch(stopped="fault", detail=str(played[0])[:DETAIL_MAX])
    else:
        seen = _sketched(place, replace(shown, source=better))
    return Tuned(source=better, sketch=seen, trials=trials, kept_own=kept, walk_forward=walk.walk_forward, own=walk.own)


def untuned(terms: Terms, source: StrategySource) -> Tuned:
    """Return `source` with its own numbers, one trial.

    Raises:
        SandboxError: as `sketch`.
    """
    own = sketch(terms, source)
    params = {name: source.manifest.params[name] for name in source.manifest.search}
    decided = Sha256(own.decisions) if own.decisions else None
    trial = Trial(params=params, score=own.score, sharpe=own.sharpe, decisions=decided, detail=own.detail)
    return Tuned(source=source, sketch=own, trials=(trial,), kept_own=True, walk_forward=None, own=None)


@contextmanager
def bench_of(terms: Terms, source: StrategySource) -> Iterator[Bench]:
    """Yield what parameter sets of `source` are scored with in this process.

    Raises:
        DataError: the data set lacks a symbol or an interval.
    """
    place = _PROCESS.place(terms)
    market = place.market(source)
    yield Bench(worker=place.worker, source=source, market=market, lock=place.lock, capital=terms.capital)


def contrast(terms: Terms, after: StrategySource, before: StrategySource | None, *, called: str) -> str:
    """Return in Markdown what `after` changes about `before` on train; None: cash.

    Raises:
        StrategyError, DataError, SandboxError: as playing raises; of `before`, it is called unplayable instead.
    """
    place = _PROCESS.place(terms)
    new = _whole(place, after)
    try:
        old = None if before is None else _whole(place, before)
    except (StrategyError, DataError, UsageError) as error:
        return f"{change_text(new, None, called=called)}\n\n{called} cannot be played here: {error}"
    return change_text(new, old, called=called)


def _whole(place: Place, source: StrategySource) -> Played:
    market = place.market(source)
    decisions = decide_blocks(place.worker, source, market)
    return play_decisions(source, decisions, market, costs=place.costs, capital=place.terms.capital)


def _sketched(place: Place, played: Played) -> Sketch:
    return sketch_of(played, lock=place.lock, bounds=place.terms.bounds, days=place.days_kept)


def _with(source: StrategySource, params: Mapping[str, ParamValue]) -> StrategySource:
    manifest = source.manifest
    written = with_numbers(source.manifest_bytes, params)
    return parse_source(slug=manifest.name, manifest_bytes=written, code=source.code)


class DaysKept:
    """The days of a market by its volatility, for each choice of symbols, interval and first row; of one split."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], Mapping[str, Bools]] = OrderedDict()

    def of(self, played: Played) -> Mapping[str, Bools]:
        """Return `behaviour.days_of(played)`, reckoned once: they are the market's, whoever trades it."""
        key = (played.decisions.symbols, played.market.interval_ms, played.decisions.first_row())
        if key not in self._known:
            self._known[key] = behaviour.days_of(played)
            while len(self._known) > DAYS_KEPT:
                self._known.popitem(last=False)
        return self._known[key]


def sketch_of(played: Played, *, lock: DatasetLock, bounds: Archive, days: DaysKept) -> Sketch:
    """Return the sketch of what has been played on train; `bounds` of the archive, `days` kept for the next."""
    digest = played.decisions.digest()
    if not played.result.fills.size:
        return Sketch(stopped="score", detail="it never trades on train", decisions=digest)
    if played.result.ruined_row is not None:
        return Sketch(stopped="score", detail=f"it is ruined at row {played.result.ruined_row}", decisions=digest)
    row = played.decisions.first_row()
    market = played.market
    try:
        found = score_of(played.result.equity[row:], market.ts[row:], interval_ms=market.interval_ms)
    except StrategyError as error:
        return Sketch(stopped="score", detail=str(error)[:DETAIL_MAX], decisions=digest)
    seen = behaviour.signature_of(played, span=lock.splits.span("train"), symbols=lock.symbols)
    return Sketch(
        decisions=digest,
        score=found.score,
        sharpe=found.sharpe,
        cell=behaviour.cell_of(
            played.metrics,
            bias=behaviour.bias_of(seen),
            regime=behaviour.regime_of(played, days.of(played)),
            bounds=bounds,
        ),
        metrics={name: played.metrics.get(name) for name in KEPT_METRICS},
        signature=seen.packed(),
    )


def _played(
    place: Place,
    source: StrategySource,
    market: Market,
    params: Mapping[str, ParamValue],
    found: Decisions | StrategyError,
) -> Played | str:
    """Return the played set, or why there is none."""
    if isinstance(found, StrategyError):
        return str(found)[:DETAIL_MAX]
    try:
        return play_decisions(source, found, market, costs=place.costs, capital=place.terms.capital, params=params)
    except (StrategyError, DataError) as error:
        return str(error)[:DETAIL_MAX]


def _trial(params: Mapping[str, ParamValue], played: Played | str) -> Trial:
    if isinstance(played, str):
        return Trial(params=dict(params), score=None, sharpe=None, decisions=None, detail=played)
    row, digest = played.decisions.first_row(), played.decisions.digest()
    try:
        found = score_of(played.result.equity[row:], played.market.ts[row:], interval_ms=played.market.interval_ms)
    except StrategyError as error:
        return Trial(params=dict(params), score=None, sharpe=None, decisions=digest, detail=str(error)[:DETAIL_MAX])
    return Trial(params=dict(params), score=found.score, sharpe=found.sharpe, decisions=digest)


def _daily(played: list[Played | str], days: int) -> Floats:
    """Return daily returns (n_sets, days); a set that does not play, or is ruined before the end, is NaN."""
    rows = np.full((len(played), days), np.nan)
    for index, one in enumerate(played):
        if isinstance(one, Played):
            daily = one.daily_since(one.first_ms)
            if daily.size == days:
                rows[index] = daily
    return rows


class Place:
    """One process's worker and markets for one set of terms."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.lock: DatasetLock = read_lock(terms.lock)
        self.costs = CostModel.from_lock(self.lock)
        self.worker = Worker(allow_weak=terms.allow_weak).__enter__()
        self._markets: OrderedDict[tuple[object, ...], Market] = OrderedDict()
        self._sketches: OrderedDict[str, Sketch] = OrderedDict()
        self.days_kept = DaysKept()

    def known(self, source: StrategySource) -> Sketch | None:
        """Return the sketch of the very same files, where this process has drawn it lately."""
        return self._sketches.get(source.digest)

    def keep(self, source: StrategySource, found: Sketch) -> Sketch:
        """Remember a sketch for whoever asks about the same files next, and return it."""
        self._sketches[source.digest] = found
        while len(self._sketches) > SKETCHES_KEPT:
            self._sketches.popitem(last=False)
        return found

    def market(self, source: StrategySource) -> Market:
        """Return train as `source` wants it.

        Raises:
            DataError: the data set lacks a symbol or an interval.
        """
        manifest = source.manifest
        symbols = (*manifest.symbols, *manifest.context)
        key = (symbols, manifest.interval)
        if key not in self._markets:
            self._markets[key] = load_market(
                self.lock, split="train", symbols=symbols, interval=manifest.interval, stores=self.terms.stores
            )
            while len(self._markets) > MARKETS_KEPT:
                self._markets.popitem(last=False)
        self._markets.move_to_end(key)
        return self._markets[key]

    def days(self, market: Market, first_row: int) -> int:
        """Return how many daily returns a set has from `first_row` on."""
        flat = np.ones(market.n_bars - first_row)
        return int(daily_returns(flat, market.ts[first_row:], interval_ms=market.interval_ms).size)


class _Process:
    """This process's places, one a set of terms; they live as long as it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, Place] = {}

    def place(self, terms: Terms) -> Place:
        """Return the place for `terms`, made when it is first asked for."""
        stores = [terms.stores.root("train")]
        key = canonical_digest([terms.lock.decode("utf-8"), stores, terms.capital, terms.allow_weak, repr(terms)])
        with self._lock:
            if key not in self._places:
                self._places[key] = Place(terms)
                atexit.register(self._places[key].worker.close)
            return self._places[key]


_PROCESS = _Process()


def place_of(terms: Terms) -> Place:
    """Return this process's worker and markets for `terms`."""
    return _PROCESS.place(terms)
