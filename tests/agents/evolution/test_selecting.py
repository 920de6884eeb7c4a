"""Better ones breed more, crowded cells and large families less; dollars go where they bring most."""

from __future__ import annotations

import math
import random

from agents.evolution.population import Member, elites, islanders
from agents.evolution.selecting import Record, Tried, gain_per_dollar, next_agent, pick_operator, pick_partner, weights


def member(name: str, score: float, cell: tuple[int, ...] = (0,), island: int = 0) -> Member:
    return Member(name=name, slug=name, family=name, island=island, score=score, cell=cell)


def test_a_better_one_of_equals_weighs_more_and_children_make_it_weigh_less() -> None:
    three = [member("a", 0.0), member("b", 1.0), member("c", 2.0)]

    none = weights(three, {})
    many = weights(three, {"c": 9})

    assert none[0] < none[1] < none[2]
    assert many[2] == none[2] / math.sqrt(10)
    assert none[2] / none[1] == 2**2.5  # first and second


def test_far_above_the_others_and_just_above_them_are_not_the_same() -> None:
    crowd = [member(f"m{n}", float(n)) for n in range(20)]

    found = weights(crowd, {})

    assert found[19] / sum(found) > 0.7  # 1 / sum of n^-2.5 up to 20 is 0.75


def test_one_alone_in_its_cell_weighs_more_than_one_of_a_crowd() -> None:
    crowd = [member(f"m{n}", 1.0, (1,)) for n in range(4)]

    found = weights([*crowd, member("alone", 1.0, (2,))], {})

    assert found[4] == 2 * found[0]  # the square root of four


def test_a_partner_comes_from_another_cell_where_there_is_one() -> None:
    one, near, far = member("one", 1.0, (1,)), member("near", 9.0, (1,)), member("far", 0.0, (2,))

    assert pick_partner(one, [one, near, far], {}, random.Random(0)) == far
    assert pick_partner(one, [one, near], {}, random.Random(0)) == near
    assert pick_partner(one, [one], {}, random.Random(0)) is None


def test_whoever_has_not_proposed_comes_first_then_gain_per_dollar_decides() -> None:
    rng = random.Random(0)
    dear, cheap = Record(proposals=50, gain=5.0, usd=50.0), Record(proposals=50, gain=5.0, usd=5.0)

    assert next_agent(("a", "b"), {"a": dear}, explore=0.0, free_usd=0.01, rng=rng) == "b"
    assert next_agent(("a", "b"), {"a": dear, "b": cheap}, explore=0.0, free_usd=0.01, rng=rng) == "b"


def test_a_free_agent_that_brings_nothing_loses_to_one_that_costs_and_brings() -> None:
    idle, busy = Record(proposals=60, gain=0.0, usd=0.0), Record(proposals=60, gain=6.0, usd=6.0)

    assert (
        next_agent(("idle", "busy"), {"idle": idle, "busy": busy}, explore=0.0, free_usd=0.01, rng=random.Random(0))
        == "busy"
    )
    assert gain_per_dollar(Record(proposals=10, gain=1.0, usd=0.0), free_usd=0.01) == 10.0  # 1 / (10 x 0.01)


def test_the_archive_keeps_the_best_of_each_cell() -> None:
    found = elites([member("a", 1.0, (1,)), member("b", 3.0, (1,)), member("c", 2.0, (2,))])

    assert {cell: one.name for cell, one in found.items()} == {(1,): "b", (2,): "c"}


def test_an_island_breeds_its_own_and_after_a_migration_its_neighbours_best() -> None:
    people = [
        member("a", 1.0, island=0),
        member("b", 2.0, island=1),
        member("c", 3.0, island=2),
        member("d", 9.0, island=2),
    ]

    assert [m.name for m in islanders(people, island=0, islands=3, migrated=0)] == ["a"]
    assert [m.name for m in islanders(people, island=0, islands=3, migrated=1)] == ["a", "d"]
    assert [m.name for m in islanders(people, island=0, islands=3, migrated=7)] == ["a", "d", "b"]


def test_an_operator_that_hits_is_drawn_more_and_one_without_a_past_as_chance_would_have_it() -> None:
    given = {"mutate": 0.5, "cross": 0.5}
    tried = {"mutate": Tried(proposals=30, hits=15)}  # (15 + 1) / 40 = 0.4 beside (0 + 1) / 10 = 0.1
    rng = random.Random(0)

    drawn = [pick_operator(given, tried, rng) for _ in range(1_000)]

    assert 760 < drawn.count("mutate") < 840  # four fifths; a standard deviation is 13
    assert {pick_operator({"mutate": 0.0, "cross": 1.0}, tried, rng) for _ in range(9)} == {"cross"}
