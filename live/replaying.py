"""Decide a journal's bars again, from stored or kept bars and the installed release, and find what differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autarch.errors import DataError, DeployError
from autarch.market.stores import Stores
from autarch.market.types import Market, Split
from autarch.sandbox.worker import Worker
from live.assembling import market_of
from live.brain import Blockwise
from live.host import Host
from live.installed import Installed, read_installed
from live.journal import Event, Journal
from live.journal_body import body_text
from live.observing.kept import KeptBars, kept_path

SPLITS: Mapping[str, Split] = {"train": "train", "forward": "forward"}
FIELDS = ("inputs", "symbols", "closes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One decision that is not what the bars lead to; `field` is the first part of it that differs.

    `engine` is the runtime's that wrote it, `bar` in epoch ms. `field` is `decision` where the journal has
    none for `bar`; `event` then is the next it has.
    """

    event: int
    tag: str
    strategy: str
    engine: str
    bar: int
    field: str
    recorded: object
    found: object

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch live replay --json`."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a replay found: decisions looked at, and the first one that differs."""

    decisions: int
    first: Difference | None


class _Again:
    """One strategy of one release on one feed, asked again in the order of the journal."""

    def __init__(self, brain: Blockwise, market: Market) -> None:
        self._brain = brain
        self._market = market

    def found(self, bar: int, symbols: Iterable[str]) -> dict[str, object]:
        """Return what the decision event of `bar` should say, None in each field where nothing is decided."""
        row, rest = divmod(bar - int(self._market.ts[0]), self._market.interval_ms)
        inside = rest == 0 and 0 <= row < self._market.n_bars
        decided = self._brain.answer(row) if inside else None
        if decided is None:
            return dict.fromkeys(FIELDS)
        closes = {symbol: float(self._market.of(symbol).close[row]) for symbol in symbols}
        return {"inputs": decided.inputs, "symbols": decided.symbols, "closes": closes}

    def skipped(self, after: int, before: int) -> int | None:
        """Return the first bar between two others that something was to be decided on, or None."""
        bars = range(after + self._market.interval_ms, before, self._market.interval_ms)
        return next((bar for bar in bars if self.found(bar, ())["inputs"] is not None), None)


def replay(  # noqa: PLR0913  what, where from, by whom, since when
    journal: Journal,
    host: Host,
    stores: Stores,
    *,
    worker: Worker,
    progress: Callable[[str], None],
    since_ms: int = 0,
) -> Replayed:
    """Return whether every decision of `journal`, and the digest of its inputs, comes out again.

    Recorded bars come from the data set's stores, those of a live feed as they were kept when they were decided on.
    A bar left out within one run, and not written down as missed, is a difference too.

    Args:
        journal: What was decided.
        host: Where releases are installed, and bars of live feeds kept.
        stores: Where data sets are.
        worker: Who decides again.
        progress: Told of each strategy.
        since_ms: Only decisions of bars that closed at this time or later.

    Raises:
        RefusedError: the journal's chain is broken.
        DeployError: a release it traded is not installed here, whole and unchanged.
        DataError: bars are missing or changed.
        AutarchError: as deciding raises.
    """
    journal.verify()
    again = _Deciding(journal.account, host, stores, worker, progress)
    count, last = 0, dict[str, int]()
    try:
        for event in journal.events("opened", "decision", "missed"):
            body: Mapping[str, Any] = event.body
            if event.kind == "opened":
                again.run, last = event, {}
            elif event.kind == "missed":
                if "last_bar" in body:  # nobody was there to decide, and the journal says so
                    last[body["strategy"]] = max(last.get(body["strategy"], 0), int(body["last_bar"]))
            elif event.time_ms >= since_ms:
                count += 1
                key = str(body.get("sleeve", body["strategy"]))
                first = _compare(event, again, key, last.get(key))
                if first is not None:
                    return Replayed(decisions=count, first=first)
                last[key] = int(body["bar"])
    finally:
        again.close()
    return Replayed(decisions=count, first=None)


def newest_ms(journal: Journal) -> int:
    """Return when the newest bar that was decided on closed; 0 for none."""
    newest = journal.last("decision")
    return 0 if newest is None else int(newest.time_ms)


@dataclass(slots=True)
class _Deciding:
    """Whoever decides again, by release, sleeve and the bars it saw. `run` is the `opened` event that holds now."""

    account: str
    host: Host
    stores: Stores
    worker: Worker
    progress: Callable[[str], None]
    run: Event | None = None
    _known: dict[tuple[object, ...], _Again] = field(default_factory=dict)
    _kept: KeptBars | None = None

    def of(self, tag: str, strategy: str, key: str) -> _Again:
        """Return who decides for a sleeve of the run that holds now.

        Raises:
            DeployError, DataError: as `replay`.
        """
        if self.run is None:
            raise DataError("the journal decides before it says what it trades on; it was cut")
        feed = str(self.run.body["feed"])
        name = (tag, strategy, feed) if feed in SPLITS else (tag, key, feed, self.run.seq)
        if name not in self._known:
            self.progress(f"deciding again: {key} of {tag} on {feed}")
            installed = read_installed(self.host.releases / tag)
            source = installed.sources.get(strategy)
            if source is None:
                raise DeployError(f"release {tag} has no strategy {strategy}, which the journal says it traded")
            market = self._market(installed, strategy, key, feed)
            self._known[name] = _Again(Blockwise(self.worker, source, market), market)
        return self._known[name]

    def close(self) -> None:
        """Close what was opened."""
        if self._kept is not None:
            self._kept.close()

    def _market(self, installed: Installed, strategy: str, key: str, feed: str) -> Market:
        if feed in SPLITS:
            return market_of(installed, strategy, self.stores, SPLITS[feed])
        if self._kept is None:
            self._kept = KeptBars(kept_path(self.host, self.account), read_only=True)
        seq = 0 if self.run is None else self.run.seq
        return self._kept.market(key, seq=seq, instrument=installed.lock.instrument)


def _compare(event: Event, deciding: _Deciding, key: str, last: int | None) -> Difference | None:
    body: Mapping[str, Any] = event.body
    again = deciding.of(str(body["tag"]), str(body["strategy"]), key)
    engine = "" if deciding.run is None else str(deciding.run.body["engine"])
    bar = int(body["bar"])
    missing = None if last is None else again.skipped(last, bar)
    if missing is not None:
        return _difference(event, engine, missing, "decision", None, "one")
    # Through the journal's own text, so that 1 and 1.0 are one number.
    found = json.loads(body_text(again.found(bar, body["closes"])))
    for name in FIELDS:
        if body[name] != found[name]:
            return _difference(event, engine, bar, name, body[name], found[name])
    return None


def _difference(event: Event, engine: str, bar: int, field: str, *both: object) -> Difference:
    recorded, found = both
    return Difference(
        event=event.seq,
        tag=str(event.body["tag"]),
        strategy=str(event.body["strategy"]),
        engine=engine,
        bar=bar,
        field=field,
        recorded=recorded,
        found=found,
    )
