"""What may not reach a backtest, where it is stopped, and what the refusal says."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from autarch.errors import AutarchError, ConfigError, DataError, StrategyError
from autarch.market.build import RawSeries, Recipe, build, write_blobs
from autarch.market.load import load_market
from autarch.market.lock_check import check_instrument
from autarch.market.lock_types import Sourced, Splits, Stamp, Tiers
from autarch.market.stores import Stores
from autarch.market.synth_dataset import SYMBOLS, _instrument

QUARTER = 900_000
HOURS_8 = 28_800_000
START = 1_704_067_200_000
SPLITS = Splits(
    train=(START, START + 96 * QUARTER),
    holdout=(START + 96 * QUARTER, START + 97 * QUARTER),
    forward=(START + 97 * QUARTER, START + 98 * QUARTER),
)


def instrument():
    return _instrument(next(spec for spec in SYMBOLS if spec.symbol == "BTCUSDT"))


@pytest.fixture
def contract():
    return instrument()


def klines(n: int = 98, start: int = START) -> dict[str, np.ndarray]:
    close = np.full(n, 100.0)
    ts = start + QUARTER * np.arange(n, dtype=np.int64)
    return {"ts": ts, "open": close, "high": close + 1, "low": close - 1, "close": close.copy(), "volume": close}


def settlements() -> dict[str, np.ndarray]:
    ts = START + HOURS_8 * np.arange(4, dtype=np.int64)
    return {"ts": ts, "rate": np.full(4, 1e-4)}


@pytest.fixture
def stored(tmp_path):
    """Store BTCUSDT as given, whatever it holds, under digests that are right; a day is train, a bar each the rest."""

    def store(kline=None, funding=None, mark=None):
        tables = [("kline", "15m", kline or klines()), ("funding", None, funding or settlements())]
        tables += [] if mark is None else [("mark", "15m", mark)]
        raws = [
            RawSeries(venue="bybit", symbol="BTCUSDT", kind=kind, interval=interval, table=table)
            for kind, interval, table in tables
        ]
        built = build(
            Recipe(name="tiny", origin="by hand", raws=tuple(raws), splits=SPLITS, instruments=(instrument(),))
        )
        write_blobs(built, Stores.under(tmp_path))
        return lambda **asked: load_market(
            built.lock,
            stores=Stores.under(tmp_path),
            **{"split": "train", "symbols": ("BTCUSDT",), "interval": "15m", **asked},
        )

    return store


# Contracts


def tiers(*rows: tuple[str, str, str, str]) -> Tiers:
    return Tiers(source="assumed", tiers=tuple(tuple(Decimal(value) for value in row) for row in rows))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "risk_tiers is empty"),
        ([("1000", "0.01", "0.02", "5")], "lowest tier deducts 5; expected 0"),
        ([("0", "0.01", "0.02", "0")], "positive notional"),
        ([("1000", "0.02", "0.02", "0")], "maintenance < initial"),
        ([("2000", "0.01", "0.02", "0"), ("1000", "0.02", "0.04", "20")], "must increase"),
        ([("1000", "0.02", "0.04", "0"), ("2000", "0.01", "0.04", "10")], "must increase"),
        # 1,000 x (2 % - 1 %) = 10 keeps the maintenance of 1,000 at 10; 0 would double it there, 20 would forgive it
        ([("1000", "0.01", "0.02", "0"), ("2000", "0.02", "0.04", "0")], "maintenance jumps at 1000.*= 10$"),
        ([("1000", "0.01", "0.02", "0"), ("2000", "0.02", "0.04", "20")], "maintenance jumps at 1000.*= 10$"),
    ],
)
def test_risk_tiers_that_do_not_increase_or_do_not_join_are_refused(contract, rows, says):
    with pytest.raises(DataError, match=f"BTCUSDT.*{says}"):
        check_instrument(msgspec.structs.replace(contract, risk_tiers=tiers(*rows)))


def test_a_deduction_may_be_rounded_as_venues_do(contract):
    # 200,000 x (0.0133333 - 0.00666667) = 1,333.326: published as 1,333.33
    rounded = tiers(("200000", "0.00666667", "0.0133333", "0"), ("800000", "0.0133333", "0.0266667", "1333.33"))

    assert check_instrument(msgspec.structs.replace(contract, risk_tiers=rounded)) is None


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("min_order_qty", "0.0005", "min_order_qty 0.0005 is not one or more whole steps"),
        ("min_order_qty", "0.0015", "min_order_qty 0.0015 is not one or more whole steps"),
        ("max_market_qty", "0.0009", "max_market_qty 0.0009 is not one or more whole steps"),
        ("qty_step", "0", "qty_step is 0"),
        ("tick_size", "-0.1", "tick_size is -0.1"),
        ("taker_fee", "0.055", "taker_fee is 0.055; expected a fraction"),
    ],
)
def test_sizes_below_one_step_and_impossible_amounts_are_refused(contract, name, value, says):
    whole = msgspec.structs.replace(contract, qty_step=Sourced(value=Decimal("0.001"), source="assumed"))
    bad = msgspec.structs.replace(whole, **{name: Sourced(value=Decimal(value), source="assumed")})

    with pytest.raises(DataError, match=f"BTCUSDT: {says}"):
        check_instrument(bad)


def test_a_delisting_that_is_not_after_the_listing_is_refused(contract):
    stamp = Stamp(value=START, source="exchange")

    with pytest.raises(DataError, match="BTCUSDT: it is delisted"):
        check_instrument(msgspec.structs.replace(contract, listed_ms=stamp, delisted_ms=stamp))


# Bars


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("close", np.nan, "close is NaN"),
        ("open", np.inf, "open is NaN or infinite"),
        ("low", -1.0, "low is not above zero"),
        ("low", 0.0, "low is not above zero"),
        ("low", 102.0, "high is below low"),
        ("close", 105.0, "outside low to high"),
        ("volume", -1.0, "volume is negative"),
        ("ts", START + 6 * QUARTER, "a duplicate"),
        ("ts", START + 5 * QUARTER + 1, "off the interval grid"),
    ],
)
def test_a_row_that_no_venue_wrote_is_refused_under_a_right_digest_too(stored, column, value, says):
    table = klines()
    table[column] = table[column].copy()
    table[column][5] = value

    with pytest.raises(DataError, match=rf"tiny BTCUSDT kline 15m train row [56], ts \d+.*{says}"):
        stored(table)()


def test_a_mark_below_zero_and_a_rate_in_percent_are_refused_by_row(stored):
    mark = {name: column.copy() for name, column in klines().items() if name != "volume"}
    mark["low"][3] = -5.0
    rates = settlements() | {"rate": np.array([1e-4, 1.5, 1e-4, 1e-4])}

    with pytest.raises(DataError, match=r"BTCUSDT mark 15m train row 3.*low is not above zero"):
        stored(mark=mark)()
    with pytest.raises(DataError, match=r"BTCUSDT funding train row 1.*in percent"):
        stored(funding=rates)()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"symbols": ("DOGEUSDT",)}, "no symbol DOGEUSDT; it has BTCUSDT"),
        ({"interval": "5m"}, "none of which divides 5 minutes"),
        ({"interval": "7m"}, "'7m' is not one of 1m"),
        ({"split": "test"}, "'test' is not one of train"),
        ({"split": "holdout", "interval": "1h"}, "shorter than one 1h bar"),
    ],
)
def test_what_the_data_set_does_not_have_is_named(stored, asked, says):
    with pytest.raises(DataError, match=says):
        stored()(**asked)


def test_a_split_in_which_a_symbol_has_no_bar_is_named(stored):
    later = klines(2, START + 96 * QUARTER)

    with pytest.raises(DataError, match="BTCUSDT has no bars in train of tiny"):
        stored(later)()


def test_a_perpetual_without_funding_is_no_data_set(stored):
    with pytest.raises(DataError, match=r"BTCUSDT.*funding"):
        stored(funding={"ts": np.zeros(0, dtype=np.int64), "rate": np.zeros(0)})


def test_a_split_of_one_bar_is_played_and_trades_nothing(stored, desk):
    market = stored()(split="forward")

    result = desk.backtest(market, desk.decisions(market, [1.0]))

    assert (market.n_bars, result.equity.tolist(), result.fills.size) == (1, [1000.0], 0)


def test_values_that_nobody_measured_are_known_by_name_to_whoever_reports(stored, contract):
    told = contract.value().assumed

    assert stored()().instruments[0].assumed == told
    assert {"risk_tiers", "taker_fee", "tick_size"} <= set(told)


# The engine, given what no loader let through


def test_a_market_without_bars_is_refused(desk):
    one = desk.market(desk.series([(100, 100, 100, 100)]))
    columns = ("open", "high", "low", "close", "volume", "turnover", "traded")
    empty = dataclasses.replace(one.series[0], **{name: getattr(one.series[0], name)[:0] for name in columns})
    market = dataclasses.replace(one, ts=one.ts[:0], series=(empty,))

    with pytest.raises(DataError, match="has no bars"):
        desk.backtest(market, desk.decisions(market, []))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close", np.nan),
        ("open", -1.0),
        ("low", 0.0),
        ("high", np.inf),
        ("high", 99.0),
        ("low", 101.0),
        ("turnover", np.nan),
        ("turnover", -1.0),
    ],
)
def test_a_bar_that_cannot_be_is_refused_by_row_before_money_is_reckoned(desk, column, value):
    good = desk.series([(100.0, 100.0, 100.0, 100.0)] * 4)
    wrong = getattr(good, column).copy()
    wrong[2] = value
    market = desk.market(dataclasses.replace(good, **{column: wrong}))

    with pytest.raises(DataError, match=rf"AAAUSDT row 2: .*{column} {value}.*autarch data verify"):
        desk.backtest(market, desk.decisions(market, [1.0] * 4))


def test_a_mark_or_a_rate_that_is_no_number_is_refused(desk):
    rows = [(100.0, 100.0, 100.0, 100.0)] * 3
    cases = [({"mark": {0: np.nan}}, "mark price 0 is nan"), ({"mark": {0: 0.0}}, "mark price 0 is 0.0")]
    cases += [({"funding": {0: 0.0, QUARTER: np.nan}}, "funding rate 1 is nan")]

    for series, says in cases:
        with pytest.raises(DataError, match=f"AAAUSDT: {says}"):
            desk.play(rows, [1.0] * 3, **series)


def test_risk_tiers_out_of_order_are_refused_and_not_sorted(desk):
    wrong = desk.instrument(risk_tiers=(desk.tier("1000", "0.02", "0"), desk.tier("500", "0.01", "0")))

    with pytest.raises(ConfigError, match="AAAUSDT: risk tiers must ascend; the tier up to 500"):
        desk.play([(100.0, 100.0, 100.0, 100.0)] * 2, [1.0] * 2, contract=wrong)


def test_each_kind_of_refusal_has_its_exit_code():
    assert [kind.exit_code for kind in (ConfigError, StrategyError, DataError)] == [2, 1, 3]
    assert AutarchError.exit_code == 2


TEN_MILLION = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
from conftest import Desk, series
import numpy as np, dataclasses

def played(n):
    desk = Desk()
    close = 100.0 + np.round(np.sin(np.arange(n) / 40.0), 1)
    one = desk.market(desk.series([(100.0, 100.0, 100.0, 100.0)]))
    columns = {"open": close, "high": close, "low": close, "close": close, "volume": close, "turnover": close * 1e4,
               "traded": np.ones(n, dtype=np.bool_)}
    market = dataclasses.replace(one, ts=desk.start_ms + 900_000 * np.arange(n, dtype=np.int64),
                                 series=(dataclasses.replace(one.series[0], **columns),))
    exposure = 0.02 * (np.arange(n) // 480 % 2)
    wanted = desk.decisions(market, exposure)
    began = time.process_time()
    result = desk.backtest(market, wanted, costs=desk.rough)
    return (time.process_time() - began) / n, result.fills.size

played(1_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small, _ = played(1_000_000)
large, fills = played(10_000_000)
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 10_000_000
print(large / small, grown, fills)
"""


@pytest.mark.slow
def test_ten_million_bars_take_memory_and_time_in_proportion(root):
    done = subprocess.run(
        [sys.executable, "-c", TEN_MILLION, str(root / "tests" / "engine")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    slower, bytes_a_bar, fills = map(float, done.stdout.split())

    # a decision every 480 bars, each one fill: 10,000,000 / 480 = 20,833.3, the first of them after bar 480
    assert fills == 20_833
    assert slower < 3.0
    assert bytes_a_bar < 200.0
