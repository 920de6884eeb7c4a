"""Assumptions that only a round trip shows: fills, fees, the stop that comes with an entry, what a close leaves."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from live.conform.bench import CREATE, Bench, Row, need
from live.conform.values import Seen, Step
from live.venue.bybit.parsing import CATEGORY, amount, decimal_text

STOP_FRAC: Final = Decimal("0.9")
FEE_TOLERANCE: Final = Decimal("1e-6")
"""Of the fee: fees are rounded to eight digits."""
LIQ_TOLERANCE: Final = Decimal("0.005")
BAND_MAX: Final = Decimal("0.1")
TRIGGERS: Final = {"tpslMode": "Full", "slTriggerBy": "LastPrice", "tpTriggerBy": "LastPrice"}


async def enter(bench: Bench) -> str:
    """Buy a little at the market with a stop in the same order; return its link id once the position shows.

    Raises:
        VenueError: it never shows.
    """
    link, stop = bench.link(), bench.on_tick(await bench.last() * STOP_FRAC)
    await bench.market("Buy", await bench.small(), orderLinkId=link, stopLoss=decimal_text(stop), **TRIGGERS)

    async def filled() -> bool:
        row = await bench.order_row(link)
        return row is not None and row.get("orderStatus") == "Filled" and not await bench.is_flat()

    need({} if await bench.until(filled) is not None else None, f"the fill of {link}")
    return link


async def leave(bench: Bench) -> None:
    """Close what is held."""
    size = (await bench.reads.position(bench.symbol)).position.size
    if size != 0:
        await bench.market("Sell" if size > 0 else "Buy", abs(size), reduceOnly=True)
    await bench.until(bench.is_flat)


async def filled_and_told(bench: Bench) -> Seen:
    """Enter, and look for the execution in the stream and in reads."""
    link = await enter(bench)
    told = await bench.told("execution", lambda row: row.get("orderLinkId") == link)

    async def shown() -> bool:
        return bool(await bench.rows("/v5/execution/list", orderLinkId=link))

    lag_s = await bench.until(shown)
    rows = await bench.rows("/v5/execution/list", orderLinkId=link)
    kinds = sorted({str(row.get("execType")) for row in rows})
    await leave(bench)
    same = told is not None and told.get("execId") in {row.get("execId") for row in rows}
    text = (
        f"stream {'told' if told else 'did not tell'} it, reads show {kinds} with {'the same' if same else 'other'} ids"
    )
    return Seen(text=text, held=lag_s is not None and same and kinds == ["Trade"])


async def fee_as_rated(bench: Bench) -> Seen:
    """Compare the fee of a fill with the account's taker rate."""
    rates = await bench.rows("/v5/account/fee-rate")
    rate = amount(next(row for row in rates if row.get("symbol") == bench.symbol), "takerFeeRate")
    link = await enter(bench)
    rows = await bench.rows("/v5/execution/list", orderLinkId=link)
    await leave(bench)
    expected = sum((amount(row, "execQty") * amount(row, "execPrice") * rate for row in rows), Decimal(0))
    paid = sum((amount(row, "execFee") for row in rows), Decimal(0))
    coins = sorted({str(row.get("feeCurrency") or "USDT") for row in rows})
    text = f"paid {paid} {'/'.join(coins)}, rate {rate} makes {expected}"
    return Seen(
        text=text,
        held=bool(rows) and coins == ["USDT"] and abs(paid - expected) <= expected * FEE_TOLERANCE + Decimal("1e-8"),
    )


async def stop_of_entry(bench: Bench) -> Seen:
    """Look at the stop that an entry brought, and whether a close takes it away."""
    link = await enter(bench)
    stop = await _stop(bench)
    parent = stop.get("parentOrderLinkId")
    await leave(bench)

    async def gone() -> bool:
        return not await bench.rows("/v5/order/realtime", orderFilter="StopOrder")

    gone_s = await bench.until(gone)
    facts = [stop.get(n) for n in ("orderStatus", "stopOrderType", "createType", "reduceOnly", "orderLinkId")]
    held = facts == ["Untriggered", "StopLoss", "CreateByStopLoss", True, ""] and gone_s is not None
    after = "gone with the position" if gone_s is not None else "STILL THERE without a position"
    return Seen(text=f"{facts}, parent {'is the entry' if parent == link else parent!r}, {after}", held=held)


async def stop_moves(bench: Bench) -> Seen:
    """Move the stop, say the same again, and take it away."""
    await enter(bench)
    price = bench.on_tick(await bench.last() * STOP_FRAC) - bench.listing.tick_size * 10
    body = {"category": CATEGORY, "symbol": bench.symbol, "positionIdx": 0, "stopLoss": decimal_text(price), **TRIGGERS}
    first = await bench.post("/v5/position/trading-stop", body)

    async def moved() -> bool:
        return amount(await bench.position_row(), "stopLoss", default=Decimal(0)) == price

    moved_s = await bench.until(moved)
    again = await bench.post("/v5/position/trading-stop", body)
    off = await bench.post("/v5/position/trading-stop", {**body, "stopLoss": "0"})
    await leave(bench)
    text = f"moved {first}, shown {'at once or soon' if moved_s is not None else 'never'}; again {again}; removed {off}"
    return Seen(text=text, held=first.code == 0 and moved_s is not None and again.code == 34040 and off.code == 0)


async def small_close(bench: Bench) -> Seen:
    """Close less than the least value of an order."""
    await enter(bench)
    least = bench.listing.min_notional
    if bench.listing.qty_step * await bench.last() >= least:
        await leave(bench)
        return Seen(text=f"a step of {bench.symbol} is worth more than {least}; try a cheaper --symbol", held=None)
    ending = await bench.market("Sell", bench.listing.qty_step, reduceOnly=True)
    await leave(bench)
    return Seen(text=str(ending), held=None if ending.code is None else ending.code == 0)


async def reduces_only(bench: Bench) -> Seen:
    """Close a position while a reduce-only order rests."""
    await enter(bench)
    link = bench.link()
    size = (await bench.reads.position(bench.symbol)).position.size
    await bench.limit("Sell", size, await bench.far("Sell"), orderLinkId=link, reduceOnly=True)
    await leave(bench)

    async def cancelled() -> bool:
        return ((await bench.order_row(link)) or {}).get("orderStatus") == "Cancelled"

    gone_s = await bench.until(cancelled)
    row = await bench.order_row(link) or {}
    text = f"{row.get('orderStatus', 'never shown')} {row.get('cancelType', '')}"
    return Seen(text=text, held=gone_s is not None)


async def market_has_band(bench: Bench) -> Seen:
    """Look at the inner limit that a market order shows."""
    link = await enter(bench)
    row = need(await bench.order_row(link), "the entry")
    mark = amount(await bench.position_row(), "markPrice")
    await leave(bench)
    price = amount(row, "price", default=Decimal(0))
    off = price / mark - 1
    return Seen(text=f"limit {price} at mark {mark}: {off:.4%}", held=0 < off <= BAND_MAX)


async def liquidation_price(bench: Bench) -> Seen:
    """Compare the venue's liquidation price with what we compute: between both known forms, within half a percent."""
    tiers = await bench.ask.pages("/v5/market/risk-limit", {"category": CATEGORY, "symbol": bench.symbol}, signed=False)
    lowest = next((row for row in tiers if row.get("isLowestRisk") in {1, "1"}), tiers[0])
    await enter(bench)
    row = await bench.position_row()
    await leave(bench)
    shown = amount(row, "liqPrice", default=Decimal(0))
    forms = liquidation_forms(row, amount(lowest, "maintenanceMargin"))
    low, high = min(forms) * (1 - LIQ_TOLERANCE), max(forms) * (1 + LIQ_TOLERANCE)
    text = f"shown {shown}, computed {forms[0]:.2f} and {forms[1]:.2f}"
    return Seen(text=text, held=None if shown == 0 else low <= shown <= high)


def liquidation_forms(row: Row, rate: Decimal) -> tuple[Decimal, Decimal]:
    """Return the liquidation price of an isolated long by two balances: at entry value, and at mark value.

    Source: the venue's help centre (classic form E - (IM - MM) / size), and its article of 2026-05-27 for linear.
    """
    entry, leverage = amount(row, "avgPrice"), amount(row, "leverage")
    return entry * (1 - 1 / leverage + rate), entry * (1 - 1 / leverage) / (1 - rate)


async def duplicate_filled(bench: Bench) -> Seen:
    """Use the link id of a filled order again."""
    link = await enter(bench)
    body = bench.body("Buy", await bench.small(), orderType="Market", orderLinkId=link)
    ending = await bench.post(CREATE, body)
    await leave(bench)
    return Seen(text=str(ending), held=None if ending.code is None else ending.code == 110072)


async def _stop(bench: Bench) -> Row:
    async def shown() -> bool:
        return bool(await bench.rows("/v5/order/realtime", orderFilter="StopOrder"))

    await bench.until(shown)
    rows = await bench.rows("/v5/order/realtime", orderFilter="StopOrder")
    return need(rows[0] if rows else None, "the stop of the entry")


STEPS: Final = (
    Step(name="fill", expects="one execution of type Trade, in stream and reads, under one execId",
         matters="fills are counted once, by that id", play=filled_and_told, vital=True),
    Step(name="fee", expects="quantity x price x taker rate, in USDT", matters="equity is own fills and fees",
         play=fee_as_rated),
    Step(name="entry-stop", expects="an order of its own: Untriggered, StopLoss, CreateByStopLoss, reduce-only, "
         "without a link id; gone when the position is closed", matters="a position must never be without its stop",
         play=stop_of_entry, vital=True),
    Step(name="stop-moves", expects="0, then 34040, then 0", matters="the stop is moved to the contract's price",
         play=stop_moves, vital=True),
    Step(name="small-close", expects="a reduce-only order below the least value is taken",
         matters="what is left of a position must be closable", play=small_close),
    Step(name="reduce-only-rests", expects="a resting reduce-only order is cancelled when the position is closed",
         matters="it would open a position", play=reduces_only, vital=True),
    Step(name="market-band", expects="a market order shows a limit above the mark, by at most 10 %",
         matters="a market order fills within a band, the rest is cancelled", play=market_has_band),
    Step(name="liquidation-price", expects="between two known forms, within 0.5 %",
         matters="the engine liquidates by these", play=liquidation_price),
    Step(name="duplicate-filled", expects="110072 for the link id of a filled order",
         matters="the link id is what makes an order unrepeatable", play=duplicate_filled, vital=True),
)  # fmt: skip
