"""A script as a feed: prices somebody wrote down, one JSON object a line, and the bars they make.

    {"kind": "Traded", "time_ms": 1700006400000, "symbol": "BTCUSDT", "price": 60000.0}

Kinds and fields are those of `live.simulator.core.prices`. Bars are made of the trades alone; a bar without any stands
at the price before it and does not trade. Unfit to tell anything of volume: every trade counts as one coin.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from autarch.canonical import sha256_hex
from autarch.errors import DataError
from autarch.manifest import Manifest
from autarch.market.types import Instrument, Market, SymbolSeries
from live.simulator.core.prices import PriceEvent, Traded
from live.venue.paper.prices import price_from_json, price_to_json

LINES_MAX = 1_000_000


def read_script(path: Path) -> tuple[PriceEvent, ...]:
    """Return the events of a script, in time order.

    Raises:
        DataError: a line is no event, times fall, or there are too many lines.
    """
    events: list[PriceEvent] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                event = price_from_json(json.loads(line))
                in_order = not events or event.time_ms >= events[-1].time_ms
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise DataError(f"{path}:{number}: no price event: {error!r}; see live/feeds/script.py") from error
            if not in_order or number > LINES_MAX:
                raise DataError(f"{path}:{number}: times must not fall, and {LINES_MAX} lines are the most")
            events.append(event)
    return tuple(events)


def market_of_script(events: Sequence[PriceEvent], manifest: Manifest, instruments: Iterable[Instrument]) -> Market:
    """Return the bars that a script's trades make for one strategy.

    Args:
        events: In time order.
        manifest: Whose symbols and interval the bars are of.
        instruments: Of these symbols at least.

    Raises:
        DataError: a symbol is never traded, or has no instrument.
    """
    step, listed = manifest.interval_ms, {instrument.symbol: instrument for instrument in instruments}
    symbols = (*manifest.symbols, *manifest.context)
    trades = {symbol: [e for e in events if isinstance(e, Traded) and e.symbol == symbol] for symbol in symbols}
    lacking = [symbol for symbol in symbols if not trades[symbol] or symbol not in listed]
    if lacking:
        raise DataError(f"the script never trades {', '.join(lacking)}, or the data set does not list it")
    first = max(found[0].time_ms for found in trades.values()) // step * step
    n_bars = int((events[-1].time_ms - first) // step)
    content = "\n".join(json.dumps(price_to_json(event), sort_keys=True) for event in events)
    return Market(
        dataset="script",
        dataset_digest=sha256_hex(content.encode()),
        split="forward",
        interval=manifest.interval,
        interval_ms=step,
        ts=first + step * np.arange(n_bars, dtype=np.int64),
        series=tuple(_series(symbol, trades[symbol], first, step, n_bars) for symbol in symbols),
        instruments=tuple(listed[symbol] for symbol in symbols),
    )


def _series(symbol: str, trades: Sequence[Traded], first: int, step: int, n_bars: int) -> SymbolSeries:
    columns = {name: np.zeros(n_bars) for name in ("open", "high", "low", "close", "volume", "turnover")}
    by_row: dict[int, list[float]] = {}
    last = trades[0].price
    for trade in trades:
        if trade.time_ms < first:
            last = trade.price
        else:
            by_row.setdefault((trade.time_ms - first) // step, []).append(trade.price)
    for row in range(n_bars):
        prices = by_row.get(row, [])
        made = (prices or [last])[0], max(prices or [last]), min(prices or [last]), (prices or [last])[-1]
        for name, value in zip(("open", "high", "low", "close"), made, strict=True):
            columns[name][row] = value
        columns["volume"][row], columns["turnover"][row] = len(prices), sum(prices)
        last = made[3]
    empty = np.empty(0)
    return SymbolSeries(
        symbol=symbol,
        **columns,
        traded=columns["volume"] > 0,
        first_row=0,
        funding_ms=np.empty(0, dtype=np.int64),
        funding_rate=empty,
        mark_ms=np.empty(0, dtype=np.int64),
        mark_close=empty,
        funding_schedule=(),
    )
