"""The private stream under every fault of a stream: noticed, connected again, told, and nothing lost for good."""

from __future__ import annotations

import asyncio

import pytest

from autarch.errors import VenueError
from live.ports.venue import Changed, Connected, Disturbed, Executed
from live.venue.bybit.ports import StreamDown

from .in_process import SYMBOL, Hall, order, virtual
from .test_venue import started


def generations(news):
    return [item.generation for item in news if isinstance(item, Connected)]


@pytest.mark.parametrize("kind", ["reset", "close_1001"])
def test_a_stream_that_ends_is_told_and_made_again(kind):
    async def scene(hall, venue):
        hall.fault(kind, where="private")
        await venue.place(order())
        await asyncio.sleep(5)
        news = venue.heard()

        assert generations(news) == [1, 2]
        assert any(isinstance(item, Disturbed) and not item.fatal for item in news)
        health = venue.health()
        assert (health.generation, health.connected, abs(health.clock_off_ms) < 5) == (2, True, True)
        assert "private stream" in health.trouble
        assert (await venue.snapshot((SYMBOL,))).generation == 2
        assert len(await venue.executions(since_ms=0)) == 1

    started(scene)


def test_a_connection_without_any_sign_of_life_is_given_up():
    async def scene(hall, venue):
        hall.fault("no_pong", where="private", lasts_ms=10**9)
        await venue.place(order())
        await asyncio.sleep(60)
        assert generations(venue.heard()) == [1, 2]

    started(scene)


def test_a_stream_that_pongs_but_tells_nothing_of_an_order_is_given_up():
    async def scene(hall, venue):
        hall.fault("mute", where="private", lasts_ms=10**9)
        await venue.place(order())
        await asyncio.sleep(15)
        assert generations(venue.heard()) == [1, 2]

    started(scene)


def test_a_stream_that_told_of_an_order_before_it_was_acknowledged_is_not_mute():
    async def scene(hall, venue):
        transport = venue._ask._transport
        send = transport.request

        async def slowly(*asked, **how):
            answer = await send(*asked, **how)
            await asyncio.sleep(2)  # the acknowledgement dawdles; the stream has told everything
            return answer

        transport.request = slowly
        await venue.place(order())
        await asyncio.sleep(60)
        assert generations(venue.heard()) == [1]
        assert hall.opened == 1

    started(scene)


def test_a_client_that_breaks_says_so_and_is_fatal():
    async def scene(hall, venue):
        def break_it(*_):
            raise TypeError("a bug")

        venue._desk.heard = break_it
        await venue.place(order())
        await asyncio.sleep(1)
        (news,) = [item for item in venue.heard() if isinstance(item, Disturbed)]
        assert news.fatal
        assert "TypeError: a bug" in news.reason
        assert len(hall.account.executions) == 1

    started(scene)


def test_the_age_of_the_private_streams_news_grows_until_it_gives_a_sign_of_life():
    async def scene(_hall, venue):
        await asyncio.sleep(30)
        before_ms = venue.health().stale_ms
        await asyncio.sleep(4)

        assert 0 < before_ms < 15_000  # a pong came between
        assert venue.health().stale_ms == pytest.approx(before_ms + 4000, abs=2)
        await asyncio.sleep(10)
        assert venue.health().stale_ms < before_ms + 4000

    started(scene)


def test_a_quiet_account_keeps_its_connection():
    async def scene(hall, venue):
        await asyncio.sleep(3600)
        assert generations(venue.heard()) == [1]
        assert hall.opened == 1

    started(scene)


def test_doubled_swapped_late_and_unheard_of_messages_tell_each_execution_under_its_name():
    async def scene(hall, venue):
        for number, kind in enumerate(("duplicate", "reorder", "delay", "unknown_topic")):
            hall.fault(kind, where="private")
            await venue.place(order(f"o-{number}"))
            await asyncio.sleep(5)
        told = [item.execution.exec_id for item in venue.heard() if isinstance(item, Executed)]

        assert set(told) == {row.exec_id for row in hall.account.executions}
        assert generations(venue.heard()) == []

    started(scene)


def test_attempts_come_ever_later_and_never_all_at_once():
    async def scene(hall, venue):
        hall.fault("refuse_handshake", where="private", times=8)
        hall.fault("reset", where="private")
        await venue.place(order())
        await asyncio.sleep(30)
        few = hall.opened
        await asyncio.sleep(150)

        assert few <= 8  # 0.5 s doubling, with jitter: at most 1 + 7 in half a minute
        assert generations(venue.heard()) == [1, 2]
        assert hall.opened == 10

    started(scene)


def test_a_refused_subscription_is_tried_again():
    async def scene(hall, venue):
        hall.fault("refuse_subscription", where="private")
        hall.fault("reset", where="private")
        await venue.place(order())
        await asyncio.sleep(10)
        assert generations(venue.heard()) == [1, 2]

    started(scene)


def test_a_key_that_the_stream_refuses_ends_the_start():
    async def main():
        hall = Hall()
        venue = hall.venue()

        async def refused(*_):
            raise StreamDown("the venue refuses the key", fatal=True)

        venue._stream._streams.connect = refused
        with pytest.raises(VenueError, match="refuses the key"):
            await venue.start((SYMBOL,), {})
        news = venue.heard()
        await venue.close()
        return news

    assert [item.fatal for item in virtual(main) if isinstance(item, Disturbed)] == [True]


def test_news_waits_for_what_happens():
    async def scene(_hall, venue):
        venue.heard()
        waiting = asyncio.create_task(venue.news())
        await asyncio.sleep(1)
        assert not waiting.done()
        await venue.place(order())
        assert isinstance(await waiting, Changed | Executed)

    started(scene)
