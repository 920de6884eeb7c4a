"""live.watching.seats: after any chain of hand-overs every position has exactly one keeper, also after a restart."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.errors import DeployError, RefusedError
from live.stopping.accounts import account_named
from live.trading.release import Held
from live.watching.handover import Holding
from live.watching.seats import NOBODY, first_seats, hand_over, seats_from_json, seats_to_json
from live.watching.takeover import require_same_margin

SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")
TAGS = ("v0.1.0", "v0.2.0", "v0.3.0")


def holding(strategy, *symbols, tag, handover="adopt", capital="10.50"):
    return Holding(strategy=strategy, tag=tag, symbols=symbols, capital=Decimal(capital), handover=handover)


def holds(key, **positions):
    return {symbol: Held(key=key, qty=Decimal(qty)) for symbol, qty in positions.items()}


def test_a_drained_symbol_stays_with_a_seat_of_its_own_and_the_new_version_starts_from_nobody():
    first = first_seats([holding("one", "AUSDT", "BUSDT", tag="v0.1.0")])
    heirs = [holding("one", "AUSDT", "BUSDT", tag="v0.2.0", handover="drain")]

    _, seats = hand_over(first, heirs, holds("one", AUSDT=2), tag="v0.2.0")

    assert [(s.key, s.mode, s.tag, s.symbols, s.takes) for s in seats] == [
        ("one@v0.1.0:drain", "drain", "v0.1.0", ("AUSDT",), {"AUSDT": "one"}),
        ("one", "trade", "v0.2.0", ("AUSDT", "BUSDT"), {"AUSDT": NOBODY, "BUSDT": "one"}),
    ]


def test_going_back_while_the_old_version_still_drains_lets_it_adopt_its_own_position():
    first = first_seats([holding("one", "AUSDT", tag="v0.1.0")])
    draining = [holding("one", "AUSDT", tag="v0.2.0", handover="drain")]
    _, second = hand_over(first, draining, holds("one", AUSDT=-1), tag="v0.2.0")

    back = [holding("one", "AUSDT", tag="v0.1.0", handover="adopt")]
    plan, third = hand_over(second, back, holds("one@v0.1.0:drain", AUSDT=-1), tag="v0.1.0")

    assert [step.action for step in plan.symbols] == ["adopt"]
    assert [(s.key, s.takes) for s in third] == [("one", {"AUSDT": "one@v0.1.0:drain"})]


def test_a_symbol_of_another_strategy_starts_from_nobody_when_flat():
    first = first_seats([holding("one", "AUSDT", tag="v0.1.0")])

    _, (seat,) = hand_over(first, [holding("two", "AUSDT", tag="v0.2.0")], {}, tag="v0.2.0")

    assert (seat.key, seat.takes) == ("two", {"AUSDT": NOBODY})


def test_seats_survive_the_journal_and_anything_else_is_refused():
    _, seats = hand_over(
        first_seats([holding("one", "AUSDT", tag="v0.1.0", handover="flatten")]), [], holds("one", AUSDT=1), tag="v2"
    )

    (again,) = seats_from_json(seats_to_json(seats))

    assert (again.key, again.mode, again.symbols, again.capital) == (
        "one@v0.1.0:close",
        "close",
        ("AUSDT",),
        Decimal("10.50"),
    )
    assert again.takes == {}
    for written in (None, [{"key": "one"}], "seats", [1]):
        with pytest.raises(RefusedError, match="another runtime wrote it"):
            seats_from_json(written)


@st.composite
def heirs(draw, tag):
    owner = draw(st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from(("one", "two")), max_size=3))
    return [
        holding(
            name,
            *sorted(symbol for symbol, who in owner.items() if who == name),
            tag=tag,
            handover=draw(st.sampled_from(("adopt", "drain", "flatten"))),
        )
        for name in sorted(set(owner.values()))
    ]


@settings(max_examples=50)
@given(st.fixed_dictionaries({tag: heirs(tag) for tag in TAGS}), st.lists(st.sampled_from(TAGS), max_size=5), st.data())
def test_through_any_chain_of_releases_every_position_has_one_keeper(released, chain, data):
    seats = first_seats(released[TAGS[0]])
    present = TAGS[0]
    books = {seat.key: dict.fromkeys(seat.symbols, 0) for seat in seats}  # what each seat holds
    for tag in chain:
        if tag == present:
            continue
        for seat in seats:  # trading goes on; what leaves only moves towards zero
            for symbol in seat.symbols:
                holders = [s.key for s in seats if books[s.key].get(symbol, 0) != 0]
                if seat.mode != "trade":
                    books[seat.key][symbol] *= data.draw(st.sampled_from((0, 1)))
                elif holders in ([], [seat.key]):
                    books[seat.key][symbol] = data.draw(st.sampled_from((0, 1, -2)))
        held = {s: Held(key=k, qty=Decimal(qty)) for k, book in books.items() for s, qty in book.items() if qty}
        before = {symbol: one.qty for symbol, one in held.items()}

        _, seats = hand_over(seats, released[tag], held, tag=tag)

        present = tag
        books = {
            seat.key: {s: books.get(seat.takes.get(s, seat.key), {}).get(s, 0) for s in seat.symbols} for seat in seats
        }
        kept = [(symbol, qty) for book in books.values() for symbol, qty in book.items() if qty]
        assert sorted(kept) == sorted(before.items())
        assert len({seat.key for seat in seats}) == len(seats)
        traded = [symbol for seat in seats if seat.mode == "trade" for symbol in seat.symbols]
        assert len(traded) == len(set(traded))


def test_a_release_that_has_the_account_in_another_margin_mode_does_not_take_over():
    present = account_named("main", "sim", "http://127.0.0.1:1")
    shared = dataclasses.replace(present, margin_mode="cross")

    require_same_margin(present, dataclasses.replace(present), tag="v0.2.0")
    with pytest.raises(DeployError, match=r"v0\.2\.0 has account 'main' in cross margin and it trades in isolated"):
        require_same_margin(present, shared, tag="v0.2.0")
