"""live.orders: names that survive a restart, limits that refuse entries and never exits."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.orders import DAY_MS, OrderName, Proposed, RiskGate
from live.portfolio import Limits
from live.venue.port import ORDER_LINK_ID

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


def test_a_reduction_passes_every_limit_but_a_halt():
    account = gate()
    account.mark(Decimal(1000), 0)
    account.mark(Decimal(850), 1)  # lost 150 > 10 % of 1,000

    assert account.state == "REDUCING"
    assert "only reduces" in account.refuse(order())
    assert account.refuse(order(5000, 9000, reduces=True)) is None
    account.state = "HALTED"
    assert "halted" in account.refuse(order(reduces=True))


def test_a_days_loss_ends_with_the_day_and_a_drawdown_does_not():
    account = gate()
    account.mark(Decimal(1000), 0)

    assert account.mark(Decimal(900), 1) is None  # exactly 10 %: not beyond
    assert "day's loss" in account.mark(Decimal(899), 2)
    assert account.mark(Decimal(899), DAY_MS) == "a new day"
    assert account.state == "ACTIVE"
    assert "drawdown" in account.mark(Decimal(799), DAY_MS + 1)  # 201 > 20 % of the peak of 1,000
    assert account.mark(Decimal(990), 2 * DAY_MS) is None
    assert (account.state, account.latched) == ("REDUCING", True)
