"""A real executor on the paper venue changes hands: every position ends up where the plan says, and no bar twice."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from autarch.decisions import Decisions
from live.assembling import recorded_venue
from live.brain import wanted_of
from live.feeds.recorded import RecordedBars
from live.journal import Journal
from live.lines import lines_of
from live.ports.brain import Decided
from live.trading.executor import Executor
from live.trading.release import RECORDED, Release, Takeover, World
from live.venue.paper.book import RequestBook
from live.watching.handover import Holding
from live.watching.seats import first_seats, seats_from_json, seats_to_json
from live.watching.takeover import Table, held_back, switch_of, terms_of

from .conftest import COSTS, WIDE, manifest, market

SYMBOLS = ("AAAUSDT", "BBBUSDT")
CAPITAL = Decimal(100_000)


class Constant:
    """A decider that wants the same exposure from some row on."""

    def __init__(self, made, symbols, wanted):
        shape = (made.n_bars, len(symbols))
        counts = np.zeros(shape, dtype=np.bool_)
        counts[20:] = True
        self.table = Decisions(
            symbols=symbols,
            interval="15m",
            mode="each",
            max_leverage=2.0,
            exposure=np.where(counts, wanted(np.arange(made.n_bars))[:, None], 0.0),
            stop_loss=np.full(shape, np.nan),
            take_profit=np.full(shape, np.nan),
            counts=counts,
        )

    async def decide(self, row):
        symbols = wanted_of(self.table, row)
        return Decided(inputs=f"{row:064x}", symbols=symbols) if symbols else None

    def close(self):
        pass


class Hall:
    """One paper account on a made-up market, and tables laid for whoever sits at it."""

    def __init__(self, folder, wants):
        self.wants = wants
        self.made = market(SYMBOLS, n_bars=120)
        self.journal = Journal(folder / "journal.sqlite3", account="paper")
        self.book = RequestBook(folder / "book.sqlite3")
        self.sentences, self.capital = [], CAPITAL
        self.executor = self.bars = None
        self.runner = asyncio.Runner()

    def close(self):
        self.runner.close()
        self.journal.close()
        self.book.close()

    def lines(self, strategy):
        return lines_of(self.made, manifest(SYMBOLS, name=strategy), COSTS)

    def lay(self, seats, *, after_ms=None, tag=None):
        tag = seats[-1].tag if tag is None else tag
        terms = {seat.key: terms_of(seat, self.lines(seat.strategy)) for seat in seats}
        release = Release(
            tag=tag,
            account="paper",
            sleeves=terms,
            limits=WIDE,
            capital=self.capital,
            opened={"tag": tag, "seats": seats_to_json(seats)},
        )
        now = self.bars.now_ms() if after_ms is None and self.bars is not None else after_ms
        markets = {seat.key: self.made for seat in seats}
        bars = RecordedBars(markets, after_ms=now, move=self.move)
        brains = {s.key: Constant(self.made, SYMBOLS, self.wants[s.strategy, s.tag]) for s in seats}
        self.seats, self.bars = seats, bars
        return Table(release=release, bars=bars, brains=brains)

    def move(self, time_ms):
        self.venue.advance(time_ms)

    def begin(self, seats):
        newest = self.journal.last("decision", "plan", "intent")
        whole = Release(
            tag="x",
            account="paper",
            sleeves={"all": terms_of(replace(seats[0], symbols=SYMBOLS, key="all"), self.lines("one"))},
            limits=WIDE,
            capital=CAPITAL,
            opened={},
        )
        self.venue = recorded_venue(whole, {"all": self.made}, COSTS, self.book)
        table = self.lay(seats, after_ms=None if newest is None else newest.time_ms)
        world = World(journal=self.journal, venue=self.venue, bars=table.bars, brains=table.brains, clock=_Clock(self))
        self.executor = Executor(table.release, world, replace(RECORDED, batch=0))
        self.runner.run(self.executor.start())
        leverage = {line.symbol: line.leverage for line in whole.sleeves["all"].lines}
        self.runner.run(self.venue.start(SYMBOLS, leverage))  # as the next run's start would, for whoever comes later

    def run(self, bars):
        """Live through so many bars."""
        self.runner.run(self._live(bars))

    async def _live(self, bars):
        for _ in range(bars):
            await self.executor.instant(await self.executor.core.world.bars.next())
        self.executor.core.commit()

    def switch(self, heirs, tag):
        self.executor.switch(
            switch_of(
                self.seats,
                heirs,
                lambda seats: self.lay(seats, tag=tag),
                tag=tag,
                told=self.sentences.append,
            )
        )

    def hold_back(self, when):
        seats = held_back(self.seats, when)

        def switch(_):
            table = self.lay(seats)
            return Takeover(release=table.release, bars=table.bars, brains=table.brains, actions={})

        self.executor.switch(switch)

    def events(self, *kinds):
        return [event for event in self.journal.events() if event.kind in kinds]

    def fills(self):
        return [event for event in self.events("execution") if event.body["exec_type"] == "Trade"]

    def positions(self):
        return {symbol: float(qty) for symbol, qty in self.executor.core.books.positions().items()}


class _Clock:
    def __init__(self, hall):
        self.hall = hall

    def now_ms(self):
        return self.hall.bars.now_ms()


def holding(strategy, tag, handover="adopt", symbols=SYMBOLS, capital=CAPITAL):
    return Holding(strategy=strategy, tag=tag, symbols=symbols, capital=capital, handover=handover)


def long(rows):
    return np.full(rows.size, 0.5)


def short(rows):
    return np.full(rows.size, -0.5)


def fades(rows):
    """Half long, a quarter from row 60 on, out from row 70 on, short from row 80 on."""
    return np.select([rows < 60, rows < 70, rows < 80], [0.5, 0.25, 0.0], -0.5)


@pytest.fixture
def hall_of(tmp_path):
    """Makes halls over one journal and one book, and closes what they opened."""
    with ExitStack() as stack:

        def make(wants):
            hall = Hall(tmp_path, wants)
            stack.callback(hall.close)
            return hall

        yield make


def start(hall_of, wants, symbols=SYMBOLS):
    hall = hall_of(wants)
    hall.begin(first_seats([holding("one", "v0.1.0", symbols=symbols)]))
    hall.run(40)
    return hall


def signs(hall):
    return {symbol: np.sign(qty) for symbol, qty in hall.positions().items()}


def decided_by(hall):
    return [(event.body["tag"], event.body["strategy"]) for event in hall.events("decision")]


def test_adopt_keeps_the_position_as_it_is_and_the_new_version_decides_from_the_next_bar(hall_of):
    hall = start(hall_of, {("one", "v0.1.0"): long, ("one", "v0.2.0"): long})
    before, filled = hall.positions(), len(hall.fills())

    hall.switch([holding("one", "v0.2.0")], "v0.2.0")
    hall.run(1)
    hall.run(5)

    assert hall.positions() == before
    assert len(hall.fills()) == filled
    assert decided_by(hall)[-5:] == [("v0.2.0", "one")] * 5
    (_, opened) = hall.events("opened")[:2]
    assert opened.body["handover"] == dict.fromkeys(SYMBOLS, "adopt")


def test_drain_lets_the_old_version_reduce_and_the_new_one_start_once_flat(hall_of):
    hall = start(hall_of, {("one", "v0.1.0"): fades, ("one", "v0.2.0"): short})
    held = hall.positions()

    hall.switch([holding("one", "v0.2.0", "drain")], "v0.2.0")
    hall.run(15)  # to row 54: the old version still wants what it has
    assert hall.positions() == held
    hall.run(10)  # to row 64: it has halved it
    halved = hall.positions()
    assert all(abs(halved[s]) < 0.6 * abs(held[s]) for s in SYMBOLS)
    hall.run(20)  # to row 84: it is out, and its own wish to be short came to nothing

    assert signs(hall) == dict.fromkeys(SYMBOLS, -1.0)
    owners = {symbol: hall.executor.core.books.owner(symbol).key for symbol in SYMBOLS}
    assert owners == dict.fromkeys(SYMBOLS, "one")
    entries = [e.body["order_link_id"] for e in hall.events("intent") if e.body["leg"] == "enter"]
    assert len(entries) == 2 * len(SYMBOLS)  # one of the old version each before, one of the new one each after
    assert ("v0.1.0", "one") in decided_by(hall)[-2:]


def test_flatten_closes_at_once_and_the_new_version_starts_from_flat(hall_of):
    hall = start(hall_of, {("one", "v0.1.0"): long, ("one", "v0.2.0"): short})

    hall.switch([holding("one", "v0.2.0", "flatten")], "v0.2.0")
    hall.run(1)
    assert [event.body["side"] for event in hall.fills()[-2:]] == ["Sell", "Sell"]
    assert hall.positions() == {}
    hall.run(2)

    assert signs(hall) == dict.fromkeys(SYMBOLS, -1.0)


@pytest.mark.parametrize("word", ["adopt", "drain", "flatten"])
def test_a_sleeve_that_is_gone_follows_its_own_word(hall_of, word):
    hall = hall_of({("one", "v0.1.0"): fades, ("two", "v0.2.0"): long})
    hall.begin(first_seats([holding("one", "v0.1.0", word, symbols=("AAAUSDT",))]))
    hall.run(40)
    assert signs(hall) == {"AAAUSDT": 1.0}

    hall.switch([holding("two", "v0.2.0", symbols=("BBBUSDT",))], "v0.2.0")
    hall.run(3)

    assert signs(hall) == {"BBBUSDT": 1.0} | ({"AAAUSDT": 1.0} if word == "drain" else {})
    hall.run(42)
    assert signs(hall) == {"BBBUSDT": 1.0}


def test_a_restart_in_the_middle_of_a_drain_goes_on_where_it_was(hall_of):
    wants = {("one", "v0.1.0"): fades, ("one", "v0.2.0"): short}
    hall = start(hall_of, wants)
    hall.switch([holding("one", "v0.2.0", "drain")], "v0.2.0")
    hall.run(20)
    held = hall.positions()
    hall.close()

    again = hall_of(wants)
    written = again.journal.last("opened")
    again.begin(seats_from_json(written.body["seats"]))
    assert again.positions() == held
    again.run(30)

    assert signs(again) == dict.fromkeys(SYMBOLS, -1.0)
    again.journal.verify()


def test_going_back_in_the_middle_of_a_drain_takes_the_position_over_again(hall_of):
    hall = start(hall_of, {("one", "v0.1.0"): long, ("one", "v0.2.0"): short})
    held = hall.positions()
    hall.switch([holding("one", "v0.2.0", "drain")], "v0.2.0")
    hall.run(5)

    hall.switch([holding("one", "v0.1.0")], "v0.1.0")
    hall.run(5)

    assert hall.positions() == held
    assert [seat.key for seat in hall.seats] == ["one"]


def test_capital_that_changes_hands_is_neither_a_loss_nor_a_gain(hall_of):
    hall = start(hall_of, {("one", "v0.1.0"): long, ("one", "v0.2.0"): long})
    gate = hall.executor.core.books.gate
    fallen = gate.peak - hall.executor.core.books.equity()

    hall.capital = CAPITAL / 2
    hall.switch([holding("one", "v0.2.0", capital=CAPITAL / 2)], "v0.2.0")
    hall.run(1)

    gate = hall.executor.core.books.gate
    after = gate.peak - hall.executor.core.books.equity()
    assert abs(after - fallen) < 2_000  # what one bar moved, not half the account


@pytest.mark.parametrize(("when", "left"), [("reduce", 1.0), ("flatten", 0.0)])
def test_a_revoked_release_only_reduces_or_is_closed(hall_of, when, left):
    hall = start(hall_of, {("one", "v0.1.0"): lambda rows: np.where(rows < 50, 0.5, 0.9)})
    held = hall.positions()

    hall.hold_back(when)
    hall.run(30)

    assert hall.positions() == {symbol: qty for symbol, qty in held.items() if left}
