"""Planted faults: each still fits the code, and the seeds find it."""

from __future__ import annotations

import pytest

from .planting import Plant, StalePlantError, function_of, hunt, planted
from .plants import PLANTS
from .running import live

MOST = 200


def test_there_are_enough_plants_and_each_has_a_name_of_its_own():
    assert len(PLANTS) >= 40
    assert len({plant.name for plant in PLANTS}) == len(PLANTS)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_plant_fits_the_code_and_leaves_no_trace(plant):
    before = function_of(plant)

    with planted(plant):
        assert function_of(plant) is not before

    assert function_of(plant) is before


def test_a_plant_that_fits_no_more_is_told():
    stale = Plant(name="x", where="live.trading.sending:Sending.drop_late", old="no such text", new="")

    with pytest.raises(StalePlantError, match="plant it anew"), planted(stale):
        pass


def test_an_order_that_no_journal_has_is_seen_by_the_first_life():
    plant = next(plant for plant in PLANTS if plant.name == "send before the journal has it")

    found = hunt(plant, rounds=1, most=1)

    assert found.seeds == (1,)
    assert "in no journal" in found.shown
    assert live(1000).broken == ()


@pytest.mark.soak
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_seeds_find_a_plant(plant):
    assert hunt(plant, rounds=1, most=MOST).median is not None
