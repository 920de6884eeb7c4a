"""The picture of a journal: positions, entries, stops, open orders, equity, the day, states; and what it forgives."""

from __future__ import annotations

from decimal import Decimal

import pytest

from live.observing.picture import Holding, Picture, cause_of

from .journals import CLOSE, STEP, Draft, a_day, decision, events, execution, intent, opened, state


def picture(*drafts) -> Picture:
    made = Picture()
    made.fold(events(*drafts))
    return made


def test_an_entry_is_held_with_its_stop_until_the_stop_fills():
    held = picture(*a_day()[:6])
    after = picture(*a_day())

    (position,) = held.positions.values()
    assert (position.size, position.entry, position.stop_loss) == (Decimal(25), Decimal("100.05"), Decimal(98))
    assert held.orders == {}
    assert after.positions == {}
    assert after.tallies["fills", "order"] == after.tallies["fills", "stop"] == 1
    assert after.last_fill == "exec-two"


def test_equity_of_the_account_is_its_capital_with_what_the_sleeves_made():
    made = picture(*a_day())

    assert made.account_equity == 10_000 + 4948 - 5000
    assert made.peak == 10_000
    assert made.drawdown_frac == pytest.approx(0.0052)  # 52 of 10,000
    assert made.day_change == -52


def test_the_day_begins_anew_at_midnight():
    midnight = 1_700_006_400_000 + 24 * 3_600_000
    later = Draft("decision", decision(bar=midnight - STEP, equity=5100.0), time_ms=midnight)

    assert picture(("opened", opened()), ("decision", decision()), later).day_change == 0


def test_a_partly_filled_order_stays_open_with_what_is_left():
    made = picture(("opened", opened()), ("intent", intent(), "at-one"), ("execution", execution(qty="10")))

    assert made.orders["at-one"]["qty"] == "15"


@pytest.mark.parametrize("kind", ["rejected", "missed", "done"])
def test_an_order_that_ended_otherwise_is_not_open(kind):
    ended = {"order_link_id": "at-one", "symbol": "BTCUSDT", "by": "venue", "reason": "no"}
    made = picture(("opened", opened()), ("intent", intent(), "at-one"), (kind, ended, "at-one"))

    assert made.orders == {}


def test_latency_runs_from_the_bars_close_to_sending():
    made = picture(("opened", opened()), ("intent", intent(sent_ms=CLOSE + 12), "at-one"))

    assert made.latencies_ms == [12.0]


def test_states_of_symbols_and_the_account_are_kept_apart_and_end():
    one = picture(("state", state("HALTED", "x", symbol="BTCUSDT")), ("state", state("REDUCING", "day's loss")))
    both = picture(("state", state("HALTED", "x", symbol="BTCUSDT")), ("state", state("ACTIVE", "resumed")))

    assert (one.state, one.reason, one.halted) == ("REDUCING", "day's loss", {"BTCUSDT": ("HALTED", "x")})
    assert (both.state, both.reason, both.halted) == ("ACTIVE", "", {})


def test_unknown_outcomes_and_missed_bars_are_counted():
    made = picture(
        ("resent", {"order_link_id": "at-one", "symbol": "BTCUSDT", "sent_ms": 1}),
        ("state", state("HALTED", "nobody can tell what became of order at-one: timeout", symbol="BTCUSDT")),
        ("missed", {"strategy": "one_idea", "first_bar": 1, "last_bar": 2, "reason": "no bars"}),
    )

    assert (made.tallies["unknown", "resent"], made.tallies["unknown", "unsettled"]) == (1, 1)
    assert made.tallies["missed", "bars"] == 1


def test_adding_averages_reducing_keeps_and_a_flip_begins_anew():
    held = Holding()
    held.trade(Decimal(1), Decimal(100))
    held.trade(Decimal(3), Decimal(104))
    assert held.entry == 103  # (100 + 3 x 104) / 4
    held.trade(Decimal(-2), Decimal(90))
    assert held.entry == 103
    held.trade(Decimal(-3), Decimal(95))
    assert (held.size, held.entry) == (-1, 95)


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (execution(), "order"),
        (execution(create_type="CreateByStopLoss"), "stop"),
        (execution(create_type="CreateByTakeProfit"), "take-profit"),
        (execution(create_type="CreateByLiq", exec_type="BustTrade"), "liquidation"),
        (execution(exec_type="AdlTrade", create_type="CreateByAdl_PassThrough"), "adl"),
        (execution(exec_type="Settle", create_type="CreateBySettle"), "settlement"),
        (execution(order_link_id="ak-1"), "kill"),
    ],
)
def test_each_execution_has_a_cause(body, cause):
    assert cause_of(body) == cause
