"""The executor: killed anywhere, it ends with the orders and fills of a run that was not."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import numpy as np
import pytest

from autarch.errors import RefusedError
from live.journal import Journal
from live.portfolio import Limits
from live.venue.port import ORDER_LINK_ID, Execution

from .conftest import Desk, Scripted, decisions, market


class Killed(BaseException):
    """The process died here."""


class Deadly:
    """A venue behind which the process dies at the n-th order, before or after the venue took it."""

    def __init__(self, venue, *, order, after):
        self.venue, self.left, self.after = venue, order, after

    def place(self, request):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        ack = self.venue.place(request)
        if self.left == 0:
            raise Killed
        return ack

    def __getattr__(self, name):
        return getattr(self.venue, name)


class DyingJournal(Journal):
    """A journal whose process dies at the n-th transaction, before or after it is durable."""

    deaths = 0
    after = False

    def append(self, drafts, *, claims=()):
        self.deaths -= 1
        if self.deaths == 0 and not self.after:
            raise Killed
        super().append(drafts, claims=claims)
        if self.deaths == 0:
            raise Killed


def story(folder):
    """All that must not depend on a restart: decisions, orders, refusals and fills, in order."""
    with Journal(folder / "journal.sqlite3", account="paper", read_only=True) as journal:
        journal.verify()
        kinds = ("decision", "plan", "intent", "rejected", "execution", "state")
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


@pytest.mark.parametrize("order", [1, 2, 7, 30])
@pytest.mark.parametrize("after", [False, True])
def test_death_at_an_order_loses_and_doubles_nothing(tmp_path, undisturbed, order, after):
    desk = Desk(tmp_path, made=market(n_bars=120))
    with desk.journal() as journal, pytest.raises(Killed):
        desk.executor(journal, venue=lambda paper: Deadly(paper, order=order, after=after)).run()

    desk.run()

    assert (story(tmp_path), acks(tmp_path)) == undisturbed


@pytest.mark.parametrize("transaction", [1, 2, 24, 60])
@pytest.mark.parametrize("after", [False, True])
def test_death_at_a_transaction_loses_and_doubles_nothing(tmp_path, undisturbed, transaction, after):
    desk = Desk(tmp_path, made=market(n_bars=120))
    with DyingJournal(tmp_path / "journal.sqlite3", account="paper") as journal:
        journal.deaths, journal.after = transaction, after
        executor = desk.executor(journal)
        with pytest.raises(Killed):
            executor.run()

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


def test_intents_are_durable_before_anything_is_sent(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    seen = []

    class Watching:
        def __init__(self, venue):
            self.venue = venue

        def place(self, request):
            with Journal(tmp_path / "journal.sqlite3", account="paper", read_only=True) as reader:
                seen.append([event.kind for event in reader.about(request.order_link_id)])
            return self.venue.place(request)

        def __getattr__(self, name):
            return getattr(self.venue, name)

    with desk.journal() as journal:
        desk.executor(journal, venue=Watching).run(bars_max=40)

    assert len(seen) > 10
    assert all(kinds == ["intent"] for kinds in seen)


def test_a_venue_that_forgot_our_orders_is_not_traded_on(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=50)
    (tmp_path / "book.sqlite3").unlink()

    with desk.journal() as journal, pytest.raises(RefusedError, match="orders or bars it knew are gone"):
        desk.executor(journal).run()


def test_a_newer_tag_continues_where_the_older_one_stopped(tmp_path, undisturbed):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=50)

    with desk.journal() as journal:
        desk.executor(journal, tag="v0.2.0").run()
        assert journal.tag_of("AAAUSDT", int(desk.market.ts[30])) == "v0.1.0"
        assert journal.tag_of("AAAUSDT", int(desk.market.ts[100])) == "v0.2.0"

    assert [event[:3] for event in story(tmp_path)] == [event[:3] for event in undisturbed[0]]


def test_a_journal_of_other_decisions_is_not_continued(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=60)

    with desk.journal() as journal:
        executor = desk.executor(journal)
        executor.account_name = "somebody"  # names orders otherwise, as another runtime might
        with pytest.raises(RefusedError, match="not the one its decisions lead to"):
            executor.run()


def test_a_journal_that_was_edited_is_not_continued(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))
    desk.run(bars_max=60)
    database = sqlite3.connect(tmp_path / "journal.sqlite3")
    database.execute("DROP TRIGGER events_no_update")
    database.execute("UPDATE events SET body = replace(body, '0.8', '0.3') WHERE seq = 40")
    database.execute("UPDATE events SET time_ms = time_ms + 1 WHERE seq = 40")
    database.commit()
    database.close()

    with desk.journal() as journal, pytest.raises(RefusedError, match="does not continue the chain at 40"):
        desk.executor(journal).run()


def test_a_position_the_fills_do_not_explain_stops_everything(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))

    class Ghost:
        """A venue that hides one fill."""

        def __init__(self, venue):
            self.venue = venue

        def executions(self, *, after) -> tuple[Execution, ...]:
            return tuple(e for e in self.venue.executions(after=after) if e.seq != 9)

        def __getattr__(self, name):
            return getattr(self.venue, name)

    with desk.journal() as journal, pytest.raises(RefusedError, match="the venue holds"):
        desk.executor(journal, venue=Ghost).run()


def test_an_entry_waits_until_the_venue_reads_flat(tmp_path):
    desk = Desk(tmp_path, made=market(n_bars=120))

    class Stuck:
        """A venue that takes closes and does not fill them."""

        def __init__(self, venue):
            self.venue, self.entries = venue, []

        def place(self, request):
            if request.reduce_only:
                return None
            self.entries.append(request)
            return self.venue.place(request)

        def __getattr__(self, name):
            return getattr(self.venue, name)

    table = decisions(desk.market)
    table.exposure[20:], table.stop_loss[:], table.take_profit[:] = 0.5, np.nan, np.nan
    table.exposure[30:] = -0.5
    with desk.journal() as journal:
        executor = desk.executor(journal, venue=Stuck)
        executor.deciders = {"one_idea": Scripted(table)}
        executor.venue.place = _acked(executor.venue)
        executor.run()
        reasons = [event.body["reason"] for event in journal.events("rejected")]

    assert all(request.side == "Buy" for request in executor.venue.entries)
    assert any("an entry follows a close only from flat" in reason for reason in reasons)


def _acked(stuck):
    from live.venue.port import OrderAck

    def place(request):
        if request.reduce_only:
            return OrderAck(order_id="o", order_link_id=request.order_link_id)
        stuck.entries.append(request)
        return stuck.venue.place(request)

    return place


def test_limits_refuse_entries_and_the_journal_says_why(tmp_path):
    tight = Limits(
        max_gross_leverage=0.5,
        max_order_notional=Decimal(30_000),
        orders_per_minute=60,
        max_daily_loss_frac=1.0,
        max_drawdown_frac=1.0,
    )
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
    careful = Limits(
        max_gross_leverage=100.0,
        max_order_notional=Decimal(10**9),
        orders_per_minute=60,
        max_daily_loss_frac=1.0,
        max_drawdown_frac=0.05,
    )
    desk = Desk(tmp_path, made=market(n_bars=300), limits=careful)
    desk.run(bars_max=200)

    executor = desk.run()

    with Journal(tmp_path / "journal.sqlite3", account="paper", read_only=True) as journal:
        states = list(journal.events("state"))
        entries = [event for event in journal.events("intent") if event.body["leg"] == "enter"]
    assert [event.body["state"] for event in states] == ["REDUCING"]
    assert "drawdown" in states[0].body["reason"]
    assert max(event.time_ms for event in entries) <= states[0].time_ms
    assert all(executor.account.position(symbol) == 0 for symbol in desk.market.symbols)
