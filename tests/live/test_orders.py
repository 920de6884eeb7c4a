"""live.orders: names that survive a restart, limits that refuse entries and never exits."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.orders import DAY_MS, OrderName, Proposed, RiskGate
from live.portfolio import Limits
from live.ports.venue import ORDER_LINK_ID

LIMITS = Limits(
    max_gross_leverage=1.5,
    max_order_notional=Decimal(800),
    orders_per_minute=2,
    max_daily_loss_frac=0.1,
    max_drawdown_frac=0.2,
)


def name(**changes):
    facts = {"account": "paper", "strategy": "one_idea", "symbol": "BTCUSDT", "bar": 900_000, "leg": "enter"}
    return OrderName(**{**facts, **changes})


def order(notional=500, gross_after=500, *, reduces=False, time_ms=0):
    return Proposed(notional=Decimal(notional), gross_after=Decimal(gross_after), reduces=reduces, time_ms=time_ms)


def gate():
    return RiskGate(limits=LIMITS, capital=Decimal(1000))


@settings(derandomize=True, max_examples=60)
@given(
    account=st.from_regex(r"[a-z][a-z0-9-]{0,23}", fullmatch=True),
    strategy=st.from_regex(r"[a-z][a-z0-9_]{2,39}", fullmatch=True),
    bar=st.integers(0, 2**45),
    attempt=st.integers(0, 99),
)
def test_every_link_id_is_one_the_venue_accepts(account, strategy, bar, attempt):
    link = name(account=account, strategy=strategy, bar=bar, attempt=attempt).order_link_id

    assert ORDER_LINK_ID.match(link)
    assert link == name(account=account, strategy=strategy, bar=bar, attempt=attempt).order_link_id


def test_any_other_fact_gives_another_link_id():
    others = [
        {"account": "b"},
        {"strategy": "two"},
        {"symbol": "ETHUSDT"},
        {"bar": 1},
        {"leg": "close"},
        {"part": 1},
        {"attempt": 1},
    ]

    assert len({name(**other).order_link_id for other in [{}, *others]}) == 8


@pytest.mark.parametrize(
    ("proposed", "says"),
    [
        (order(801, 801), "max_order_notional"),
        (order(500, 1501), "max_gross_leverage"),
    ],
)
def test_an_entry_beyond_a_limit_is_refused_and_at_the_limit_it_passes(proposed, says):
    assert says in gate().refuse(proposed)
    assert gate().refuse(order(800, 1500)) is None


def test_the_third_entry_in_a_minute_is_refused_and_a_minute_later_it_passes():
    account = gate()

    account.note_sent(0)
    account.note_sent(1)

    assert "orders_per_minute" in account.refuse(order(time_ms=59_999))
    assert account.refuse(order(time_ms=60_000)) is None  # the one at 0 has left the window (0, 60,000]


def test_an_order_that_waited_for_another_counts_from_its_answer():
    account = gate()
    account.note_sent(0)
    account.note_sent(0)

    account.note_answered(0, 7_000)  # of the two one went out seconds after it was written down
    account.note_answered(3, 9_000)  # never counted

    assert account.refuse(order(time_ms=60_000)) is None
    account.note_sent(60_000)
    assert "orders_per_minute" in account.refuse(order(time_ms=66_999))
    assert account.refuse(order(time_ms=67_000)) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sleeve_after": Decimal(501), "sleeve_most": Decimal(500)}, "its tier allows 500.00 USDT"),
        ({"moved": Decimal("0.051")}, "max_price_deviation_frac"),
        ({"age_ms": 60_001}, "stale_data_s"),
    ],
)
def test_an_entry_beyond_its_tier_its_price_or_its_time_is_refused_and_an_exit_is_not(changes, says):
    assert says in gate().refuse(dataclasses.replace(order(), **changes))
    assert gate().refuse(dataclasses.replace(order(reduces=True), **changes)) is None
    at_the_limit = {"sleeve_after": Decimal(500), "sleeve_most": Decimal(500), "moved": Decimal("0.05")}
    assert gate().refuse(dataclasses.replace(order(), **at_the_limit, age_ms=60_000)) is None


def test_a_reduction_passes_every_limit_but_a_halt():
    account = gate()
    account.mark(1000.0, 0)
    account.mark(850.0, 1)  # lost 150 > 10 % of 1,000

    assert account.state == "REDUCING"
    assert "only reduces" in account.refuse(order())
    assert account.refuse(order(5000, 9000, reduces=True)) is None
    account.told("HALTED", "a human said so", flattens=False)
    assert "halted" in account.refuse(order(reduces=True))


def test_a_days_loss_ends_with_the_day_and_a_drawdown_does_not():
    account = gate()
    account.mark(1000.0, 0)

    account.mark(900.0, 1)
    assert account.state == "ACTIVE"  # exactly 10 %: not beyond
    account.mark(899.0, 2)
    assert (account.state, account.cause) == ("REDUCING", "day")
    account.mark(899.0, DAY_MS)
    assert (account.state, account.reason) == ("ACTIVE", "a new day")
    account.mark(799.0, DAY_MS + 1)  # 201 > 20 % of the peak of 1,000
    account.mark(990.0, 2 * DAY_MS)
    assert (account.state, account.cause, account.flattens) == ("REDUCING", "drawdown", True)


def test_a_halt_is_never_loosened_by_a_limit_and_a_human_begins_a_new_peak():
    account = gate()
    account.mark(1000.0, 0)
    account.told("HALTED", "a human said so", flattens=False)

    account.mark(10.0, 1)
    assert account.state == "HALTED"
    account.told("ACTIVE", "a human resumed", flattens=False)
    account.mark(10.0, 2)
    assert account.state == "ACTIVE"  # 10 is the new peak, not 99 % below the old one


def test_a_gate_carried_by_a_journal_is_the_same_gate():
    account, other = gate(), gate()
    account.mark(1000.0, 0)
    account.mark(700.0, 1)
    account.note_sent(5)

    other.take(json.loads(json.dumps(account.to_json())))

    assert other == account
