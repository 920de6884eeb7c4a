"""Killed anywhere, an executor that starts again ends with the orders and fills of a run that was not."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from decimal import Decimal

import numpy as np
import pytest

from autarch.errors import RefusedError
from live.journal import Journal
from live.ports.venue import ORDER_LINK_ID, Executed, OrderAck
from live.trading.release import RECORDED

from .conftest import WIDE, Desk, decisions, market


class Killed(BaseException):
    """The process died here."""


class Wrapped:
    """A venue that is another venue but for what a subclass says."""

    def __init__(self, venue):
        self.venue = venue

    def __getattr__(self, name):
        return getattr(self.venue, name)


class Deadly(Wrapped):
    """A venue at whose n-th call that changes something the process dies, before or after it took effect."""

    left, after = 0, False

    async def place(self, request):
        return await self._die(self.venue.place(request))

    async def set_stops(self, symbol, **prices):
        return await self._die(self.venue.set_stops(symbol, **prices))

    async def _die(self, call):
        self.left -= 1
        if self.left == 0 and not self.after:
            call.close()
            raise Killed
        answer = await call
        if self.left == 0:
            raise Killed
        return answer


def deadly(*, call, after):
    def wrap(venue):
        found = Deadly(venue)
        found.left, found.after = call, after
        return found

    return wrap


class DyingJournal(Journal):
    """A journal whose process dies at the n-th transaction, before or after it is durable."""

    deaths = 0
    after = False

    def append(self, drafts, *, claims=()):
        self.deaths -= 1
        if self.deaths == 0 and not self.after:
            raise Killed
        found = super().append(drafts, claims=claims)
        if self.deaths == 0:
            raise Killed
        return found


def story(folder):
    """All that must not depend on a restart: decisions, orders, refusals and fills, in order."""
    with Journal(folder / "journal.sqlite3", account="paper", read_only=True) as journal:
        journal.verify()
        kinds = ("decision", "plan", "intent", "rejected", "execution", "stops", "done", "missed", "state")
        return [(e.kind, e.time_ms, e.ref, e.body) for e in journal.events(*kinds)]


def acks(folder):
    with Journal(folder / "journal.sqlite3", account="paper", read_only=True) as journal:
        return sorted(e.ref for e in journal.events("ack"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("undisturbed"), made=market(n_bars=120))
    desk.run()
    return story(desk.folder), acks(desk.folder)


def test_a_run_holds_every_kind_of_event_and_valid_link_ids(undisturbed):
    events, answered = undisturbed

    assert {event[0] for event in events} >= {"decision", "plan", "intent", "execution"}
    links = [event[2] for event in events if event[0] == "intent"]
    assert len(set(links)) == len(links) > 50
    assert all(ORDER_LINK_ID.match(link) for link in links)
    assert answered == sorted(links)


@pytest.mark.parametrize("call", [1, 2, 9, 40])
@pytest.mark.parametrize("after", [False, True])
def test_death_at_an_order_or_a_stop_loses_and_doubles_nothing(tmp_path, undisturbed, call, after):
    desk = Desk(tmp_path, made=market(n_bars=120))
    with pytest.raises(Killed):
        desk.run(venue=deadly(call=call, after=after))

    desk.run()

    assert (story(tmp_path), acks(tmp_path)) == undisturbed


@pytest.mark.parametrize("transaction", [1, 2, 24, 60])
@pytest.mark.parametrize("after", [False, True])
def test_death_at_a_transaction_loses_and_doubles_nothing(tmp_path, undisturbed, transaction, after):
    desk = Desk(tmp_path, made=market(n_bars=120))
    with DyingJournal(tmp_path / "journal.sqlite3", account="paper") as journal:
        journal.deaths, journal.after = transaction, after
        with pytest.raises(Killed):
            asyncio.run(desk.executor(journal).run())

    desk.run()

    assert (story(tmp_path), acks(tmp_path)) == undisturbed


def test_a_run_in_pieces_equals_one_run(tmp_path, undisturbed):
    desk = Desk(tmp_path, made=market(n_bars=120))

    for bars in (3, 25, 1, 40):
        desk.run(bars_max=bars)
    desk.run()

    assert (story(tmp_path), acks(tmp_path)) == undisturbed


def test_a_finished_run_started_again_sends_nothing(tmp_path, undisturbed):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run()

    desk.run()

    assert (story(tmp_path), acks(tmp_path)) == undisturbed


def test_events_that_waited_for_one_transaction_tell_the_same_story(tmp_path, undisturbed):
    desk = Desk(tmp_path, made=market(n_bars=120))

    desk.run(patience=RECORDED)

    assert (story(tmp_path), acks(tmp_path)) == undisturbed


def test_intents_are_durable_before_anything_is_sent(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    seen = []

    class Watching(Wrapped):
        async def place(self, request):
            with Journal(tmp_path / "journal.sqlite3", account="paper", read_only=True) as reader:
                seen.append([event.kind for event in reader.about(request.order_link_id)])
            return await self.venue.place(request)

    desk.run(venue=Watching, patience=RECORDED, bars_max=40)

    assert len(seen) > 10
    assert all(kinds == ["intent"] for kinds in seen)


def test_a_venue_that_forgot_our_orders_is_not_traded_on(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=50)
    (tmp_path / "book.sqlite3").unlink()

    executor = desk.run()

    gate = executor.core.books.gate
    assert (gate.state, "does not know execution" in gate.reason) == ("HALTED", True)
    assert desk.latch.read().halts[0].symbol == ""
    with desk.journal() as journal:
        assert not list(journal.events("intent", after=journal.last("opened").seq))


def test_a_newer_tag_continues_where_the_older_one_stopped(tmp_path, undisturbed):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=50)

    desk.run(tag="v0.2.0")

    with desk.journal() as journal:
        assert journal.tag_of("AAAUSDT", int(desk.market.ts[30])) == "v0.1.0"
        assert journal.tag_of("AAAUSDT", int(desk.market.ts[100])) == "v0.2.0"
    assert [event[:3] for event in story(tmp_path)] == [event[:3] for event in undisturbed[0]]


def test_a_journal_of_other_decisions_is_not_continued(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=60)

    with pytest.raises(RefusedError, match="not the one its decisions lead to"):
        desk.run(account="somebody")  # names orders otherwise, as another runtime might


def test_a_journal_that_was_edited_is_not_continued(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=60)
    database = sqlite3.connect(tmp_path / "journal.sqlite3")
    database.execute("DROP TRIGGER events_no_update")
    database.execute("UPDATE events SET body = replace(body, '0.8', '0.3') WHERE seq = 40")
    database.execute("UPDATE events SET time_ms = time_ms + 1 WHERE seq = 40")
    database.commit()
    database.close()

    with pytest.raises(RefusedError, match="does not continue the chain at 40"):
        desk.run()


def test_a_position_the_fills_do_not_explain_halts_its_symbol(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))

    class Ghost(Wrapped):
        """A venue that never tells of one fill."""

        hidden = None

        def heard(self):
            return tuple(n for n in self.venue.heard() if not (isinstance(n, Executed) and self._hides(n.execution)))

        async def executions(self, *, since_ms):
            return tuple(e for e in await self.venue.executions(since_ms=since_ms) if not self._hides(e))

        def _hides(self, execution):
            if self.hidden is None and execution.create_type == "CreateByStopLoss":
                self.hidden = execution.exec_id
            return execution.exec_id == self.hidden

    executor = desk.run(venue=Ghost)

    hidden = [symbol for symbol, (_, why) in executor.core.books.states.items() if "the venue holds" in why]
    assert len(hidden) == 1
    assert executor.core.books.position(hidden[0]) != 0


def test_an_entry_waits_until_the_venue_reads_flat(tmp_path):
    made = market(n_bars=120)
    table = decisions(made)
    table.exposure[20:], table.stop_loss[:], table.take_profit[:] = 0.5, np.nan, np.nan
    table.exposure[30:] = -0.5
    desk = Desk(tmp_path, made=made, table=table)

    class Stuck(Wrapped):
        """A venue that takes closes and does not fill them."""

        async def place(self, request):
            if request.reduce_only:
                return OrderAck(order_id="o", order_link_id=request.order_link_id)
            return await self.venue.place(request)

    desk.run(venue=Stuck)

    with desk.journal() as journal:
        entries = [event.body for event in journal.events("intent") if event.body["leg"] == "enter"]
        missed = [event.body for event in journal.events("missed")]
    assert {body["side"] for body in entries} == {"Buy"}
    assert {body["side"] for body in missed} == {"Sell"}
    assert all("entry deadline" in body["reason"] for body in missed)


def test_limits_refuse_entries_and_the_journal_says_why(tmp_path):
    tight = dataclasses.replace(WIDE, max_gross_leverage=0.5, max_order_notional=Decimal(30_000), orders_per_minute=60)
    desk = Desk(tmp_path, made=market(n_bars=120), limits=tight)

    desk.run()

    with Journal(tmp_path / "journal.sqlite3", account="paper", read_only=True) as journal:
        refusals = [event.body for event in journal.events("rejected")]
        sent = [event.body for event in journal.events("intent")]
    assert {body["leg"] for body in refusals} == {"enter"}
    assert any("max_order_notional" in body["reason"] for body in refusals)
    assert any("max_gross_leverage" in body["reason"] for body in refusals)
    assert {body["leg"] for body in sent} >= {"enter", "close"}


def test_a_drawdown_beyond_its_limit_closes_everything_and_a_restart_remembers(tmp_path):
    careful = dataclasses.replace(WIDE, orders_per_minute=60, max_drawdown_frac=0.05)
    desk = Desk(tmp_path, made=market(n_bars=300), limits=careful)
    desk.run(bars_max=200)

    executor = desk.run()

    with Journal(tmp_path / "journal.sqlite3", account="paper", read_only=True) as journal:
        states = list(journal.events("state"))
        entries = [event for event in journal.events("intent") if event.body["leg"] == "enter"]
    assert [event.body["state"] for event in states] == ["REDUCING"]
    assert "drawdown" in states[0].body["reason"]
    assert max(event.time_ms for event in entries) <= states[0].time_ms
    assert executor.core.books.positions() == {}
