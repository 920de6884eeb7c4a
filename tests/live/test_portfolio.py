"""live.portfolio: what is refused, and what is read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from autarch.errors import ConfigError
from autarch.manifest import parse_manifest
from live.portfolio import check_portfolio, parse_portfolio, tighten

ACCOUNT = """
[[account]]
name = "paper"
venue = "paper"
capital = 1000
[account.limits]
max_gross_leverage = 1.5
max_order_notional = 500
orders_per_minute = 6
max_daily_loss_frac = 0.1
max_drawdown_frac = 0.2
"""
BYBIT = ACCOUNT.replace('venue = "paper"', 'venue = "bybit"\nenvironment = "testnet"')
SLEEVE = '[[account.sleeves]]\nstrategy = "{name}"\nweight = {weight}\ntier = "{tier}"\n'


def text(*sleeves, account=ACCOUNT, schema=1):
    return f"schema = {schema}\n{account}\n{''.join(sleeves)}".encode()


def sleeve(name="one_idea", weight=0.5, tier="T1"):
    return SLEEVE.format(name=name, weight=weight, tier=tier)


def manifest(name, *symbols):
    listed = ", ".join(f'"{symbol}"' for symbol in symbols)
    return parse_manifest(
        f'schema = 1\nname = "{name}"\ntitle = "x"\nsymbols = [{listed}]\ninterval = "15m"\n'
        'mode = "each"\nwarmup = 10\nmax_leverage = 1.0\n'.encode(),
        slug=name,
    )


def test_a_portfolio_reads_back_with_exact_decimals():
    portfolio = parse_portfolio(text(sleeve(weight=0.1), sleeve("other_idea", weight=0.2)))

    account = portfolio.account()
    assert account.capital == Decimal(1000)
    assert account.sleeve_capital("other_idea") == Decimal("200.0")
    assert portfolio.strategies == ("one_idea", "other_idea")


def test_three_weights_of_a_third_by_decimal_reach_exactly_one():
    # 0.1 + 0.2 + 0.7 is above 1 in binary floating point, exactly 1 in decimal
    portfolio = parse_portfolio(text(sleeve("aaa", 0.1), sleeve("bbb", 0.2), sleeve("ccc", 0.7)))

    assert portfolio.strategies == ("aaa", "bbb", "ccc")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (text(sleeve(weight=0.6), sleeve("other_idea", weight=0.5)), "add up to 1.1"),
        (text(sleeve(), sleeve()), "two sleeves"),
        (text(sleeve(), account=ACCOUNT + "leverage = 3\n"), "unknown field `leverage`"),
        (text(sleeve(), account=ACCOUNT.replace('venue = "paper"', 'venue = "moon"')), "moon"),
        (text(sleeve(tier="T0"), account=BYBIT), "paper only"),
        (text(sleeve(tier="T9")), "T9"),
        (text(sleeve(tier="T4")), "Invalid enum value 'T4'"),
        (text(sleeve(), schema=2), "schema is 2"),
        (text(sleeve(weight="nan")), "weight of one_idea is nan"),
        (text(sleeve(weight=0)), "weight of one_idea is 0"),
        (text(sleeve("../etc")), "must match"),
        (text(sleeve(), account=ACCOUNT.replace('"paper"', '"Paper Account"', 1)), "must match"),
        (text(), "sleeves"),
        (b"schema = 1\naccount = []\n", "0 accounts"),
        (b"schema = ", "Invalid value"),
        (b"\xff", "utf-8"),
    ],
)
def test_a_bad_portfolio_is_refused_with_the_reason(content, says):
    with pytest.raises(ConfigError, match=says):
        parse_portfolio(content)


def test_an_account_named_twice_is_refused():
    with pytest.raises(ConfigError, match="named twice"):
        parse_portfolio(text(sleeve()) + (ACCOUNT + sleeve("other_idea")).encode())


def test_an_unknown_strategy_is_refused_and_the_known_ones_are_listed():
    portfolio = parse_portfolio(text(sleeve("lost_idea")))

    with pytest.raises(ConfigError, match=r"'lost_idea'.*there are: one_idea"):
        check_portfolio(portfolio, {"one_idea": manifest("one_idea", "BTCUSDT")})


def test_one_symbol_in_two_sleeves_of_an_account_is_refused():
    portfolio = parse_portfolio(text(sleeve("one_idea", 0.3), sleeve("other_idea", 0.3)))
    manifests = {
        "one_idea": manifest("one_idea", "BTCUSDT"),
        "other_idea": manifest("other_idea", "ETHUSDT", "BTCUSDT"),
    }

    with pytest.raises(ConfigError, match="'one_idea' and 'other_idea' both trade BTCUSDT"):
        check_portfolio(portfolio, manifests)


def test_the_same_symbol_on_two_accounts_is_fine():
    second = ACCOUNT.replace('name = "paper"', 'name = "second"')
    portfolio = parse_portfolio(text(sleeve()) + (second + sleeve("other_idea")).encode())

    check_portfolio(
        portfolio, {"one_idea": manifest("one_idea", "BTCUSDT"), "other_idea": manifest("other_idea", "BTCUSDT")}
    )

    with pytest.raises(ConfigError, match="choose one with --account"):
        portfolio.account()
    assert portfolio.account("second").sleeves[0].strategy == "other_idea"
    with pytest.raises(ConfigError, match="no account 'third'"):
        portfolio.account("third")


def test_the_hosts_limits_tighten_and_never_loosen():
    limits = parse_portfolio(text(sleeve())).account().limits

    assert tighten(limits, b"max_order_notional = 100").max_order_notional == Decimal(100)
    assert tighten(limits, b"max_gross_leverage = 1.5") == limits
    with pytest.raises(ConfigError, match=r"max_drawdown_frac = 0.3 is looser than the portfolio's 0.2"):
        tighten(limits, b"max_drawdown_frac = 0.3")
    with pytest.raises(ConfigError, match="unknown key 'speed'"):
        tighten(limits, b"speed = 1")


def test_the_committed_portfolio_reads():
    content = (Path(__file__).parents[2] / "live" / "portfolio.toml").read_bytes()

    assert parse_portfolio(content).account("paper").venue == "paper"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('venue = "bybit"', 'add environment = "mainnet", "testnet", "demo" or "sim"'),
        ('venue = "bybit"\nenvironment = "moon"', "moon"),
        ('venue = "bybit"\nenvironment = "testnet"\nfeed = "recorded"', "follow its own bars"),
        ('venue = "bybit"\nenvironment = "mainnet"\nurl = "http://127.0.0.1:1"', "url is for environment"),
        ('venue = "bybit"\nenvironment = "sim"', "name where `autarch sim` listens"),
        ('venue = "bybit"\nenvironment = "sim"\nurl = "https://api.bybit.com"', "name where `autarch sim` listens"),
        ('venue = "bybit"\nenvironment = "sim"\nurl = "http://10.0.0.1:80"', "name where `autarch sim` listens"),
        ('venue = "bybit"\nenvironment = "sim"\nurl = "http://127.0.0.1"', "name where `autarch sim` listens"),
        ('venue = "bybit"\nenvironment = "sim"\nurl = "http://127.0.0.1:80@api.bybit.com"', "name where"),
        ('venue = "paper"\nenvironment = "sim"\nurl = "http://127.0.0.1:80/x"', "name where"),
        ('venue = "paper"\nfeed = "tea leaves"', "tea leaves"),
        ('venue = "paper"\nhandover = "hope"', "hope"),
    ],
)
def test_an_account_that_does_not_say_where_it_trades_is_refused(lines, says):
    with pytest.raises(ConfigError, match=says):
        parse_portfolio(text(sleeve(), account=ACCOUNT.replace('venue = "paper"', lines)))


@pytest.mark.parametrize(
    ("lines", "real"),
    [
        ('venue = "paper"', False),
        ('venue = "bybit"\nenvironment = "sim"\nurl = "http://127.0.0.1:8080/"', False),
        ('venue = "bybit"\nenvironment = "demo"', True),
        ('venue = "bybit"\nenvironment = "testnet"', True),
        ('venue = "bybit"\nenvironment = "mainnet"', True),
    ],
)
def test_only_a_venue_outside_this_machine_is_real(lines, real):
    account = parse_portfolio(text(sleeve(), account=ACCOUNT.replace('venue = "paper"', lines))).account()

    assert account.is_real is real
    assert not account.url.endswith("/")


def test_an_older_file_gets_the_careful_defaults():
    account = parse_portfolio(text(sleeve())).account()

    assert (account.feed, account.environment, account.sleeves[0].handover) == ("bybit-public", "mainnet", None)
    assert (account.limits.max_price_deviation_frac, account.limits.stale_data_s) == (0.05, 60)


def test_a_sleeves_handover_outranks_its_accounts():
    account = ACCOUNT.replace('venue = "paper"', 'venue = "paper"\nhandover = "drain"')
    found = parse_portfolio(
        text(sleeve(weight=0.1), sleeve("other_idea", 0.1) + 'handover = "flatten"\n', account=account)
    )

    assert [item.handover for item in found.account().sleeves] == ["drain", "flatten"]


def test_a_hosts_limits_for_one_account_outrank_those_for_all():
    limits = parse_portfolio(text(sleeve())).account().limits
    content = b"orders_per_minute = 5\n[account.paper]\norders_per_minute = 2\nstale_data_s = 9\n"

    assert tighten(limits, content, account="paper").orders_per_minute == 2
    assert tighten(limits, content, account="paper").stale_data_s == 9
    assert tighten(limits, content, account="other").orders_per_minute == 5
    with pytest.raises(ConfigError, match=r"limits\.toml"):
        tighten(limits, b"orders_per_minute = 2.5")
    with pytest.raises(ConfigError, match="is looser"):
        tighten(limits, b"[account.paper]\nstale_data_s = 600\n", account="paper")
