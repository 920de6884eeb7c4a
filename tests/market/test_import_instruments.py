from __future__ import annotations

from decimal import Decimal

import pytest

from autarch.errors import DataError
from autarch.market.import_instruments import parse_instant, read_instruments


@pytest.fixture
def file(tree):
    return tree.write() / "instruments.toml"


def changed(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file


def test_values_keep_their_digits_and_their_source(file):
    entry = read_instruments(file, ("BTCUSDT",))[0]

    assert entry.tick_size.value == Decimal("0.1")
    assert entry.min_notional.value == 5
    assert entry.max_market_qty.source == "exchange"
    assert entry.risk_tiers.tiers[0][1] == Decimal("0.005")
    assert entry.value().assumed == ("min_order_qty", "min_notional", "taker_fee", "maker_fee", "risk_tiers")


def test_of_several_tick_regimes_the_finest_counts_and_all_are_kept(file):
    first = '{from = "2024-01-01", value = "0.5", source = "inferred"}'
    second = '{from = 1706745600000, value = "0.1", source = "exchange"}'
    changed(file, '{value = "0.1", source = "inferred"}', f"[{first}, {second}]")

    entry = read_instruments(file, ("BTCUSDT",))[0]

    assert (entry.tick_size.value, entry.tick_size.source) == (Decimal("0.1"), "exchange")
    assert [(r.from_ms, r.value) for r in entry.tick_regimes] == [
        (1704067200000, Decimal("0.5")),
        (1706745600000, Decimal("0.1")),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("tick_size", "ticksize", "unknown key 'ticksize'"),
        ('taker_fee = {value = "0.00055", source = "assumed"}', "", "no key 'taker_fee'"),
        ('"inferred"', '"rumour"', "rumour"),
        ('value = "0.1", ', "", "value"),
        ('value = "0.1"', 'value = "0.0"', "tick_size is 0.0"),
        ('value = "0.00055"', 'value = "5.5"', "taker_fee is 5.5"),
        ("[8000000,", "[2000000,", "risk tiers must increase"),
        ("0.01, 0.02, 10000.00]", "0.001, 0.02, 10000.00]", "risk tiers must increase"),
        ("[2000000, 0.005, 0.01, 0.00]", "[2000000, 0.02, 0.01, 0.00]", "maintenance < initial"),
        ("[[2000000, 0.005, 0.01, 0.00], [8000000, 0.01, 0.02, 10000.00]]", "[]", "risk_tiers is empty"),
        ('{value = "0.1", source = "inferred"}', "[]", "empty list"),
        ("[BTCUSDT]", "[BTCUSDT", "not UTF-8 TOML"),
    ],
)
def test_a_fault_is_refused_and_named(file, old, new, expected):
    with pytest.raises(DataError, match=expected):
        read_instruments(changed(file, old, new), ("BTCUSDT",))


def test_instants_are_utc_unless_they_say_otherwise():
    assert parse_instant("1704067200000") == 1704067200000
    assert parse_instant("2024-01-01") == 1704067200000
    assert parse_instant("2024-01-01T01:00+01:00") == 1704067200000
    with pytest.raises(DataError, match="no instant"):
        parse_instant("yesterday")


def test_a_symbol_that_the_file_lacks_is_refused(file):
    with pytest.raises(DataError, match=r"no \[XRPUSDT\]; add its filters"):
        read_instruments(file, ("BTCUSDT", "XRPUSDT"))
