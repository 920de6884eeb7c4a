"""Decide a journal's bars again, from stored bars and the installed release, and find what differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autarch.errors import ConfigError, DeployError
from autarch.market.stores import Stores
from autarch.market.types import Market, Split
from autarch.sandbox.worker import Worker
from live.brain import Blockwise
from live.host import Host
from live.installed import Installed, read_installed
from live.journal import Event, Journal, body_text
from live.running import market_of

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
        decided = self._brain.decide(row) if inside else None
        if decided is None:
            return dict.fromkeys(FIELDS)
        closes = {symbol: float(self._market.of(symbol).close[row]) for symbol in symbols}
        return {"inputs": decided.inputs, "symbols": decided.symbols, "closes": closes}

    def skipped(self, after: int, before: int) -> int | None:
        """Return the first bar between two others that something was to be decided on, or None."""
        bars = range(after + self._market.interval_ms, before, self._market.interval_ms)
        return next((bar for bar in bars if self.found(bar, ())["inputs"] is not None), None)


def replay(
    journal: Journal, host: Host, stores: Stores, *, worker: Worker, progress: Callable[[str], None]
) -> Replayed:
    """Return whether every decision of `journal`, and the digest of its inputs, comes out again.

    A bar left out within one run is a difference too.

    Raises:
        RefusedError: the journal's chain is broken.
        DeployError: a release it traded is not installed here, whole and unchanged.
        ConfigError: it traded on something else than stored bars.
        DataError: bars are missing or changed.
        AutarchError: as deciding raises.
    """
    journal.verify()
    count, feed, engine, last = 0, "", "", dict[str, int]()
    known: dict[tuple[str, str, str], _Again] = {}
    for event in journal.events("opened", "decision"):
        if event.kind == "opened":
            feed, engine, last = str(event.body["feed"]), str(event.body["engine"]), {}
            continue
        tag, strategy = str(event.body["tag"]), str(event.body["strategy"])
        if (tag, strategy, feed) not in known:
            progress(f"deciding again: {strategy} of {tag} on {feed}")
            known[tag, strategy, feed] = _again(worker, read_installed(host.releases / tag), strategy, feed, stores)
        count += 1
        first = _compare(event, engine, known[tag, strategy, feed], last.get(strategy))
        if first is not None:
            return Replayed(decisions=count, first=first)
        last[strategy] = int(str(event.body["bar"]))
    return Replayed(decisions=count, first=None)


def _compare(event: Event, engine: str, again: _Again, last: int | None) -> Difference | None:
    body: Mapping[str, Any] = event.body
    bar = int(body["bar"])
    missing = None if last is None else again.skipped(last, bar)
    if missing is not None:
        return _difference(event, engine, missing, "decision", None, "one")
    # Through the journal's own text, so that 1 and 1.0 are one number.
    found = json.loads(body_text(again.found(bar, body["closes"])))
    for field in FIELDS:
        if body[field] != found[field]:
            return _difference(event, engine, bar, field, body[field], found[field])
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


def _again(worker: Worker, installed: Installed, strategy: str, feed: str, stores: Stores) -> _Again:
    source = installed.sources.get(strategy)
    if source is None:
        raise DeployError(f"release {installed.tag} has no strategy {strategy}, which the journal says it traded")
    if feed not in SPLITS:
        raise ConfigError(f"the journal traded on {feed!r}; only stored bars can be decided on again: {list(SPLITS)}")
    market = market_of(installed, strategy, stores, SPLITS[feed])
    return _Again(Blockwise(worker, source, market), market)
