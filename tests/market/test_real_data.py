"""Real bars, where AUTARCH_REAL_DATA names a folder of them; every rule below has a made-up test elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from autarch.errors import DataError
from autarch.market.bars import bar_columns
from autarch.market.build import build, write_blobs
from autarch.market.importer import ImportRequest, import_recipe, parse_gap
from autarch.market.load import load_market
from autarch.market.lock import read_lock
from autarch.market.lock_toml import lock_toml
from autarch.market.types import Market

pytestmark = pytest.mark.real_data
NOW = 1_790_000_000_000  # 2026-09: after the last bar
THREE = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@pytest.fixture
def request_for(real_data):
    def make(venue="bybit", symbols=THREE, intervals=("15m",), **changes):
        return ImportRequest(
            source=real_data / venue,
            name="real",
            venue=venue,
            symbols=symbols,
            intervals=intervals,
            shares=(60, 25, 15),
            **changes,
        )

    return make


@pytest.fixture
def load(stores):
    def make(built, split="train", symbols=None, interval=None) -> Market:
        write_blobs(built, stores)
        lock = built.lock
        return load_market(
            lock, split=split, symbols=symbols or lock.symbols, interval=interval or lock.interval, stores=stores
        )

    return make


def test_three_perpetuals_import_and_load(request_for, load):
    built = build(import_recipe(request_for(), now_ms=NOW))

    markets = [load(built, split) for split in ("train", "holdout", "forward")]

    assert read_lock(lock_toml(built.lock)) == built.lock
    assert sum(m.n_bars for m in markets) == 73_344  # the longest of the three, from its first bar to its last
    assert markets[0].of("BTCUSDT").first_row == 0
    assert markets[0].of("ETHUSDT").first_row == 1824  # 19 days later
    assert all(s.traded[s.first_row :].all() for m in markets for s in m.series)


def test_bars_made_on_load_equal_those_the_venue_made(request_for, load, real_data):
    made = load(build(import_recipe(request_for(symbols=("SOLUSDT",)), now_ms=NOW)), interval="1h")
    venue = pq.read_table(real_data / "bybit" / "SOLUSDT" / "kline-1h.parquet").to_pydict()

    rows = np.searchsorted(np.array(venue["ts"]), made.ts)
    series = made.of("SOLUSDT")
    for name in ("open", "high", "low", "close"):
        assert (getattr(series, name) == np.array(venue[name])[rows]).all()
    assert np.allclose(series.volume, np.array(venue["volume"])[rows], rtol=1e-9)


def test_a_new_listing_starts_inside_an_hour_and_later_turns_to_four_hourly_funding(request_for, load):
    built = build(import_recipe(request_for(symbols=("WIFUSDT",)), now_ms=NOW))

    assert [e.interval_min for e in built.lock.schedule("WIFUSDT")] == [480, 240]
    assert built.lock.schedule("WIFUSDT")[1].from_ms == 1_736_928_000_000  # 2025-01-15T08:00Z
    assert load(built, interval="1h").of("WIFUSDT").first_row == 0  # 12:30 to 13:00 is no full hour
    minutes = bar_columns(load(built), "WIFUSDT").minutes_to_funding
    assert (minutes[:100].max(), minutes[-1] <= 240) == (480, True)


def test_a_hole_of_weeks_between_two_parts_is_refused_until_it_is_declared(request_for, load):
    request = request_for(symbols=("SOLUSDT",), intervals=("5m",))

    with pytest.raises(DataError, match=r"12948 bars are missing .*--declare-gap SOLUSDT:") as caught:
        import_recipe(request, now_ms=NOW)

    hint = str(caught.value).split("--declare-gap ")[1].removesuffix("REASON")
    declared = dataclasses.replace(request, gaps=(parse_gap(hint + "not collected"),))
    built = build(import_recipe(declared, now_ms=NOW))
    untraded = sum(int((~load(built, split).of("SOLUSDT").traded).sum()) for split in ("train", "holdout", "forward"))
    assert untraded == 12_948


def test_another_venue_wants_its_instruments_named_and_its_range_cut(request_for, real_data):
    request = request_for("binance-um", ("BTCUSDT", "ETHUSDT"), ("1m",))
    filters = real_data / "bybit" / "instruments.toml"

    with pytest.raises(DataError, match="--instruments"):
        import_recipe(request, now_ms=NOW)
    with pytest.raises(DataError, match=r"BTCUSDT kline 1m ends at .*--end 2025-06-24T10:32"):
        import_recipe(dataclasses.replace(request, instruments=filters), now_ms=NOW)
    cut = dataclasses.replace(request, instruments=filters, end_ms=1_750_752_000_000)  # 2025-06-24T08:00Z
    assert build(import_recipe(cut, now_ms=NOW)).lock.splits.forward[1] == 1_750_752_000_000


def test_a_missing_month_and_missing_funding_are_refused(request_for, real_data):
    filters = real_data / "bybit" / "instruments.toml"

    with pytest.raises(DataError, match="44640 bars are missing"):
        import_recipe(request_for("binance-um", ("FILUSDT",), ("1m",), instruments=filters), now_ms=NOW)
    with pytest.raises(DataError, match="DOGEUSDT has no funding-"):
        import_recipe(request_for(symbols=("DOGEUSDT",), intervals=("1m",)), now_ms=NOW)
