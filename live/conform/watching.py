"""Assumptions about public data: a bar that the stream confirms is the bar that reads show."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from live.conform.bench import Bench
from live.conform.values import Seen, Step
from live.venue.bybit.parsing import CATEGORY, amount
from live.venue.bybit.ports import Connection, StreamDown

NAMES: Final = ("open", "high", "low", "close", "volume")
READS_AFTER_S: Final = 5.0


async def confirmed_bar(bench: Bench) -> Seen:
    """Wait for a minute's bar to be confirmed, and read it."""
    topic = f"kline.1.{bench.symbol}"
    try:
        connection = await bench.streams.connect("public", (topic,))
    except StreamDown as down:
        return Seen(text=f"no stream of {topic}: {down}", held=None)
    try:
        async with asyncio.timeout(bench.bar_wait_s):
            row = await _confirmed(connection)
    except (TimeoutError, StreamDown) as error:
        return Seen(text=f"no bar was confirmed within {bench.bar_wait_s:g} s ({type(error).__name__})", held=None)
    finally:
        await connection.close()
    await asyncio.sleep(READS_AFTER_S)
    query = {"category": CATEGORY, "symbol": bench.symbol, "interval": "1", "start": str(row["start"]), "limit": "5"}
    listed = (await bench.ask.read("/v5/market/kline", query, signed=False)).result.get("list") or []
    read = next((bar for bar in listed if str(bar[0]) == str(row["start"])), None)
    told = [amount(row, name) for name in NAMES]
    shown = None if read is None else [Decimal(cell) for cell in read[1:6]]
    return Seen(text=f"told {_text(told)}, read {_text(shown)}", held=None if shown is None else told == shown)


async def _confirmed(connection: Connection) -> Mapping[str, Any]:
    while True:
        data = (await connection.receive()).message.get("data")
        for row in data if isinstance(data, list) else []:
            if row.get("confirm") is True:
                return dict(row)


def _text(cells: list[Decimal] | None) -> str:
    return "nothing" if cells is None else " ".join(format(cell, "f") for cell in cells)


STEPS: Final = (
    Step(
        name="confirmed-bar",
        expects="the bar that the stream confirms is the one that is read, in every price and in volume",
        matters="a feed that finds another bar stops deciding",
        play=confirmed_bar,
    ),
)
