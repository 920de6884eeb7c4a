"""`live run` against the simulated venue over real sockets: what is wrong is a sentence, a state, and nothing sent."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal

import pytest

from autarch.cli.main import main
from live.journal import Draft, Journal

from .going_live_yard import *  # noqa: F403  the release, its simulator and a workspace
from .going_live_yard import fetch

pytestmark = pytest.mark.slow

TRADING = {"ContractTrade": ("Order", "Position"), "Derivatives": ("DerivativesTrade",)}


def test_a_key_that_may_withdraw_starts_nothing(desk, capsys):
    made = desk.sim.account(permissions={**TRADING, "Wallet": ("Withdraw",)})
    desk.give(made)

    assert desk.run() == 2

    assert "Withdraw" in capsys.readouterr().err
    assert desk.sim.orders(made.uid) == []


def test_a_wrong_secret_is_refused_and_never_shown(desk, capsys):
    made = desk.sim.account()
    desk.give(made, secret="not-the-secret-0000")

    assert desk.run() == 2

    said = capsys.readouterr()
    assert "the secret does not belong to the key" in said.err
    assert "not-the-secret" not in said.err + said.out
    assert all(b"not-the-secret" not in path.read_bytes() for path in desk.host.root.rglob("*") if path.is_file())


def unknown(exchange, uid):  # noqa: ARG001  nothing changes at the venue
    return {"key": "nobody-knows-this-key"}


def shares_margin(exchange, uid):
    exchange.set_margin_mode(uid, "REGULAR_MARGIN")


@pytest.mark.parametrize(
    ("rights", "change", "says"),
    [
        ({}, unknown, "the key is unknown there"),
        ({"permissions": {"ContractTrade": ("Position",)}}, None, "it lacks the contract permission Order"),
        ({"read_only": True}, None, "may only read"),
        ({}, shares_margin, "the account is in cross margin, the portfolio says isolated"),
    ],
    ids=["an unknown key", "no permission to trade", "a key that reads", "another margin mode"],
)
def test_what_is_wrong_with_key_or_account_is_a_sentence_and_starts_nothing(desk, capsys, rights, change, says):
    made = desk.sim.account(**rights)
    named = None if change is None else desk.sim.do(lambda: change(desk.sim.site.exchange, made.uid))
    desk.give(replace(made, **named) if named else made)

    assert desk.run() == 2

    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert desk.sim.orders(made.uid) == []


def test_without_a_key_the_ways_to_give_one_are_named(desk, capsys):
    assert desk.run() == 2

    said = capsys.readouterr().err
    assert "LoadCredential=paper.trade:FILE" in said
    assert "paper.trade, mode 0600" in said


def test_a_hedge_mode_account_is_refused_and_not_switched(desk, capsys):
    made = desk.sim.account()
    desk.sim.do(lambda: desk.sim.site.exchange.switch_mode(made.uid, 3))
    desk.give(made)

    assert desk.run() == 2

    assert "hedge" in capsys.readouterr().err
    assert desk.sim.site.exchange.accounts[made.uid].position_mode == 3


def test_a_clock_that_is_off_by_five_seconds_stops_the_start(desk, capsys):
    made = desk.sim.account()
    desk.give(made)
    desk.sim.ahead_ms = 5_000
    try:
        assert desk.run() == 2
    finally:
        desk.sim.ahead_ms = 0

    assert "ms behind the venue's" in capsys.readouterr().err
    assert desk.sim.orders(made.uid) == []


def test_the_journal_of_another_account_or_a_newer_runtime_is_refused(desk, capsys):
    desk.give(desk.sim.account())
    path = desk.host.journal_path("paper")
    path.parent.mkdir(parents=True, mode=0o700)
    with Journal(path, account="other") as journal:
        journal.append([Draft(time_ms=1, kind="opened", body={"tag": "v0.2.0"})])

    assert desk.run() == 2

    assert "other" in capsys.readouterr().err


def test_the_journal_of_a_newer_runtime_is_refused(desk, capsys):
    made = desk.sim.account()
    desk.give(made)
    path = desk.host.journal_path("paper")
    path.parent.mkdir(parents=True, mode=0o700)
    Journal(path, account="paper").close()
    database = sqlite3.connect(path)
    database.execute("DROP TRIGGER meta_no_update")
    database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    database.commit()
    database.close()

    assert desk.run() == 2

    assert "has schema 99" in capsys.readouterr().err
    assert desk.sim.orders(made.uid) == []


def test_a_leverage_that_the_venue_refuses_stops_the_start(desk, capsys):
    made = desk.sim.account()
    desk.give(made)
    exchange = desk.sim.site.exchange
    contract = exchange.quotes["BTCUSDT"].contract
    desk.sim.do(lambda: exchange.list_as(replace(contract, max_leverage=Decimal(1))))
    try:
        assert desk.run() == 2
    finally:
        desk.sim.do(lambda: exchange.list_as(contract))

    said = capsys.readouterr().err
    assert "leverage" in said
    assert "BTCUSDT" in said
    assert desk.sim.orders(made.uid) == []


def test_a_release_by_a_revoked_signer_is_refused_before_any_key_is_read(desk, capsys):
    trust = desk.host.trust()
    desk.host.save_trust(trust.without(trust.signers[0].fingerprint))

    assert desk.run() != 0

    assert "trusts no release key" in capsys.readouterr().err
    assert not desk.host.journal_path("paper").exists()


SLEEVE = '[[account.sleeves]]\nstrategy = "one_idea"\nweight = 0.5\n'


@pytest.mark.parametrize(
    "case",
    [
        ("v0.3.0", 'strategy = "one_idea"', 'strategy = "lost_idea"', "lost_idea"),
        ("v0.3.1", "weight = 0.5", "weight = 1.5", "weight of one_idea is 1.5"),
        ("v0.3.2", SLEEVE, SLEEVE + 'tier = "T1"\n' + SLEEVE, "two sleeves"),
    ],
    ids=["unknown strategy", "weights over 1", "one symbol in two sleeves"],
)
def test_a_portfolio_that_cannot_be_traded_is_refused_with_the_reason(released, desk, capsys, case):
    (yard, sim), (tag, old, new, says) = released, case
    whole = yard.repo.blob_at(yard.main, "live/portfolio.toml").decode()
    yard.advance(yard.commit({"live/portfolio.toml": whole.replace(old, new).encode()}))
    yard.release(tag, trials=2)
    yard.advance(yard.commit({"live/portfolio.toml": whole.encode()}))
    fetch(yard, desk)
    before = {uid: sim.orders(uid) for uid in sim.site.exchange.accounts}

    assert main(["live", "run", "--tag", tag]) != 0

    assert says in capsys.readouterr().err
    assert {uid: sim.orders(uid) for uid in sim.site.exchange.accounts} == before
    assert not desk.host.journal_path("paper").exists()
