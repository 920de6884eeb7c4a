"""backtrader and the engine find the same fills, positions and equity, whatever a strategy does."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.referee import TOLERANCE, worst_difference

CASES = {
    "plain": {"stop": 0.0, "take": 0.0, "funding_minutes": 100_000, "funding_shift": 50_000, "gap_frac": 0.0},
    "funding at the open, every 8 h": {"stop": 0.0, "take": 0.0},
    "funding inside the bar, every 8 h": {"interval": "4h", "funding_shift": 60, "stop": 0.0},
    "funding every 4 h": {"interval": "1h", "funding_minutes": 240},
    "funding every hour, four to a bar": {"interval": "4h", "funding_minutes": 60, "funding_shift": 17},
    "stops and take-profits from the entry bar": {"stop": 0.003, "take": 0.003},
    "opens that jump": {"jump": 0.04, "stop": 0.04, "take": 0.04},
    "one symbol": {"symbols": 1},
    "four symbols, a slice each": {"symbols": 4, "n": 150},
    "four symbols, a panel": {"symbols": 4, "n": 150, "mode": "panel"},
    "a coarse step and tick": {"qty_step": "0.5", "min_order_qty": "1.0", "tick_size": "0.5"},
    "a tick of 0.05": {"tick_size": "0.05", "qty_step": "0.002"},
    "a large minimum": {"min_notional": "300"},
    "orders split, and cut off": {"max_market_qty": "0.02", "n": 80},
    "thin books": {"turnover": 300.0},
    "listed mid-way": {"listed_row": 120},
    "halts": {"gap_frac": 0.4},
    "delisted inside a bar": {
        "delisted_ms": 1_700_006_400_000 + 150 * 900_000 + 60_000,
        "n": 200,
        "stop": 0.0,
        "take": 0.0,
    },
    "delisted between bars": {"delisted_ms": 1_700_006_400_000 + 150 * 900_000, "n": 200, "stop": 0.0, "take": 0.0},
    "listed later than the bars say": {"listed_ms": 1_700_006_400_000 + 50 * 900_000 + 1, "n": 150},
    "margin drained by funding": {
        "max_leverage": 9.0,
        "swing": 0.008,
        "hold": 40,
        "funding_minutes": 60,
        "funding_rate": 0.01,
        "stop": 0.0,
        "take": 0.0,
    },
    "leverage 4": {"max_leverage": 4.0, "swing": 0.03, "stop": 0.0, "take": 0.0},
    "leverage 20, stops": {"max_leverage": 20.0, "swing": 0.01, "stop": 0.05},
}
DECIMALS = ("qty_step", "min_order_qty", "tick_size", "min_notional", "max_market_qty")


def made(pitch, seed: int, **changes: object):
    return pitch.case(seed, **{k: Decimal(v) if k in DECIMALS else v for k, v in changes.items()})


@pytest.mark.parametrize("name", CASES)
def test_they_agree(pitch, name) -> None:
    both = pitch.play(*made(pitch, 5, **CASES[name]))

    assert both.parted is None
    assert worst_difference(both.engine, both.referee) < 1e-2 * TOLERANCE
    assert len(both.engine.fills) > 20


def test_the_cases_hold_what_they_are_named_for(pitch) -> None:
    def of(name: str):
        return pitch.play(*made(pitch, 5, **CASES[name]))

    jumpy = of("opens that jump")
    quick, lever, halts = of("stops and take-profits from the entry bar"), of("leverage 4"), of("halts")
    entries = {(f["row"], f["symbol"]) for f in quick.engine.fills if f["kind"] == 3}
    exits = {(f["row"], f["symbol"]) for f in quick.engine.fills if f["kind"] in {4, 5} and f["phase"] == 1}

    assert len(entries & exits) > 10
    assert quick.kinds()["stop_loss"] > 20
    assert quick.kinds()["take_profit"] > 5
    at_open = jumpy.engine.fills[jumpy.engine.fills["phase"] == 0]["kind"]
    assert min((at_open == 4).sum(), (at_open == 5).sum()) > 3  # jumped by the open
    assert lever.referee.liquidations == len(lever.engine.liquidations) >= 2
    assert "bar not traded" in halts.skips()
    assert "flat until exposure is zero or changes sign" in quick.skips()
    assert "below the venue's minimum" in of("a large minimum").skips()
    assert "beyond the orders one leg may take" in of("orders split, and cut off").skips()
    assert len(of("funding every hour, four to a bar").engine.funding) > 200
    assert of("delisted between bars").kinds()["settlement"] >= 1
    assert of("delisted inside a bar").kinds()["settlement"] >= 1
    assert of("margin drained by funding").referee.liquidations >= 2
    dear = of("thin books").engine.fills
    assert np.isclose(dear["slippage"] / np.abs(dear["qty"]) / dear["reference"], 0.0042, rtol=0.3).any()  # the cap


@pytest.mark.parametrize("seed", [11, 13])
def test_they_agree_on_a_sleeve_that_is_ruined(pitch, seed) -> None:
    market, decisions = made(pitch, seed, max_leverage=50.0, swing=0.05, stop=0.5, take=0.0, wiggle=0.0)

    both = pitch.play(market, decisions)

    assert both.engine.ruined_row is not None
    assert both.parted is None


def test_they_agree_on_a_flip_that_waits_until_the_old_position_is_closed(pitch) -> None:
    rows = [(100.0, 100.0, 100.0, 100.0)] * 8
    market = pitch.market(
        pitch.by_hand("AAAUSDT", rows), contracts=[pitch.contract("AAAUSDT", max_market_qty=Decimal("0.1"))]
    )
    # 50 orders of 0.1 coins are 5 at an open. 0.5 * 1000 / 100 = 5; its fee is 5 * 100 * 0.00055 = 0.275, so that
    # the second decision asks for 999.725 / 100 = 9.997 coins, and closing those takes two opens.

    both = pitch.play(market, pitch.decided(market, [0.5, 0.5, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0]), costs=pitch.free)

    assert "old position not closed yet" in both.skips()
    assert both.parted is None
    assert both.referee.positions[:, 0].round(9).tolist() == [0.0, 5.0, 5.0, 9.997, 9.997, 4.997, 0.0, 0.0]


def test_funding_that_is_paid_brings_the_liquidation_nearer(pitch) -> None:
    rows = [(100.0, 100.0, 100.0, 100.0)] * 3 + [(100.0, 100.0, 68.0, 90.0)]
    free = {"taker_fee": Decimal(0), "risk_tiers": (pitch.tier("1000000", "0.01", "0"),)}
    plain, drained = (
        pitch.market(pitch.by_hand("AAAUSDT", rows, funding={31: rate}), contracts=[pitch.contract("AAAUSDT", **free)])
        for rate in (0.0, 0.2)
    )  # 10 coins at 100, leverage 2: bankrupt at 50; 20 % of funding take 20 a coin of it, bankrupt at 70

    kept, lost = (pitch.play(m, pitch.decided(m, [1.0] * 4), costs=pitch.free) for m in (plain, drained))

    assert kept.parted is None
    assert lost.parted is None
    assert (kept.referee.liquidations, lost.referee.liquidations) == (0, 1)
    assert lost.referee.fills["price"].tolist() == [100.0, 70.0]
    assert lost.referee.equity[-1] == pytest.approx(1000 - 200 - 10 * 30)


def test_shared_margin_agrees_where_nothing_is_liquidated_and_parts_where_something_is(pitch) -> None:
    calm, wild = pitch.case(5), pitch.case(5, max_leverage=9.0, swing=0.05, stop=0.0, take=0.0)
    cross = dataclasses.replace(pitch.dear, margin_mode="cross")

    assert pitch.play(*calm, costs=cross).parted is None
    both = pitch.play(*wild, costs=cross)
    assert len(both.engine.liquidations) > 0
    assert both.parted is not None


def test_no_trade_is_an_agreement_too(pitch) -> None:
    market, decisions = pitch.case(1)

    both = pitch.play(market, dataclasses.replace(decisions, exposure=np.zeros_like(decisions.exposure)))

    assert both.parted is None
    assert len(both.referee.fills) == 0
    assert (both.referee.equity == 1000.0).all()


def test_a_symbol_of_the_market_that_is_not_decided_on_is_left_alone(pitch) -> None:
    market, decisions = pitch.case(3, symbols=1)
    wider, _ = pitch.case(3, symbols=2)
    market = dataclasses.replace(
        market, series=(wider.series[1], *market.series), instruments=(wider.instruments[1], *market.instruments)
    )

    assert pitch.play(market, decisions).parted is None


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10_000),
    drawn=st.fixed_dictionaries(
        {
            "symbols": st.integers(1, 3),
            "mode": st.sampled_from(["each", "panel"]),
            "swing": st.sampled_from([0.002, 0.02, 0.06]),
            "jump": st.sampled_from([0.0, 0.01]),
            "max_leverage": st.sampled_from([0.5, 1.0, 3.0, 12.0]),
            "funding_minutes": st.sampled_from([15, 60, 240, 480]),
            "funding_shift": st.sampled_from([0, 7, 15]),
            "stop": st.sampled_from([0.0, 0.002, 0.05]),
            "take": st.sampled_from([0.0, 0.004, 0.1]),
            "hold": st.sampled_from([1, 6, 30]),
            "turnover": st.sampled_from([100.0, 1e5]),
        }
    ),
)
def test_they_agree_on_any_market(pitch, seed, drawn) -> None:
    assert pitch.play(*pitch.case(seed, n=80, gap_frac=0.1, **drawn)).parted is None
