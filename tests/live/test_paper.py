"""The paper venue of a market that is happening: our matching, prices as they come, and a memory of both."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from autarch.errors import ConfigError, VenueRejected
from live.ports.venue import Executed, OrderRequest
from live.simulator.core.prices import BarOpened, FundingDue, MarkMoved, Traded
from live.trading.release import Release
from live.venue.paper.book import RequestBook
from live.venue.paper.happening import happening_venue
from live.venue.paper.venue import KEPT

from .conftest import COSTS, WIDE, instrument

START = 1_700_006_400_000
RELEASE = Release(tag="v0.1.0", account="paper", sleeves={}, limits=WIDE, capital=Decimal(100_000), opened={})


class Street:
    """A market that happens when a test says so, and the paper accounts on it, one after another."""

    def __init__(self, path):
        self.now, self.path = START, path

    def open(self, symbols=("AAAUSDT",)):
        book = RequestBook(self.path)
        listed = [instrument(symbol) for symbol in symbols]
        venue = happening_venue(RELEASE, listed, COSTS, book, clock=lambda: self.now)
        asyncio.run(venue.start(("AAAUSDT",), {"AAAUSDT": Decimal(3)}))
        return venue

    def trade(self, venue, *prices):
        for price in prices:
            self.now += 1000
            venue.move(Traded(time_ms=self.now, symbol="AAAUSDT", price=price))


def order(link, side="Buy", qty="1", *, reduce_only=False, stop=None):
    return OrderRequest(
        order_link_id=link,
        symbol="AAAUSDT",
        side=side,
        qty=Decimal(qty),
        reduce_only=reduce_only,
        stop_loss=None if stop is None else Decimal(stop),
    )


def executions(venue):
    return asyncio.run(venue.executions(since_ms=0))


def test_a_long_life_is_remembered_in_part_and_its_newest_fills_are_there():
    street = Street(None)  # a book in memory
    venue = street.open()
    account = venue.exchange.accounts["paper"]
    assert account.kept == KEPT
    account.kept = 5
    street.trade(venue, 1000.0)

    for number in range(16):
        buys = number % 2 == 0
        asyncio.run(venue.place(order(f"at-{number}", "Buy" if buys else "Sell", reduce_only=not buys)))

    histories = (account.executions, account.orders, account.wallets, *account.positions.values())
    assert all(5 <= len(history) <= 10 for history in histories)
    assert [row.order_link_id for row in executions(venue)][-2:] == ["at-14", "at-15"]
    assert asyncio.run(venue.order("at-15", "AAAUSDT")).status == "filled"
    assert asyncio.run(venue.order("at-0", "AAAUSDT")) is None


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path / "book.sqlite3")


def test_an_order_fills_at_the_price_that_stands_and_a_stop_when_a_trade_reaches_it(street):
    venue = street.open()
    venue.move(BarOpened(time_ms=street.now, symbol="AAAUSDT", open=1000.0, depth=1e9, traded=True))
    street.trade(venue, 1010.0)

    asyncio.run(venue.place(order("at-1", stop="990")))
    street.trade(venue, 995.0, 990.0)

    entry, stop = (news.execution for news in venue.heard() if isinstance(news, Executed))
    # bought at 1010 x (1 + 0.0001 half spread + impact), sold at 990 x (1 - 0.0001 - impact), both off the tick inwards
    assert Decimal("1010.10") < entry.price < Decimal("1010.5")
    assert (stop.create_type, stop.qty, stop.order_link_id) == ("CreateByStopLoss", Decimal(1), "")
    assert Decimal("989.5") < stop.price < Decimal(990)
    assert stop.time_ms == street.now


def test_a_venue_built_again_from_its_book_has_the_same_executions_position_and_stop(street):
    venue = street.open()
    street.trade(venue, 1000.0, 1003.0)
    asyncio.run(venue.place(order("at-1", stop="900")))
    street.trade(venue, 1001.0)
    street.now += 1
    venue.move(FundingDue(time_ms=street.now, symbol="AAAUSDT", rate=0.001, mark=1002.0, at_open=True))
    venue.move(MarkMoved(time_ms=street.now, symbol="AAAUSDT", mark=999.0))
    asyncio.run(venue.place(order("at-2", qty="2", stop="950")))
    asyncio.run(venue.set_stops("AAAUSDT", stop_loss=Decimal(960), take_profit=Decimal(1200)))
    street.trade(venue, 1100.0)
    before = asyncio.run(venue.snapshot(("AAAUSDT",)))

    again = street.open()

    assert executions(again) == executions(venue)
    assert len(executions(again)) == 3
    found = asyncio.run(again.snapshot(("AAAUSDT",)))
    assert (found.positions, found.wallet) == (before.positions, before.wallet)
    assert [o.trigger_price for o in found.orders] == [o.trigger_price for o in before.orders]
    assert again.heard() == ()
    street.trade(again, 1200.0)
    assert executions(again)[-1].create_type == "CreateByTakeProfit"


def test_an_order_taken_before_a_death_is_known_after_it_by_its_link(street):
    venue = street.open()
    street.trade(venue, 1000.0)
    asyncio.run(venue.place(order("at-1")))

    again = street.open()

    assert asyncio.run(again.settle("at-1", "AAAUSDT", sent_ms=street.now)).status == "filled"
    assert asyncio.run(again.settle("at-2", "AAAUSDT", sent_ms=street.now)) is None
    with pytest.raises(VenueRejected, match="110072"):
        asyncio.run(again.place(order("at-1")))


def test_before_any_price_nothing_is_bought(street):
    venue = street.open()

    with pytest.raises(VenueRejected, match="110094"):  # worth nothing yet
        asyncio.run(venue.place(order("at-1")))


def test_a_symbol_that_is_no_longer_listed_is_said_and_a_damaged_book_too(street):
    venue = street.open()
    street.trade(venue, 1000.0)
    asyncio.run(venue.place(order("at-1")))

    with pytest.raises(ConfigError, match="knows AAAUSDT, which the release's data set does not list"):
        street.open(symbols=("BBBUSDT",))
    street.path = street.path.with_name("other")
    street.path.write_bytes(b"no book" * 1000)
    with pytest.raises(ConfigError, match="paper venue's book"):
        street.open()


def test_recorded_prices_are_not_mixed_with_others(desk):
    with desk.journal() as journal:
        venue = desk.executor(journal).core.world.venue

    with pytest.raises(ValueError, match="takes no other prices"):
        venue.move(Traded(time_ms=START, symbol="AAAUSDT", price=1.0))
