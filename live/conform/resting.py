"""Assumptions about orders that rest: found by link id, told by the stream, refused by the engine after the ack."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from live.conform.bench import CANCEL, Bench, Row, need
from live.conform.values import Seen, Step
from live.venue.bybit.parsing import CATEGORY, whole

LAG_S_MAX: Final = 15.0
TAKES: Final = Decimal("1.002")
"""A buyer's limit so far above the last price would take at once, and lies within the venue's band."""


async def found_by_link(bench: Bench) -> Seen:
    """Place an order far from the market, find it, cancel it, find it again."""
    link = bench.link()
    ending = await bench.limit("Buy", await bench.small(), await bench.far("Buy"), orderLinkId=link)

    async def shown() -> Row | None:
        return await bench.order_row(link)

    async def cancelled() -> bool:
        return ((await bench.order_row(link)) or {}).get("orderStatus") == "Cancelled"

    async def kept() -> Row | None:
        return await bench.order_row(link, "/v5/order/history")

    lag_s = await bench.until(shown)
    await bench.post(CANCEL, {"category": CATEGORY, "symbol": bench.symbol, "orderLinkId": link})
    gone_s, kept_s = await bench.until(cancelled), await bench.until(kept)
    text = f"{ending}; shown after {_s(lag_s)}, cancelled after {_s(gone_s)}, in history after {_s(kept_s)}"
    return Seen(text=text, held=ending.code == 0 and all(_within(s) for s in (lag_s, gone_s, kept_s)))


async def told_by_stream(bench: Bench) -> Seen:
    """Place and cancel an order, and listen."""
    link = bench.link()
    await bench.limit("Buy", await bench.small(), await bench.far("Buy"), orderLinkId=link)
    new = await bench.told("order", lambda row: row.get("orderLinkId") == link and row.get("orderStatus") == "New")
    await bench.post(CANCEL, {"category": CATEGORY, "symbol": bench.symbol, "orderLinkId": link})
    end = await bench.told(
        "order", lambda row: row.get("orderLinkId") == link and row.get("orderStatus") == "Cancelled"
    )
    return Seen(text=f"New {_told(new)}, Cancelled {_told(end)}", held=new is not None and end is not None)


async def killed_by_engine(bench: Bench) -> Seen:
    """Place a PostOnly order that would take: acknowledged, then cancelled with a reason."""
    link = bench.link()
    price = bench.on_tick(await bench.last() * TAKES)
    ending = await bench.limit("Buy", await bench.small(), price, orderLinkId=link, timeInForce="PostOnly")

    async def closed() -> bool:
        return ((await bench.order_row(link)) or {}).get("orderStatus") in {"Cancelled", "Rejected"}

    took_s = await bench.until(closed)
    row = await bench.order_row(link) or {}
    text = f"{ending}; {row.get('orderStatus', 'never shown')} {row.get('rejectReason', '')}, after {_s(took_s)}"
    reason = "PostOnly" in str(row.get("rejectReason", ""))
    return Seen(text=text, held=ending.code == 0 and _within(took_s) and reason)


async def cancel_all_keeps_triggers(bench: Bench) -> Seen:
    """Cancel all with orderFilter=Order while a conditional order waits."""
    resting, waiting = bench.link(), bench.link()
    qty, price = await bench.small(), await bench.far("Buy")
    await bench.limit("Buy", qty, price, orderLinkId=resting)
    conditional = {"triggerPrice": format(price, "f"), "triggerDirection": 2, "orderLinkId": waiting}
    ending = await bench.market("Sell", qty, **conditional)
    scope = {"category": CATEGORY, "symbol": bench.symbol, "orderFilter": "Order"}
    await bench.post("/v5/order/cancel-all", scope)

    async def gone() -> object:
        return need(await bench.order_row(resting), "the resting order").get("orderStatus") == "Cancelled"

    gone_s = await bench.until(gone)
    left = need(await bench.order_row(waiting), "the conditional order").get("orderStatus")
    await bench.post(CANCEL, {"category": CATEGORY, "symbol": bench.symbol, "orderLinkId": waiting})
    text = f"conditional {ending}; resting order cancelled after {_s(gone_s)}, conditional order then {left}"
    return Seen(text=text, held=gone_s is not None and left == "Untriggered")


async def funding_in_minutes(bench: Bench) -> Seen:
    """Read how funding intervals are counted, and that tiers are fractions."""
    rows = await bench.ask.pages(
        "/v5/market/instruments-info", {"category": CATEGORY, "symbol": bench.symbol}, signed=False
    )
    minutes = whole(rows[0], "fundingInterval")
    return Seen(text=f"fundingInterval {minutes}", held=minutes >= 60 and minutes % 60 == 0)


async def tiers_are_fractions(bench: Bench) -> Seen:
    """Read the lowest risk tier."""
    rows = await bench.ask.pages("/v5/market/risk-limit", {"category": CATEGORY, "symbol": bench.symbol}, signed=False)
    lowest = next((row for row in rows if row.get("isLowestRisk") in {1, "1"}), rows[0])
    rate, initial = float(lowest["maintenanceMargin"]), float(lowest["initialMargin"])
    most = float(lowest["maxLeverage"])
    text = f"maintenance {rate}, initial {initial}, leverage {most}"
    return Seen(text=text, held=rate < 0.5 and abs(initial * most - 1) < 0.05)


def _within(seconds: float | None) -> bool:
    return seconds is not None and seconds <= LAG_S_MAX


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def _told(row: Row | None) -> str:
    return "not told" if row is None else "told"


STEPS: Final = (
    Step(
        name="found-by-link",
        expects="an order shows in realtime within 15 s, also once cancelled, and in history",
        matters="an unanswered order is settled by these reads",
        play=found_by_link,
        vital=True,
    ),
    Step(
        name="told-by-stream",
        expects="the order topic tells New and Cancelled",
        matters="a stream that tells nothing of an order is given up",
        play=told_by_stream,
        vital=True,
    ),
    Step(
        name="post-only-killed",
        expects="acknowledged with 0, then Cancelled with a PostOnly reason, found by its link id",
        matters="an acknowledgement says nothing of what the engine does",
        play=killed_by_engine,
    ),
    Step(
        name="cancel-all-filter",
        expects="orderFilter=Order cancels what rests and keeps what waits for a trigger",
        matters="a kill cancels entries and must keep stops",
        play=cancel_all_keeps_triggers,
        vital=True,
    ),
    Step(
        name="funding-interval",
        expects="minutes, whole hours",
        matters="the feed knows by it when funding settles",
        play=funding_in_minutes,
    ),
    Step(
        name="risk-tier",
        expects="rates are fractions, initial = 1 / maxLeverage",
        matters="margin and liquidation are computed from them",
        play=tiers_are_fractions,
    ),
)
