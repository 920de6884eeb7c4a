"""Whatever the venue answers, it is read or refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.errors import DataError
from autarch.market.bybit.terms import read_instrument
from autarch.market.bybit.wire import bars_of, settlements_of, table_of
from autarch.market.lock_check import check_instrument

from .bybit_server import Listing, info, tiers

LISTING = Listing("BTCUSDT", 0)
ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANY = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
CELL = ANY | st.sampled_from(["1", "1704067200000", "-1", "1e400", "1_000", "9" * 40, "²", "nan", "1e-30", ""])


def outcome(read, *arguments):
    """Return what was read, or the words of the refusal."""
    try:
        return read(*arguments)
    except DataError as error:
        return str(error)


@settings(max_examples=30)
@given(ANY | st.lists(st.lists(CELL, min_size=7, max_size=7), max_size=3), ANY)
def test_bars_are_numbers_or_refused(rows, symbol):
    for name in (symbol, None):
        found = outcome(bars_of, {"list": rows, "symbol": name}, "kline", "BTCUSDT kline 15m")

        sound = not isinstance(found, str) and table_of(found, "kline")["ts"].size == len(found)
        assert sound or found.startswith("BTCUSDT kline 15m")


@settings(max_examples=30)
@given(ANY | st.lists(st.fixed_dictionaries({"fundingRate": CELL, "fundingRateTimestamp": CELL}), max_size=3))
def test_settlements_are_numbers_or_refused(rows):
    found = outcome(settlements_of, {"list": rows}, "BTCUSDT funding")

    sound = not isinstance(found, str) and table_of(found, "funding")["rate"].size == len(found)
    assert sound or found.startswith("BTCUSDT funding")


class Venue:
    """Answers the two calls from what it was given."""

    url = "https://made.up"

    def __init__(self, instrument, limits):
        self.answers = {"get_instruments_info": [instrument], "get_risk_limit": limits}

    def ask(self, method, **_):
        return {"list": self.answers[method]}


FIELDS = st.sampled_from(
    ["contractType", "launchTime", "deliveryTime", "priceFilter.tickSize", "lotSizeFilter.qtyStep", "lotSizeFilter",
     "lotSizeFilter.minOrderQty", "lotSizeFilter.maxMktOrderQty", "lotSizeFilter.minNotionalValue", "priceFilter"]
)  # fmt: skip
LIMITS = st.sampled_from(["riskLimitValue", "maintenanceMargin", "initialMargin", "maxLeverage", "mmDeduction"])


@settings(max_examples=30)
@given(FIELDS, LIMITS, CELL, st.booleans())
def test_an_instrument_is_sound_or_refused_whatever_one_field_holds(field, limit, cell, in_tiers):
    instrument, limits = info(LISTING), tiers(LISTING)
    outer, _, inner = field.partition(".")
    if in_tiers:
        limits[1][limit] = cell
    elif inner:
        instrument[outer][inner] = cell
    else:
        instrument[outer] = cell

    entry = outcome(read_instrument, Venue(instrument, limits), "BTCUSDT")
    refused = entry if isinstance(entry, str) else outcome(check_instrument, entry)

    assert refused is None or "BTCUSDT" in refused


def test_another_symbols_answer_and_another_kind_of_contract_are_refused():
    with pytest.raises(DataError, match="answered for 'ETHUSDT'"):
        bars_of({"list": [], "symbol": "ETHUSDT"}, "kline", "BTCUSDT kline 15m")
    with pytest.raises(DataError, match="is a 'LinearFutures' at the venue"):
        read_instrument(Venue(info(LISTING) | {"contractType": "LinearFutures"}, tiers(LISTING)), "BTCUSDT")
