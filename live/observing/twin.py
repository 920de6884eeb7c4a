"""The paper twin: the engine plays the decisions of a journal over the bars they were made on, from the same equity.

It begins where account and twin can be the same: at a sleeve's first decision ever, or at the first since its
release began at which it held nothing and wanted nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from autarch.decisions import Decisions, empty_decisions
from autarch.engine import Backtest, CostModel, backtest
from autarch.errors import DataError
from autarch.manifest import Manifest
from autarch.market.types import Market
from autarch.metrics.daily import DAY_MS
from live.journal import Event, Journal
from live.observing.drifting import LiveOrder
from live.observing.picture import cause_of


@dataclass(slots=True, kw_only=True)
class Stretch:
    """One sleeve's newest stretch of one release: decisions by bar, equity at them, and what was filled.

    `run` is the newest `opened` event of it; `filled` is (link, time_ms, symbol, signed coins, price).
    """

    key: str
    strategy: str
    run: Event
    decisions: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    equity: dict[int, float] = field(default_factory=dict)
    orders: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    filled: list[tuple[str, int, str, float, float]] = field(default_factory=list)
    held: dict[str, Decimal] = field(default_factory=dict)
    is_first: bool = True

    @property
    def tag(self) -> str:
        """The release."""
        return str(self.run.body["tag"])


def stretches(journal: Journal) -> dict[str, Stretch]:
    """Return the newest stretch of each sleeve that decides in the newest run.

    A sleeve that has not stood flat since its release began has none yet.
    """
    found: dict[str, Stretch] = {}
    held: dict[str, Decimal] = {}
    run: Event | None = None
    for event in journal.events("opened", "decision", "intent", "execution", "adopted"):
        body: Mapping[str, Any] = event.body
        if event.kind == "opened":
            run = event
            for stretch in found.values():
                if stretch.tag == body["tag"] and stretch.run.body["feed"] == body["feed"]:
                    stretch.run = event
        elif event.kind == "decision" and run is not None:
            _decided(found, held, run, body)
        elif event.kind == "intent":
            for stretch in found.values():
                stretch.orders[event.ref] = (int(body["bar"]), str(body["symbol"]), str(body["leg"]))
        elif event.kind == "adopted":
            held[body["symbol"]] = Decimal(str(body["size"]))
        elif event.kind == "execution" and body["exec_type"] != "Funding":
            _filled(found, held, event, body)
    newest = set() if run is None else set(run.body["sleeves"])  # type: ignore[call-overload]
    return {key: stretch for key, stretch in found.items() if key in newest and stretch.decisions}


def _decided(found: dict[str, Stretch], held: Mapping[str, Decimal], run: Event, body: Mapping[str, Any]) -> None:
    key = str(body.get("sleeve", body["strategy"]))
    stretch = found.get(key)
    if stretch is None or stretch.tag != body["tag"] or stretch.run.body["feed"] != run.body["feed"]:
        stretch = Stretch(key=key, strategy=str(body["strategy"]), run=run, is_first=stretch is None)
        found[key] = stretch
    is_flat = all(held.get(symbol, 0) == 0 for symbol in body["symbols"])
    wants_none = all(float(one["exposure"]) == 0.0 for one in body["symbols"].values())
    if not stretch.decisions and not (is_flat and (wants_none or stretch.is_first)):
        return
    stretch.decisions[int(body["bar"])] = body["symbols"]
    stretch.equity[int(body["bar"])] = float(body["equity"])


def _filled(found: Mapping[str, Stretch], held: dict[str, Decimal], event: Event, body: Mapping[str, Any]) -> None:
    symbol = str(body["symbol"])
    signed = Decimal(str(body["qty"])) * (1 if body["side"] == "Buy" else -1)
    held[symbol] = held.get(symbol, Decimal(0)) + signed
    if cause_of(body) == "order":
        for stretch in found.values():
            link = str(body["order_link_id"])
            stretch.filled.append((link, event.time_ms, symbol, float(signed), float(body["price"])))


CURVE_POINTS: Final = 600
"""More than a screen shows of a curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A stretch beside its twin, on the rows of `market`."""

    market: Market
    result: Backtest
    orders: tuple[LiveOrder, ...]
    live_equity: Mapping[int, float]
    first_row: int
    last_row: int

    @property
    def returns(self) -> tuple[float, ...]:
        """The account's simple return of each whole UTC day."""
        return tuple(_daily(self.live_equity, self.market))

    @property
    def drawdown(self) -> float:
        """The account's deepest fall below its peak, at decisions, as a fraction of the peak."""
        peak, deepest = 0.0, 0.0
        for _, equity in sorted(self.live_equity.items()):
            peak = max(peak, equity)
            deepest = max(deepest, 1.0 - equity / peak if peak > 0.0 else 1.0)
        return deepest

    def curve(self, points_max: int = CURVE_POINTS) -> tuple[tuple[int, float, float], ...]:
        """Return (UTC seconds, live equity, the twin's) at up to `points_max` decisions, the newest among them."""
        rows = sorted(self.live_equity)
        thinned = rows[:: -(-len(rows) // points_max)] if rows else []
        shown = thinned if thinned[-1:] == rows[-1:] else [*thinned, rows[-1]]
        ts, equity = self.market.ts, self.result.equity
        return tuple((int(ts[row]) // 1000, self.live_equity[row], float(equity[row])) for row in shown)

    @property
    def equity_apart(self) -> float:
        """Live equity less the twin's at the newest decision, as a fraction of the equity both began with."""
        newest = max(self.live_equity)
        return (self.live_equity[newest] - float(self.result.equity[newest])) / self.result.capital


def twin_of(
    stretch: Stretch, market: Market, manifest: Manifest, costs: CostModel, *, play: Callable[..., Backtest] = backtest
) -> Twin:
    """Play the decisions of a stretch over `market`, and put its orders on the market's rows.

    With shared margin the sleeve's own money stands behind it, not the account's: its twin may be taken over sooner.

    Raises:
        DataError: a bar that was decided on is not in `market`.
    """
    rows = {bar: _row(market, bar) for bar in sorted(stretch.decisions)}
    first, last = min(rows.values()), max(rows.values())
    table = _table(stretch, rows, market, manifest)
    first_bar = min(stretch.decisions)
    result = play(market, table, costs=costs, capital=stretch.equity[first_bar])
    return Twin(
        market=market,
        result=result,
        orders=_orders(stretch, market, manifest),
        live_equity={rows[bar]: equity for bar, equity in stretch.equity.items()},
        first_row=first + 1,
        last_row=last,  # what was decided last is acted on at the next row, which may not be over
    )


def _table(stretch: Stretch, rows: Mapping[int, int], market: Market, manifest: Manifest) -> Decisions:
    """Return the decisions on the market's rows; where nothing was decided, the last decision stands."""
    table = empty_decisions(manifest, n_bars=market.n_bars)
    newest: dict[str, tuple[float, float, float]] = {}
    by_row = {row: stretch.decisions[bar] for bar, row in rows.items()}
    for row in range(min(by_row), market.n_bars):
        for symbol, one in by_row.get(row, {}).items():
            newest[symbol] = (float(one["exposure"]), _number(one["stop_loss"]), _number(one["take_profit"]))
        for column, symbol in enumerate(manifest.symbols):
            if symbol in newest:
                table.exposure[row, column], table.stop_loss[row, column], table.take_profit[row, column] = newest[
                    symbol
                ]
                table.counts[row, column] = True
    return table


def _orders(stretch: Stretch, market: Market, manifest: Manifest) -> tuple[LiveOrder, ...]:
    sums: dict[tuple[int, str, str], tuple[float, float]] = {}
    for link, _, symbol, qty, price in stretch.filled:
        if link not in stretch.orders or symbol not in manifest.symbols:
            continue
        bar, _, leg = stretch.orders[link]
        if bar in stretch.decisions:
            key = _row(market, bar) + 1, symbol, leg
            coins, value = sums.get(key, (0.0, 0.0))
            sums[key] = coins + qty, value + qty * price
    return tuple(
        LiveOrder(row=row, symbol=symbol, leg=leg, qty=coins, price=value / coins)
        for (row, symbol, leg), (coins, value) in sorted(sums.items())
        if coins != 0.0
    )


def _row(market: Market, bar: int) -> int:
    row, rest = divmod(bar - int(market.ts[0]), market.interval_ms)
    if rest or not 0 <= row < market.n_bars:
        raise DataError(f"the bar at {bar} was decided on and is not among the bars at hand; restore the kept bars")
    return int(row)


def _daily(equity: Mapping[int, float], market: Market) -> list[float]:
    """Return returns between the last decisions of days, the first and the last day left out: they are not whole."""
    last: dict[int, float] = {}
    for row, value in sorted(equity.items()):
        last[(int(market.ts[row]) + market.interval_ms - 1) // DAY_MS] = value
    days = sorted(last)[:-1]  # the newest day is not over
    return [last[b] / last[a] - 1.0 for a, b in itertools.pairwise(days) if b == a + 1 and last[a] > 0.0]


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
