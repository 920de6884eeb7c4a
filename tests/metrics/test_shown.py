"""How metrics are written for eyes."""

from __future__ import annotations

import pytest

from autarch.metrics.shown import GROUPS, UNDEFINED, grouped, label, shown


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("total_return", 0.12345, "12.35 %"),
        ("worst_day", -0.05, "-5.00 %"),
        ("max_drawdown", 0.0, "0.00 %"),
        ("hit_rate", 0.00001, "0.001 %"),
        ("annual_return", 1e7, "1e+09 %"),
        ("sharpe", -0.001, "-0.001"),
        ("final_equity", 150_232.4, "150,232 USDT"),
        ("fees", 12.345, "12.35 USDT"),
        ("capacity_impact", 32_485_354.2, "32,485,354 USDT"),
        ("n_fills", 906.0, "906"),
        ("turnover_per_day", 1.468, "1.47 x a day"),
        ("mean_holding_hours", 25.349, "25.35 h"),
        ("calmar", None, UNDEFINED),
        ("something_new", 3.0, "3.00"),
    ],
)
def test_a_value_carries_its_unit(name, value, text):
    assert shown(name, value) == text


def test_nothing_is_left_out_and_what_nobody_placed_comes_last():
    metrics = {"something_new": 1.0, "fees": 2.0, "total_return": 0.1}

    assert grouped(metrics) == (("Return", ("total_return",)), ("Costs paid", ("fees",)), ("Other", ("something_new",)))
    assert label("something_new") == "something new"


def test_no_metric_stands_in_two_groups():
    names = [name for _, rows in GROUPS for name in rows]

    assert len(set(names)) == len(names)
