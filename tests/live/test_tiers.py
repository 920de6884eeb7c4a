"""live.tiers: what a sleeve may trade with."""

from __future__ import annotations

from pathlib import Path

import pytest

from autarch.errors import ConfigError
from live.portfolio import parse_portfolio
from live.tiers import sleeve_capitals

POLICY = b"[tiers]\nprobe_capital_frac = 0.02\nprobe_together_frac = 0.05\n"
HEAD = """schema = 1
[[account]]
name = "main"
venue = "{venue}"
environment = "testnet"
capital = 10_000
[account.limits]
max_gross_leverage = 2
max_order_notional = 5000
orders_per_minute = 6
max_daily_loss_frac = 0.1
max_drawdown_frac = 0.2
"""


def capitals(*weights, venue="bybit", policy=POLICY, tiers=("T1",) * 9, ceilings=None):
    sleeves = "".join(
        f'[[account.sleeves]]\nstrategy = "s_{n}"\nweight = {weight}\ntier = "{tier}"\n'
        for n, (weight, tier) in enumerate(zip(weights, tiers, strict=False))
    )
    account = parse_portfolio((HEAD.format(venue=venue) + sleeves).encode()).account()
    return [str(capital.normalize()) for capital in sleeve_capitals(account, policy, ceilings).values()]


def test_paper_is_uncapped_whatever_the_policy():
    assert capitals(0.5, venue="paper", policy=b"") == ["5E+3"]


def test_a_probe_trades_with_two_percent_of_the_account_or_its_weight():
    assert capitals(0.5, 0.01) == ["2E+2", "1E+2"]  # 10 000 * 0.02 and 10 000 * 0.01


def test_probes_shrink_in_proportion_to_five_percent_together():
    # 200 + 200 + 200 + 25 = 625 > 500, so each by 500 / 625 = 0.8
    assert capitals(0.3, 0.3, 0.3, 0.0025) == ["1.6E+2", "1.6E+2", "1.6E+2", "2E+1"]


def test_a_promoted_strategy_trades_with_a_quarter_of_its_sleeve_and_one_proven_forward_with_all():
    # 10 000 x 0.4 x 0.25 and 10 000 x 0.3; the probe keeps its 2 %
    assert capitals(0.4, 0.3, 0.1, tiers=("T2", "T3", "T1")) == ["1E+3", "3E+3", "2E+2"]
    assert capitals(0.4, tiers=("T2",), policy=POLICY + b"promoted_frac = 0.1\n") == ["4E+2"]


def test_what_the_ledger_says_since_lowers_a_tier_and_never_raises_one():
    # T3's 3 000 becomes a quarter, T2's becomes a probe of 200, T1 stays one whatever the ledger allows
    ceilings = {"s_0": "T2", "s_1": "T1", "s_2": "T3"}
    assert capitals(0.3, 0.4, 0.1, tiers=("T3", "T2", "T1"), ceilings=ceilings) == ["7.5E+2", "2E+2", "2E+2"]
    assert capitals(0.3, tiers=("T3",), ceilings={"s_0": "T0"}) == ["0"]


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (b"", "sets no caps for tiers"),
        (b"[tiers]\nprobe_capital_frac = 0.02\n", "probe_together_frac"),
        (POLICY + b"more = 1\n", "more"),
        (POLICY.replace(b"0.02", b"1.5"), "probe_capital_frac = 1.5"),
        (POLICY.replace(b"0.02", b"nan"), "probe_capital_frac = nan"),
        (b"\xff", "sets no caps"),
    ],
)
def test_a_policy_without_good_caps_lets_nothing_trade_outside_paper(policy, says):
    with pytest.raises(ConfigError, match=says):
        capitals(0.5, policy=policy)


def test_the_committed_policy_has_caps():
    policy = (Path(__file__).parents[2] / "ci" / "policy.toml").read_bytes()

    assert capitals(0.5, policy=policy) == ["2E+2"]
