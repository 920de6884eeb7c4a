"""An unmodified ccxt trades on the simulated venue, over HTTP and over its streams."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import ccxt
import ccxt.pro
import pytest

from .simulator_site import KEY, PATIENT_S, Served

SYMBOL = "AAA/USDT:USDT"


def pointed_at(client, server):
    """Send a client of ccxt's to the simulated venue; nothing of it is changed but addresses."""
    client.urls["api"] = dict.fromkeys(client.urls["api"], server.url) | {"ws": client.urls["api"].get("ws")}
    client.options["fetchMarkets"] = {"types": ["linear"], "options": {}}
    client.options["enableUnifiedMargin"], client.options["enableUnifiedAccount"] = False, True
    client.options["unifiedMarginStatus"] = 5
    client.has["fetchCurrencies"] = False
    client.timeout = 1000 * PATIENT_S
    return client


@pytest.fixture
def served():
    with Served(ack_delay_ms=0) as running:
        yield running


def test_ccxt_reads_the_market_places_an_order_and_closes_it(served):
    client = pointed_at(ccxt.bybit({"apiKey": KEY.key, "secret": KEY.secret}), served.server)
    market = client.load_markets()[SYMBOL]
    assert (market["linear"], market["precision"]["amount"], market["limits"]["cost"]["min"]) == (True, 0.001, 5.0)
    assert client.fetch_ticker(SYMBOL)["last"] == 1000.0
    client.set_leverage(4, SYMBOL)

    order = client.create_order(SYMBOL, "market", "buy", 2, params={"clientOrderId": "from-ccxt"})

    found = client.fetch_open_order(order["id"], SYMBOL, {"acknowledged": True})
    assert (found["status"], found["filled"], found["clientOrderId"]) == ("closed", 2.0, "from-ccxt")
    position = client.fetch_position(SYMBOL)
    assert (position["contracts"], position["side"], position["entryPrice"], position["leverage"]) == (
        2.0,
        "long",
        1000.0,
        4.0,
    )
    trades = client.fetch_my_trades(SYMBOL)
    assert [(t["amount"], t["takerOrMaker"]) for t in trades] == [(2.0, "taker")]
    client.create_order(SYMBOL, "market", "sell", 2, params={"reduceOnly": True})
    assert client.fetch_position(SYMBOL)["contracts"] in {None, 0.0}
    balance = client.fetch_balance()["USDT"]
    # 4,000 traded at 0.055 %.
    assert balance["total"] == pytest.approx(100_000 - 2.2)


def test_ccxt_knows_the_venues_refusals_by_name(served):
    client = pointed_at(ccxt.bybit({"apiKey": KEY.key, "secret": KEY.secret}), served.server)
    client.load_markets()
    with pytest.raises(ccxt.InvalidOrder):
        client.create_order(SYMBOL, "market", "sell", 1, params={"reduceOnly": True})
    stranger = pointed_at(ccxt.bybit({"apiKey": KEY.key, "secret": "wrong"}), served.server)
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()


def test_ccxt_streams_hear_orders_and_prices(served):
    async def play():
        client = pointed_at(ccxt.pro.bybit({"apiKey": KEY.key, "secret": KEY.secret}), served.server)
        base = served.server.stream_url
        client.urls["api"]["ws"] = {
            "public": {"linear": f"{base}/v5/public/linear"},
            "private": {
                "usdc": f"{base}/v5/private",
                "contract": f"{base}/v5/private",
                "unified": f"{base}/v5/private",
            },
        }
        try:
            await client.load_markets()
            heard = asyncio.create_task(client.watch_orders(SYMBOL))
            ticker = await asyncio.wait_for(client.watch_ticker(SYMBOL), PATIENT_S)
            for number in range(50):
                await asyncio.sleep(0.1)
                if heard.done():
                    break
                await client.create_order(SYMBOL, "market", "buy", 0.1, params={"clientOrderId": f"heard-{number}"})
            return ticker, await asyncio.wait_for(heard, PATIENT_S)
        finally:
            await client.close()

    ticker, orders = asyncio.run(play())

    assert Decimal(str(ticker["last"])) == Decimal(1000)
    assert orders[-1]["symbol"] == SYMBOL
