"""Assumptions about what is refused, and how: codes, clocks, limits, link ids."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Final

from live.conform.bench import CANCEL, Bench, Ending
from live.conform.values import Seen, Step
from live.venue.bybit.outcomes import DUPLICATE_LINK, GONE, RATE_LIMITED
from live.venue.bybit.parsing import CATEGORY, decimal_text

BURST: Final = 40


def _code(ending: Ending, *codes: int) -> Seen:
    return Seen(text=str(ending), held=None if ending.code is None else ending.code in codes)


async def off_step(bench: Bench) -> Seen:
    """Ask for a quantity between two steps."""
    qty = await bench.small() + bench.listing.qty_step / 2
    return _code(await bench.limit("Buy", qty, await bench.far("Buy")), 10001)


async def off_tick(bench: Bench) -> Seen:
    """Ask for a price between two ticks."""
    price = await bench.far("Buy") + bench.listing.tick_size / 2
    return _code(await bench.limit("Buy", await bench.small(), price), 10001)


async def too_small(bench: Bench) -> Seen:
    """Ask for a smaller quantity than the least."""
    return _code(await bench.market("Buy", bench.listing.min_qty - bench.listing.qty_step), 10001)


async def too_large(bench: Bench) -> Seen:
    """Ask for a larger market order than is taken."""
    return _code(await bench.market("Buy", bench.listing.max_market_qty + bench.listing.qty_step), 10001)


async def below_notional(bench: Bench) -> Seen:
    """Ask for an order that is worth too little."""
    price, least = await bench.far("Buy"), bench.listing.min_notional
    if bench.listing.min_qty * price >= least:
        return Seen(
            text=f"the least quantity is worth {bench.listing.min_qty * price}, the least value {least}", held=None
        )
    return _code(await bench.limit("Buy", bench.listing.min_qty, price), 110094)


async def nothing_to_reduce(bench: Bench) -> Seen:
    """Ask to reduce a position that is flat."""
    return _code(await bench.market("Sell", await bench.small(), reduceOnly=True), 110017)


async def old_stamp(bench: Bench) -> Seen:
    """Sign with a clock that is six seconds slow."""
    body = bench.body("Buy", await bench.small(), orderType="Limit", price=decimal_text(await bench.far("Buy")))
    return _code(await bench.post("/v5/order/create", body, by=bench.late), 10002)


async def early_stamp(bench: Bench) -> Seen:
    """Sign with a clock that is three seconds fast."""
    body = bench.body("Buy", await bench.small(), orderType="Limit", price=decimal_text(await bench.far("Buy")))
    return _code(await bench.post("/v5/order/create", body, by=bench.early), 10002)


async def duplicate_open(bench: Bench) -> Seen:
    """Use the link id of an open order, and again when it is cancelled."""
    link, qty, price = bench.link(), await bench.small(), await bench.far("Buy")
    first = await bench.limit("Buy", qty, price, orderLinkId=link)
    open_, closed = await bench.limit("Buy", qty, price, orderLinkId=link), None
    await bench.post(CANCEL, {"category": CATEGORY, "symbol": bench.symbol, "orderLinkId": link})
    await asyncio.sleep(1)
    closed = await bench.limit("Buy", qty, price, orderLinkId=link)
    text = f"first {first}; while open {open_}; after its cancellation {closed}"
    return Seen(text=text, held=first.code == 0 and open_.code == closed.code == DUPLICATE_LINK)


async def cancel_twice(bench: Bench) -> Seen:
    """Cancel an order twice, and one that never was."""
    link = bench.link()
    await bench.limit("Buy", await bench.small(), await bench.far("Buy"), orderLinkId=link)
    named = {"category": CATEGORY, "symbol": bench.symbol, "orderLinkId": link}
    first, second = await bench.post(CANCEL, named), await bench.post(CANCEL, named)
    never = await bench.post(CANCEL, {**named, "orderLinkId": bench.link()})
    held = first.code == 0 and second.code in GONE and never.code in GONE
    return Seen(text=f"first {first}; second {second}; one that never was {never}", held=held)


async def rate_limit_header(bench: Bench) -> Seen:
    """Cancel orders that never were, more quickly than is allowed."""
    named = {"category": CATEGORY, "symbol": bench.symbol}
    burst = [bench.post(CANCEL, {**named, "orderLinkId": bench.link()}) for _ in range(BURST)]
    endings = await asyncio.gather(*burst)
    await asyncio.sleep(2)
    limited = [ending for ending in endings if ending.code == RATE_LIMITED]
    if not limited:
        return Seen(text=f"{BURST} cancellations at once were all let through", held=None)
    header = limited[0].headers.get("x-bapi-limit-reset-timestamp", "")
    return Seen(text=f"{len(limited)} of {BURST} limited; reset header {header or 'missing'!r}", held=header.isdigit())


async def one_leverage(bench: Bench) -> Seen:
    """Set the leverage that is set."""
    current = decimal_text((await bench.reads.position(bench.symbol)).position.leverage or Decimal(1))
    body = {"category": CATEGORY, "symbol": bench.symbol, "buyLeverage": current, "sellLeverage": current}
    return _code(await bench.post("/v5/position/set-leverage", body), 110043)


STEPS: Final = (
    Step(name="off-step", expects="10001", matters="a wrong quantity must be refused, never rounded", play=off_step),
    Step(name="off-tick", expects="10001", matters="a wrong price must be refused, never rounded", play=off_tick),
    Step(name="below-least", expects="10001", matters="an order too small must be refused", play=too_small),
    Step(name="above-most", expects="10001", matters="an order too large must be refused, not split", play=too_large),
    Step(name="below-notional", expects="110094", matters="sizing skips what is worth too little", play=below_notional),
    Step(
        name="reduce-nothing",
        expects="110017",
        matters="a reduce-only order must never open a position",
        play=nothing_to_reduce,
        vital=True,
    ),
    Step(
        name="old-timestamp",
        expects="10002 for a request signed six seconds ago",
        matters="the fence of an unanswered order is this rule",
        play=old_stamp,
        vital=True,
    ),
    Step(
        name="early-timestamp",
        expects="10002 for a request signed three seconds ahead",
        matters="the fence of an unanswered order is this rule",
        play=early_stamp,
        vital=True,
    ),
    Step(
        name="duplicate-link",
        expects="110072 while the order is open and after its cancellation",
        matters="the link id is what makes an order unrepeatable",
        play=duplicate_open,
        vital=True,
    ),
    Step(
        name="cancel-twice",
        expects="0, then 110001, 110008 or 110010",
        matters="a cancellation is repeated until it is so",
        play=cancel_twice,
        vital=True,
    ),
    Step(name="same-leverage", expects="110043", matters="the leverage is set at every start", play=one_leverage),
    Step(
        name="limit-header",
        expects="10006 with X-Bapi-Limit-Reset-Timestamp",
        matters="how long a limit lasts is read from it",
        play=rate_limit_header,
    ),
)
