"""Many parameter sets in one child: the bytes each would give alone, failures apart, no later bar held."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks, frames_of
from autarch.evaluation.sets import _apart, decide_sets, plan_of
from autarch.sandbox import WorkerLimits

TREND = """\
fast = talib.EMA(bars.close, timeperiod=p.fast)
exposure = np.where(bars.close > fast, 1.0, -0.5)
"""
MIXED = f"""{TREND}
if p.fast == 20:
    return Targets(exposure=exposure)
if p.fast == 30:
    return Targets(exposure=exposure, stop_loss=0.02)
return Targets(exposure=exposure, stop_loss=np.full(len(bars), 0.03), take_profit=0.1)"""
NAMES = ("exposure", "stop_loss", "take_profit", "counts")
SETS = [{"fast": fast} for fast in (20, 30, 40, 20)]
LATER_SEEN = """\
seen = held.setdefault('last', bars.close[-1])
held['last'] = max(seen, bars.close[-1])
return Targets(exposure=np.full(len(bars), 1.0 if seen > bars.close[-1] else 0.0))"""


def decided(worker, source, market, sets) -> list[Decisions | StrategyError]:
    return decide_sets(worker, source, plan_of(frames_of(source.manifest, market)), sets)


def same(one: Decisions, other: Decisions) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in NAMES)


@pytest.mark.parametrize("late", [None, {"ETHUSDT": 400}])
def test_each_set_is_given_the_bytes_it_would_have_alone(worker, market_of, source_of, late) -> None:
    market, source = market_of(n_bars=1300, first_rows=late), source_of(MIXED)

    together = decided(worker, source, market, SETS)

    assert all(
        same(one, decide_blocks(worker, source, market, params=params))
        for one, params in zip(together, SETS, strict=True)
    )
    assert np.isnan(together[0].stop_loss).all()
    assert set(np.unique(together[1].stop_loss[together[1].counts])) == {0.02}
    assert together[2].digest() != together[3].digest()


def test_a_panel_answers_many_sets_too(worker, market_of, source_of) -> None:
    body = "r = ops.rank(bars.close)\nreturn Targets(exposure=np.nan_to_num(r - 0.5) * p.fast / 100.0)"
    source = source_of(body, symbols=("SOLUSDT", "BTCUSDT", "ETHUSDT"), mode="panel")
    market = market_of(n_bars=1000)

    together = decided(worker, source, market, SETS)

    alone = [decide_blocks(worker, source, market, params=params) for params in SETS]
    assert all(same(one, other) for one, other in zip(together, alone, strict=True))
    assert together[0].exposure.any()


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("assert p.fast != 30, 'no'", "AssertionError: no"),
        ("exposure = exposure * 9", "max_leverage"),
        ("exposure = exposure[1:]", "shape"),
    ],
)
def test_a_set_that_fails_on_a_later_block_fails_alone(worker, market_of, source_of, fault, text) -> None:
    market = market_of(n_bars=1300)
    cheap = market.of("BTCUSDT").close[920 - 60]  # the first close of the second block's window
    body = f"{TREND}\nif p.fast == 30 and bars.close[0] == {cheap!r}:\n    {fault}\nreturn Targets(exposure=exposure)"
    source = source_of(body, symbols=("BTCUSDT",))

    together = decided(worker, source, market, SETS)

    assert isinstance(together[1], StrategyError)
    assert text in str(together[1])
    honest = source_of(f"{TREND}\nreturn Targets(exposure=exposure)", symbols=("BTCUSDT",))
    for index in (0, 2, 3):
        assert same(together[index], decide_blocks(worker, honest, market, params=SETS[index]))


@pytest.mark.parametrize("fault", ["np.lib._npyio_impl.os._exit(3)", "np.lib._npyio_impl.os.abort()"])
def test_a_set_that_ends_the_process_takes_no_other_with_it(worker, market_of, source_of, fault) -> None:
    source = source_of(f"{TREND}\nif p.fast == 30:\n    {fault}\nreturn Targets(exposure=exposure)")
    market = market_of(n_bars=1300)

    together = decided(worker, source, market, SETS)

    assert isinstance(together[1], StrategyError)
    assert [isinstance(one, Decisions) for one in together] == [True, False, True, True]
    assert same(together[0], together[3])


def test_a_set_that_never_answers_is_found_by_the_limit_of_one_call(worker, market_of, source_of) -> None:
    source = source_of(f"{TREND}\nwhile p.fast == 30:\n    pass\nreturn Targets(exposure=exposure)")
    limits, worker.limits = worker.limits, WorkerLimits(request_seconds=1.0)

    try:
        together = decided(worker, source, market_of(n_bars=1000), SETS)
    finally:
        worker.limits = limits

    assert "took longer than 1 s" in str(together[1])
    assert [isinstance(one, Decisions) for one in together] == [True, False, True, True]


def test_sets_that_are_too_much_for_one_child_are_parted(worker, market_of, source_of) -> None:
    busy = "x = np.arange(40_000.0)\nfor _ in range(4_000):\n    x = np.sqrt(x)\n"  # some tenths of a second
    source = source_of(busy + TREND + "return Targets(exposure=exposure)", symbols=("BTCUSDT",))
    limits, worker.limits = worker.limits, WorkerLimits(cpu_seconds=1)

    try:
        together = decided(worker, source, market_of(n_bars=800), [{"fast": fast} for fast in range(20, 28)])
    finally:
        worker.limits = limits

    assert all(isinstance(one, Decisions) for one in together)


def test_no_set_is_asked_about_a_bar_after_another_has_seen_a_later_one(worker, market_of, source_of) -> None:
    market = market_of(n_bars=1900)
    rising = replace(market.of("BTCUSDT"), close=np.linspace(100.0, 200.0, 1900))
    rising_market = replace(market, series=(rising, *market.series[1:]))
    source = source_of(LATER_SEEN, symbols=("BTCUSDT",))
    source = replace(source, code=source.code.replace(b"def decide(bars, p):", b"held = {}\n\n\ndef decide(bars, p):"))

    together = decided(worker, source, rising_market, SETS)

    assert all(not one.exposure.any() for one in together)


def test_a_strategy_that_does_not_load_fails_every_set_and_a_misfit_only_itself(worker, market_of, source_of) -> None:
    source, market = source_of(TREND + "return Targets(exposure=exposure)"), market_of(n_bars=700)
    broken = replace(source, code=b"assert 0, 'at import'")

    assert all("at import" in str(one) for one in decided(worker, broken, market, SETS))
    mixed = decided(worker, source, market, [{"fast": 20}, {"fast": 2.5}, {"slow": 1}])

    assert isinstance(mixed[0], Decisions)
    assert "fast is int" in str(mixed[1])
    assert "no parameter 'slow'" in str(mixed[2])


def test_when_every_set_fails_each_has_its_own_reason(worker, market_of, source_of) -> None:
    source = source_of("assert p.fast < 0, f'{p.fast}'")

    found = decided(worker, source, market_of(n_bars=700), SETS)

    assert [str(one).rsplit(" ", 1)[-1] for one in found] == ["20", "30", "40", "20"]


def test_a_column_that_the_code_does_not_spell_is_refused_in_words(worker, market_of, source_of) -> None:
    source = source_of("names = ('clo' 'se',)\nreturn Targets(exposure=getattr(bars, names[0]) / 1000.0)")
    source = replace(
        source,
        code=source.code.replace(
            b"def decide", b"getattr = np.lib._npyio_impl.os.sys.modules['bu' 'iltins'].getattr\n\n\ndef decide"
        ),
    )

    (found,) = decided(worker, source, market_of(n_bars=700), [{}])

    assert "column close was not sent" in str(found)


REMEMBERED = """\
upper, middle, lower = talib.BBANDS(bars.close, timeperiod=20, nbdevup=p.width)
middle[:] = np.where(bars.close > upper, -1.0, np.where(bars.close < lower, 1.0, 0.0))
smooth = talib.EMA(bars.close, p.fast)
smooth *= 1.0001
z = ops.zscore(bars.close, p.fast)
return Targets(exposure=0.5 * middle + 0.5 * np.sign(bars.close - smooth) * (np.abs(np.nan_to_num(z)) > 0.3))"""


def test_what_is_computed_once_for_many_sets_is_what_each_would_compute(worker, market_of, source_of) -> None:
    source = source_of(REMEMBERED, params="fast = 20\nwidth = 2.0\n")
    sets = [{"fast": fast, "width": width} for fast in (20, 30) for width in (1.0, 2.0)]
    market = market_of(n_bars=1000)

    together = decided(worker, source, market, [*sets, *sets])

    alone = [decide_blocks(worker, source, market, params=params) for params in sets]
    assert all(same(one, other) for one, other in zip(together, [*alone, *alone], strict=True))
    assert len({one.digest() for one in together}) == 4


@dataclass
class Ended:
    """What is known of a child that has ended."""

    is_spent: bool
    awaited: tuple[int, ...] = ()


def test_sets_that_were_too_much_for_one_child_are_halved_until_each_is_alone() -> None:
    assert _apart([3, 5, 7, 9, 11], Ended(is_spent=True)) == [[7, 9, 11], [3, 5]]
    assert _apart([3, 5], Ended(is_spent=True)) == [[5], [3]]


def test_sets_whose_answers_were_awaited_are_asked_alone_and_the_others_together() -> None:
    assert _apart([3, 5, 7, 9], Ended(is_spent=False, awaited=(5, 9))) == [[5], [9], [3, 7]]
    assert _apart([3, 5], Ended(is_spent=False, awaited=(3, 5))) == [[3], [5]]
