from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import talib

from autarch.manifest import INTERVAL_MS
from autarch.strategy import Bars, Params, Targets
from autarch.strategy.contract import CALENDAR, COLUMNS
from autarch.strategy.resample import interval_ms_of

QUARTER = 900_000


def columns(n, *, symbols=None, seed=1):
    shape = (n,) if symbols is None else (n, symbols)
    rng = np.random.default_rng(seed)
    made = {name: rng.normal(100, 1, shape) for name in COLUMNS}
    made["high"] = np.maximum(made["open"], made["close"]) + 1
    made["low"] = np.minimum(made["open"], made["close"]) - 1
    return {**made, "hour": np.arange(n) // 4 % 24.0, "weekday": np.zeros(n)}


def bars_of(n, *, symbols=None, first_bar=0, interval_ms=QUARTER):
    return Bars.build(columns(n, symbols=symbols), first_bar=first_bar, interval_ms=interval_ms)


def test_bars_are_read_only_copies_that_own_their_memory():
    given = columns(5)
    bars = Bars.build(given, first_bar=0, interval_ms=QUARTER)
    given["close"][:] = 0

    for name in (*COLUMNS, *CALENDAR):
        column = getattr(bars, name)
        assert column.dtype == np.float64
        assert column.base is None
        assert not column.flags.writeable
    assert bars.close.min() > 0
    assert len(bars) == 5
    with pytest.raises(FrozenInstanceError):
        bars.close = given["close"]


def test_a_panel_has_a_column_for_each_symbol_and_one_calendar():
    bars = bars_of(7, symbols=3)

    assert bars.close.shape == (7, 3)
    assert bars.minutes_to_funding.shape == (7, 3)
    assert bars.hour.shape == (7,)
    assert len(bars) == 7


def test_no_attribute_of_bars_tells_two_dates_apart():
    monday, years_later = 1_000_000, 1_000_000 + 96 * 7 * 200
    early, late = (bars_of(9, first_bar=first) for first in (monday, years_later))

    def state(bars):
        return {name: getattr(bars, name) for name in Bars.__slots__}

    for name, value in state(early).items():
        assert np.array_equal(value, state(late)[name]) if isinstance(value, np.ndarray) else value == state(late)[name]


def test_context_is_a_read_only_mapping_of_bars():
    other = bars_of(4)
    bars = Bars.build(columns(4), first_bar=0, interval_ms=QUARTER, context={"ETHUSDT": other})

    assert bars.context["ETHUSDT"] is other
    with pytest.raises(TypeError):
        bars.context["SOLUSDT"] = other
    assert dict(bars_of(4).context) == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("funding"),
        lambda c: c.update(ts=np.arange(5)),
        lambda c: c.update(close=np.zeros(4)),
        lambda c: c.update(hour=np.zeros((5, 1))),
    ],
)
def test_columns_that_are_missing_unknown_or_misshapen_are_the_callers_bug(change):
    given = columns(5)
    change(given)

    with pytest.raises(ValueError, match=r"column"):
        Bars.build(given, first_bar=0, interval_ms=QUARTER)


def test_a_bar_that_does_not_divide_the_day_is_refused():
    with pytest.raises(ValueError, match="divisor of a day"):
        bars_of(5, interval_ms=7 * 60_000)


# resample: 15m bars, first_bar 3 means 00:45, so the first whole hour starts at row 1


def test_resample_folds_whole_buckets_aligned_to_the_epoch_and_drops_the_parts():
    bars = bars_of(10, first_bar=3)  # 00:45 .. 03:00; whole hours: rows 1-4 and 5-8
    hours = bars.resample("1h")

    assert len(hours) == 2
    assert hours.open.tolist() == [bars.open[1], bars.open[5]]
    assert hours.high.tolist() == [bars.high[1:5].max(), bars.high[5:9].max()]
    assert hours.low.tolist() == [bars.low[1:5].min(), bars.low[5:9].min()]
    assert hours.close.tolist() == [bars.close[4], bars.close[8]]
    assert hours.volume.tolist() == pytest.approx([bars.volume[1:5].sum(), bars.volume[5:9].sum()])
    assert hours.turnover.tolist() == pytest.approx([bars.turnover[1:5].sum(), bars.turnover[5:9].sum()])
    for name in ("funding", "minutes_to_funding", "hour", "weekday"):
        assert getattr(hours, name).tolist() == [getattr(bars, name)[4], getattr(bars, name)[8]]
    assert not hours.close.flags.writeable


def test_spread_shows_a_higher_bar_from_the_base_bar_that_completes_it_on():
    hours = bars_of(10, first_bar=3).resample("1h")

    shown = hours.spread(np.array([1.0, 2.0]))

    # rows 0-3: nothing complete; row 4 completes the first hour; row 8 the second
    assert np.isnan(shown[:4]).all()
    assert shown[4:].tolist() == [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]


def test_spread_takes_flags_and_panels_and_refuses_another_length():
    hours = bars_of(10, first_bar=3, symbols=2).resample("1h")

    assert hours.close.shape == (2, 2)
    assert hours.spread(hours.close)[4].tolist() == hours.close[0].tolist()
    assert hours.spread(np.array([False, True]))[8] == 1.0
    with pytest.raises(ValueError, match="one value for each of 2 bars"):
        hours.spread(np.zeros(3))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_window_without_a_whole_bucket_gives_none_and_spreads_nan(n):
    hours = bars_of(n, first_bar=1).resample("1h")

    assert len(hours) == 0
    assert hours.close.shape == (0,)
    assert np.isnan(hours.spread(hours.close)).all()
    assert hours.spread(hours.close).shape == (n,)


@pytest.mark.parametrize("first_bar", [0, 3, 16, 95, 1_000_003])
@pytest.mark.parametrize("interval", ["15m", "30m", "4h", "1d"])
def test_truncating_the_future_changes_no_byte_of_what_was_spread(first_bar, interval):
    whole = columns(400)
    bars = Bars.build(whole, first_bar=first_bar, interval_ms=QUARTER)
    full = bars.resample(interval)

    for n in (1, 96, 97, 250, 399):
        part = Bars.build({k: v[:n] for k, v in whole.items()}, first_bar=first_bar, interval_ms=QUARTER)
        short = part.resample(interval)
        for name in ("open", "high", "low", "close", "volume", "turnover"):
            past = full.spread(getattr(full, name))[:n]
            assert short.spread(getattr(short, name)).tobytes() == past.tobytes()


@pytest.mark.parametrize("interval", ["10m", "5h", "2d", "1w", "4H", "", "0m", "15", "99999h"])
def test_an_interval_that_is_no_multiple_within_a_day_is_refused_with_what_is_expected(interval):
    with pytest.raises(ValueError, match=r"interval|expected a multiple"):
        bars_of(10).resample(interval)


def test_interval_names_mean_what_the_manifest_means():
    assert {name: interval_ms_of(name) for name in INTERVAL_MS} == INTERVAL_MS


def test_indicators_take_the_read_only_columns():
    bars = bars_of(30)

    assert np.isfinite(talib.EMA(bars.close, 5)[4:]).all()
    assert np.isfinite(talib.ATR(bars.high, bars.low, bars.close, 5)[5:]).all()


def test_params_are_read_by_attribute_and_an_unknown_one_lists_those_there_are():
    p = Params({"fast": 20, "ratio": 0.5, "on": True})

    assert (p.fast, p.ratio, p.on) == (20, 0.5, True)
    with pytest.raises(AttributeError, match=r"no parameter 'slow'.*fast, ratio, on"):
        p.slow  # noqa: B018  reading is the point
    with pytest.raises(AttributeError, match="none"):
        Params({}).fast  # noqa: B018  likewise


def test_params_cannot_be_changed_and_keep_no_hold_on_the_map_given():
    values = {"fast": 20}
    p = Params(values)
    values["fast"] = 3

    assert p.fast == 20
    with pytest.raises(AttributeError, match="read-only"):
        p.fast = 3
    with pytest.raises(AttributeError, match="read-only"):
        del p.fast


def test_params_do_not_answer_for_pythons_own_protocols():
    with pytest.raises(AttributeError):
        Params({"fast": 1}).__array__  # noqa: B018  reading is the point


def test_targets_hold_what_they_are_given_and_cannot_be_changed():
    targets = Targets([0.0], 0.1)

    assert (targets.exposure, targets.stop_loss, targets.take_profit) == ([0.0], 0.1, None)
    with pytest.raises(FrozenInstanceError):
        targets.exposure = [1.0]
