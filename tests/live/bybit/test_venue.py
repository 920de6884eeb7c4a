"""The Bybit venue against the simulated one, on virtual time: starting, ordering, reading, listening."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from autarch.errors import ConfigError, VenueError, VenueRejected, VenueUnknown
from live.ports.venue import Changed, Connected, Disturbed, Executed
from tests.live.simulator_site import KEY

from .in_process import SYMBOL, Hall, order, virtual

SYMBOLS = (SYMBOL, "BBBUSDT")
THREE = {SYMBOL: Decimal(3), "BBBUSDT": Decimal(3)}


def started(scene, **how):
    """Play `scene(hall, venue)` once the venue has started."""
    options = how.pop("options", {})

    async def main():
        hall = Hall(**how)
        venue = hall.venue(**options)
        await venue.start(SYMBOLS, THREE)
        try:
            return await scene(hall, venue)
        finally:
            await venue.close()

    return virtual(main)


def assert_refused(match, prepare=lambda _: None, error=ConfigError, **how):
    async def main():
        hall = Hall(**{k: v for k, v in how.items() if k != "options"})
        prepare(hall)
        venue = hall.venue(**how.get("options", {}))
        try:
            with pytest.raises(error, match=match):
                await venue.start(SYMBOLS, THREE)
        finally:
            await venue.close()
        return hall

    hall = virtual(main)
    assert hall.sent("/v5/order/create") == []
    return hall


def test_starting_checks_the_account_sets_leverage_and_connects_before_it_reads():
    async def scene(hall, venue):
        assert await venue.news() == Connected(generation=1)
        snapshot = await venue.snapshot(SYMBOLS)
        assert {s: p.leverage for s, p in snapshot.positions.items()} == THREE
        assert (snapshot.margin_mode, snapshot.hedge_mode, snapshot.wallet) == ("isolated", False, Decimal(100_000))
        paths = [request.path for request in hall.requests]
        firsts = ["/v5/market/time", "/v5/user/query-api", "/v5/account/info", "/v5/position/list"]
        assert sorted(firsts, key=paths.index) == firsts
        assert paths.index("/v5/position/set-leverage") > paths.index("/v5/position/list")

    started(scene)


def test_leverage_that_is_right_already_is_not_set_again():
    async def main():
        hall = Hall()
        for _ in range(2):
            venue = hall.venue()
            await venue.start(SYMBOLS, THREE)
            await venue.close()
        return hall

    assert len(virtual(main).sent("/v5/position/set-leverage")) == 2


@pytest.mark.parametrize("off_ms", [-5000, -503, 503, 5000])
def test_a_clock_that_is_off_stops_the_start_before_anything_is_signed(off_ms):
    hall = assert_refused("clock is .* ms (ahead|behind)", lambda hall: setattr(hall, "wall_off_ms", off_ms))

    assert {request.path for request in hall.requests} == {"/v5/market/time"}


def test_half_a_second_off_is_still_traded_with():
    async def main():
        hall = Hall()
        hall.wall_off_ms = 480
        venue = hall.venue()
        await venue.start(SYMBOLS, THREE)
        await venue.place(order())
        await venue.close()
        return hall

    assert list(virtual(main).accepted) == ["ours-1"]


BAD_KEYS = [
    ({"read_only": True}, "may only read"),
    ({"permissions": {"ContractTrade": ("Order",)}}, "lacks the contract permission Position"),
    ({"permissions": {"ContractTrade": ("Order", "Position"), "Wallet": ("AccountTransfer",)}}, "move money"),
    ({"permissions": {"ContractTrade": ("Order", "Position"), "Wallet": ("Withdraw",)}}, "Withdraw"),
    ({"expired": True}, "33004.*make a new one"),
    ({"ips": ("10.0.0.1",)}, "10010.*another address"),
]


@pytest.mark.parametrize(("change", "text"), BAD_KEYS)
def test_a_key_that_may_do_too_little_or_too_much_is_refused(change, text):
    assert_refused(text, keys=(replace(KEY, **change),))


def test_a_wrong_secret_and_an_unknown_key_are_refused_with_the_cure():
    assert_refused("10004.*secret does not belong", lambda hall: setattr(hall, "key", replace(KEY, secret="wrong")))
    assert_refused("10003.*of this environment", lambda hall: setattr(hall, "key", replace(KEY, key="unknown-key")))


def test_demo_trading_that_does_not_tell_of_the_key_is_warned_of_and_goes_on(monkeypatch):
    from live.simulator.core.requests import Refused
    from live.simulator.wire import private

    def unsupported(*_):
        raise Refused(10032, "Demo trading are not supported.")

    monkeypatch.setitem(private.PRIVATE_READS, "/v5/user/query-api", unsupported)

    async def scene(_hall, venue):
        assert [n.fatal for n in venue.heard() if isinstance(n, Disturbed)] == [False]

    started(scene, options={"environment": "demo"})
    assert_refused("10032", error=VenueError, options={"environment": "testnet"})


def test_only_mainnet_demands_a_key_bound_to_an_address():
    free = replace(KEY, ips=())
    assert_refused("bound to no address", keys=(free,), options={"environment": "mainnet"})

    async def scene(_hall, venue):
        assert await venue.news() == Connected(generation=1)

    started(scene, keys=(free,), options={"environment": "testnet"})


def test_a_hedge_mode_account_and_another_margin_mode_are_refused_and_not_switched():
    hall = assert_refused("hedge mode: AAAUSDT, BBBUSDT", lambda hall: hall.site.exchange.switch_mode(KEY.uid, 3))
    assert hall.sent("/v5/position/switch-mode") == []
    assert_refused("account is in cross margin", lambda hall: setattr(hall.account, "margin_mode", "REGULAR_MARGIN"))


def test_leverage_the_venue_refuses_is_a_matter_of_configuration():
    async def main():
        hall = Hall()
        venue = hall.venue()
        with pytest.raises(ConfigError, match="refuses leverage 1000"):
            await venue.start((SYMBOL,), {SYMBOL: Decimal(1000)})
        await venue.close()

    virtual(main)


def test_nobody_who_must_stop_an_account_is_kept_out_by_its_settings():
    async def main():
        hall = Hall()
        hall.wall_off_ms = 900
        hall.account.margin_mode = "REGULAR_MARGIN"
        venue = hall.venue()
        await venue.start((), {})
        await venue.close()
        return hall

    assert {request.path for request in virtual(main).requests} == {"/v5/market/time"}


def test_an_order_is_acknowledged_filled_told_and_shown():
    async def scene(hall, venue):
        ack = await venue.place(order(stop_loss=Decimal(950)))
        told = [await venue.news() for _ in range(4)]

        (fill,) = [item.execution for item in told if isinstance(item, Executed)]
        assert (fill.order_link_id, fill.qty, fill.price, fill.exec_type) == ("ours-1", 1, 1000, "Trade")
        assert Changed(symbol=SYMBOL) in told
        state = await venue.order("ours-1", SYMBOL)
        assert (state.order_id, state.status, state.filled) == (ack.order_id, "filled", 1)
        snapshot = await venue.snapshot(SYMBOLS)
        position = snapshot.positions[SYMBOL]
        assert (position.size, position.entry_price, position.stop_loss) == (1, 1000, 950)
        (stop,) = snapshot.orders
        assert (stop.trigger, stop.trigger_price, stop.reduce_only, stop.order_link_id) == ("StopLoss", 950, True, "")
        assert await venue.executions(since_ms=0) == (fill,)
        (sent,) = hall.sent("/v5/order/create")
        assert b'"qty": "1"' in sent.body
        assert b'"reduceOnly": false' in sent.body

    started(scene)


def test_a_short_has_a_negative_size_and_stops_move_and_go():
    async def scene(_hall, venue):
        await venue.place(order(side="Sell", qty="2"))
        await venue.set_stops(SYMBOL, stop_loss=Decimal(1050), take_profit=Decimal(900))
        await venue.set_stops(SYMBOL, stop_loss=Decimal(1050), take_profit=Decimal(900))  # 34040 is no error
        first = (await venue.snapshot(SYMBOLS)).positions[SYMBOL]
        await venue.set_stops(SYMBOL, stop_loss=Decimal(1040), take_profit=None)
        second = (await venue.snapshot(SYMBOLS)).positions[SYMBOL]

        assert (first.size, first.stop_loss, first.take_profit) == (-2, 1050, 900)
        assert (second.stop_loss, second.take_profit) == (1040, None)

    started(scene)


def test_cancelling_what_is_not_open_any_more_is_no_error_and_a_strangers_order_goes_by_its_id():
    async def scene(hall, venue):
        await venue.place(order())
        await venue.cancel("ours-1", SYMBOL)
        await venue.cancel("never-was", SYMBOL)
        await place_foreign(hall)
        (foreign,) = (await venue.snapshot(SYMBOLS)).orders
        await venue.cancel("", SYMBOL, order_id=foreign.order_id)
        assert (await venue.snapshot(SYMBOLS)).orders == ()

    started(scene)


async def place_foreign(hall):
    from live.simulator.core.requests import CreateOrder

    hall.follow()
    hall.site.exchange.create(
        KEY.uid,
        CreateOrder(symbol=SYMBOL, side="Buy", order_type="Limit", qty=Decimal(1), price=Decimal(960)),
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"qty": "0.0001"}, "10001"), ({"qty": "0.001"}, "110094"), ({"reduce_only": True}, "110017"),
     ({"qty": "41"}, "10001"), ({"link": "x" * 37}, "order link id")],
)  # fmt: skip
def test_what_the_venue_refuses_is_rejected_with_its_code(changes, text):
    async def scene(hall, venue):
        with pytest.raises(VenueRejected, match=text):
            await venue.place(order(**changes))
        assert len(hall.sent("/v5/order/create")) == int("link" not in changes)

    started(scene)


def test_an_account_without_the_margin_is_told_so():
    async def scene(hall, venue):
        hall.strike("withdraw", amount="99900")
        with pytest.raises(VenueRejected, match="110007"):
            await venue.place(order())

    started(scene)


def test_a_link_id_that_the_venue_has_already_is_looked_for_instead_of_resent():
    async def scene(hall, venue):
        await venue.place(order())
        with pytest.raises(VenueUnknown, match="110072"):
            await venue.place(order())
        state = await venue.settle("ours-1", SYMBOL, sent_ms=await venue.now_ms())
        assert (state.status, state.filled) == ("filled", 1)
        assert len(hall.account.executions) == 1

    started(scene)


def test_a_clock_that_jumps_stops_entries_at_once_but_not_exits():
    async def scene(hall, venue):
        await venue.place(order())
        hall.wall_off_ms = 800
        with pytest.raises(VenueRejected, match="not sent: this host's clock is 800 ms ahead"):
            await venue.place(order("ours-2"))
        await venue.place(order("ours-3", side="Sell", reduce_only=True))
        assert hall.account.holdings[SYMBOL].qty == 0

    started(scene)


def test_a_clock_that_drifts_is_told_once():
    async def scene(hall, venue):
        hall.wall_off_ms = -700
        await asyncio.sleep(200)
        told = venue.heard()
        assert [item.fatal for item in told if isinstance(item, Disturbed)] == [False]

    started(scene)


def test_changed_filters_and_a_halt_of_the_symbol_are_told_and_shown():
    async def scene(hall, venue):
        before = await venue.listings(SYMBOLS)
        venue.heard()
        hall.strike("change_filters")
        hall.strike("halt_symbol")
        await asyncio.sleep(400)
        after = await venue.listings((*SYMBOLS, "NOTHEREUSDT"))

        assert venue.heard() == (Changed(symbol=SYMBOL),)
        assert (before[SYMBOL].trading, after[SYMBOL].trading) == (True, False)
        assert before[SYMBOL].min_notional != after[SYMBOL].min_notional
        assert set(after) == set(SYMBOLS)
        with pytest.raises(VenueRejected, match="110074"):
            await venue.place(order())

    started(scene)


def test_long_lists_are_read_to_their_end():
    async def scene(hall, venue):
        hall.site.orders_a_second = 1000
        for number in range(105):  # a page has 100
            hall.follow()
            hall.site.exchange.create(KEY.uid, traded(number))
        assert len(await venue.executions(since_ms=0)) == 105
        assert [e.order for e in await venue.executions(since_ms=0)] == sorted(
            row.seq for row in hall.account.executions
        )

    started(scene)


def traded(number):
    from live.simulator.core.requests import CreateOrder

    side = "Buy" if number % 2 else "Sell"
    return CreateOrder(symbol=SYMBOL, side=side, order_type="Market", qty=Decimal(1), order_link_id=f"o-{number}")


def test_the_limits_are_kept_before_the_venue_says_so():
    async def scene(hall, venue):
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(venue.place(order(f"o-{n}")) for n in range(35)))
        took = loop.time() - began
        assert len(hall.accepted) == 35
        assert 3 < took < 5  # ten a second: the 31st leaves after three seconds
        await asyncio.gather(*(venue.order("o-1", SYMBOL) for _ in range(120)))

    started(scene)


def test_funding_is_an_execution_that_is_no_fill():
    from live.simulator.core.prices import FundingDue

    async def scene(hall, venue):
        await venue.place(order())
        hall.follow()
        due = FundingDue(time_ms=hall.site.now_ms, symbol=SYMBOL, rate=0.0001, mark=1000.0, at_open=False)
        hall.script.add(due)
        hall.site.advance(hall.site.now_ms)
        fill, funding = await venue.executions(since_ms=0)
        assert (fill.exec_type, funding.exec_type) == ("Trade", "Funding")
        assert (funding.fee, funding.qty, funding.order_link_id) == (Decimal("0.1"), 1, "")  # 1 * 1000 * 0.0001
        assert await venue.last_price(SYMBOL) == 1000

    started(scene)


def test_a_read_that_fails_for_good_says_which_and_why():
    async def scene(hall, venue):
        hall.fault("http_503", where="/v5/account/info", times=4)
        with pytest.raises(VenueError, match=r"/v5/account/info: HTTP 503"):
            await venue.snapshot(SYMBOLS)
        hall.fault("refuse_10006", where="/v5/account/info", times=2)
        assert (await venue.snapshot(SYMBOLS)).wallet == 100_000

    started(scene)
