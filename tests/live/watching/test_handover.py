"""live.watching.handover: what becomes of each symbol when a release takes over."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.watching.handover import Holding, plan_handover


def holding(strategy, *symbols, tag="v0.1.0", handover="adopt", capital=1000):
    return Holding(strategy=strategy, tag=tag, symbols=symbols, capital=Decimal(capital), handover=handover)


def new(strategy, *symbols, **how):
    return holding(strategy, *symbols, **{"tag": "v0.2.0", **how})


def plan(old, heirs, **positions):
    held = {symbol: Decimal(qty) for symbol, qty in positions.items()}
    return plan_handover(old, heirs, held, tag="v0.2.0")


def actions(found):
    return {step.symbol: step.action for step in found.symbols}


@pytest.mark.parametrize("word", ["adopt", "drain", "flatten"])
def test_the_same_strategy_follows_the_new_releases_word(word):
    old = [holding("one", "AUSDT", handover="flatten" if word != "flatten" else "drain")]

    found = plan(old, [new("one", "AUSDT", handover=word)], AUSDT=2)

    assert actions(found) == {"AUSDT": word}


@pytest.mark.parametrize(("word", "action"), [("adopt", "flatten"), ("drain", "drain"), ("flatten", "flatten")])
def test_a_missing_sleeve_follows_the_old_releases_word_and_adopt_means_flatten(word, action):
    old = [holding("one", "AUSDT", handover=word)]

    assert actions(plan(old, [], AUSDT=-2)) == {"AUSDT": action}


@pytest.mark.parametrize(("word", "action"), [("adopt", "flatten"), ("drain", "drain"), ("flatten", "flatten")])
def test_a_symbol_that_goes_to_another_strategy_follows_the_old_word_too(word, action):
    old = [holding("one", "AUSDT", handover=word)]

    (step,) = plan(old, [new("two", "AUSDT", handover="adopt")], AUSDT=1).symbols

    assert (step.action, step.old.strategy, step.new.strategy) == (action, "one", "two")


def test_a_symbol_that_the_new_version_dropped_follows_the_old_word():
    old = [holding("one", "AUSDT", "BUSDT", handover="drain")]

    found = plan(old, [new("one", "AUSDT")], AUSDT=1, BUSDT=1)

    assert actions(found) == {"AUSDT": "adopt", "BUSDT": "drain"}


def test_what_is_flat_starts_or_leaves_whatever_the_word():
    old = [holding("one", "AUSDT", "BUSDT", handover="drain")]

    found = plan(old, [new("one", "AUSDT", "CUSDT", handover="flatten")], BUSDT=0)

    assert actions(found) == {"AUSDT": "start", "BUSDT": "leave", "CUSDT": "start"}


def test_a_position_that_still_drains_can_be_adopted_by_a_later_version_of_its_strategy():
    draining = holding("one", "AUSDT", handover="drain")
    present = holding("one", "AUSDT", tag="v0.1.5", handover="drain")

    (step,) = plan([draining, present], [new("one", "AUSDT")], AUSDT=3).symbols

    assert (step.action, step.old.tag, step.new.tag) == ("adopt", "v0.1.0", "v0.2.0")


def test_a_position_that_still_drains_goes_on_draining_under_the_word_it_left_with():
    draining = holding("one", "AUSDT", handover="drain")
    present = holding("two", "AUSDT", tag="v0.1.5", handover="flatten")

    found = plan([draining, present], [new("two", "AUSDT")], AUSDT=3)

    assert actions(found) == {"AUSDT": "drain"}
    assert [(d.strategy, d.tag, d.symbols) for d in found.leaving] == [("one", "v0.1.0", ("AUSDT",))]


def test_capital_changes_are_told_and_a_new_sleeve_starts_at_its_own():
    old = [holding("one", "AUSDT", capital=1000), holding("two", "BUSDT", capital=500)]

    found = plan(old, [new("one", "AUSDT", capital=800), new("six", "BUSDT", capital=50)], AUSDT=1, BUSDT=1)

    assert [(s.strategy, s.before, s.after) for s in found.sleeves] == [
        ("one", Decimal(1000), Decimal(800)),
        ("six", None, Decimal(50)),
    ]
    assert found.text == (
        "one of v0.2.0 takes over 1 AUSDT from one of v0.1.0 as it is",
        "1 BUSDT of two of v0.1.0 is closed at once; once flat it is for six of v0.2.0",
        "one trades with 800 USDT, not 1000",
        "six trades with 50 USDT",
    )


def test_a_position_of_nobody_and_a_symbol_for_two_are_our_own_bugs():
    with pytest.raises(ValueError, match="positions of nobody: ZUSDT"):
        plan([holding("one", "AUSDT")], [], ZUSDT=1)
    with pytest.raises(ValueError, match="two sleeves"):
        plan([], [new("one", "AUSDT"), new("two", "AUSDT")])


SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")


@st.composite
def releases(draw, tag):
    owner = draw(st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from(("one", "two", "six")), max_size=4))
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
@given(releases("v0.1.0"), releases("v0.2.0"), st.data())
def test_every_symbol_has_one_step_and_no_position_is_left_to_nobody(old, heirs, data):
    owned = sorted({symbol for sleeve in old for symbol in sleeve.symbols})
    positions = {symbol: Decimal(data.draw(st.integers(-2, 2))) for symbol in owned}

    found = plan_handover(old, heirs, positions, tag="v0.2.0")

    wanted = {symbol for sleeve in heirs for symbol in sleeve.symbols}
    assert [step.symbol for step in found.symbols] == sorted({*owned, *wanted})
    for step in found.symbols:
        assert (step.action in {"start", "leave"}) == (step.qty == 0)
        assert (step.action == "leave") <= (step.new is None)
        if step.action == "adopt":
            assert step.new.strategy == step.old.strategy
    again = plan_handover([*found.leaving, *heirs], heirs, positions, tag="v0.2.0")  # a restart in the middle
    held = {step.symbol: step for step in again.symbols}
    for sleeve in found.leaving:
        assert sleeve.handover in {"drain", "flatten"}
        assert all(held[symbol].old.tag == "v0.1.0" for symbol in sleeve.symbols)
