"""What the commands find on a host: accounts without a forge, chats in a file, somebody to tell."""

from __future__ import annotations

import httpx
import pytest

from autarch.errors import ConfigError
from live.credentials import KeySource
from live.host import Host
from live.journal import Draft, Journal
from live.stopping.accounts import account_named, installed_account, known_accounts
from live.stopping.phone import channels_of, read_phone
from live.stopping.telling import teller

PORTFOLIO = """schema = 1
[[account]]
name = "{name}"
venue = "bybit"
environment = "{environment}"
capital = 1000
[account.limits]
max_gross_leverage = 1.0
max_order_notional = 100
orders_per_minute = 5
max_daily_loss_frac = 0.1
max_drawdown_frac = 0.2
[[account.sleeves]]
strategy = "one"
weight = 0.5
tier = "T1"
"""


class Stands:
    def now_ms(self):
        return 5_000


def release(host, tag, *, name="main", environment="demo"):
    folder = host.releases / tag
    folder.mkdir(parents=True)
    (folder / "portfolio.toml").write_text(PORTFOLIO.format(name=name, environment=environment))


@pytest.fixture
def host(tmp_path):
    return Host(root=tmp_path / "host")


def test_an_account_is_where_the_release_that_trades_it_says(host):
    release(host, "v0.1.0", environment="testnet")
    release(host, "v0.2.0", environment="demo")
    with Journal(host.journal_path("main"), account="main") as journal:
        journal.append([Draft(time_ms=0, kind="opened", body={"tag": "v0.1.0"})])

    assert installed_account(host, "main")[0].environment == "testnet"


def test_without_a_journal_any_release_will_do_even_one_that_no_longer_verifies(host):
    release(host, "v0.1.0")
    (host.releases / "v0.2.0").mkdir()
    (host.releases / "v0.2.0" / "portfolio.toml").write_text("no portfolio")

    assert installed_account(host, "main")[0].environment == "demo"
    assert known_accounts(host) == ("main",)


def test_an_account_that_nothing_here_names_is_asked_for(host):
    with pytest.raises(ConfigError, match="say where it is"):
        installed_account(host, "main")
    assert known_accounts(host) == ()


def test_an_account_named_on_the_command_line_can_be_reached_and_trades_nothing():
    account = account_named("main", "sim", "http://127.0.0.1:1")

    assert (account.venue, account.environment, account.url) == ("bybit", "sim", "http://127.0.0.1:1")
    assert account.sleeves == ()
    for environment, url in (("moon", ""), ("sim", ""), ("mainnet", "http://127.0.0.1:1")):
        with pytest.raises(ConfigError):
            account_named("main", environment, url)


def phone(tmp_path, text):
    (tmp_path / "phone.toml").write_text(text)
    return read_phone(tmp_path / "phone.toml")


TELEGRAM = '[[chat]]\nkind = "telegram"\nbase_url = "https://t.example"\nsenders = ["5"]\ntoken = "bot"\n'


def test_without_a_file_the_forge_alone_is_listened_to(tmp_path):
    found = read_phone(tmp_path / "none.toml")

    assert found.forge
    assert found.chat == ()


def test_chats_are_made_of_the_file_with_tokens_from_credentials(tmp_path):
    found = phone(
        tmp_path, f'schema = 1\n{TELEGRAM}[[chat]]\nkind = "ntfy"\nbase_url = "https://n.example/"\ntopic = "t"'
    )
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "bot").write_text("12:abc\n")
    source = KeySource(systemd=None, descriptor=None, folder=keys, workspace=tmp_path / "ws")

    def made():
        return channels_of(found, http=httpx.AsyncClient(), source=source, folder=tmp_path, clock=Stands())

    (keys / "bot").chmod(0o644)
    with pytest.raises(ConfigError, match="not a private file"):
        made()
    (keys / "bot").chmod(0o600)
    telegram, ntfy = made()
    assert (telegram.name, telegram.token, telegram.senders) == ("telegram 1", "12:abc", frozenset({"5"}))
    assert (ntfy.name, ntfy.base_url, ntfy.topic) == ("ntfy 2", "https://n.example", "t")
    (keys / "bot").write_text("two words")
    with pytest.raises(ConfigError, match="expected one word"):
        made()
    (keys / "bot").unlink()
    with pytest.raises(ConfigError, match="no token 'bot'"):
        made()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema = 2", "schema"),
        ("schema = 1\nmore = 1", "unknown field"),
        ("schema = 1\nevery_s = 0", "every_s from 1"),
        ("= 1", "Invalid"),
        ('schema = 1\n[[chat]]\nkind = "fax"\nbase_url = "https://x"', "fax"),
        ('schema = 1\n[[chat]]\nkind = "telegram"\nbase_url = "https://x"\ntoken = "t"', "user ids"),
        ('schema = 1\n[[chat]]\nkind = "ntfy"\nbase_url = "https://x"', "needs a topic"),
        ('schema = 1\n[[chat]]\nkind = "ntfy"\nbase_url = "https://x"\ntopic = "t"\nsenders = ["me"]', "no senders"),
        ('schema = 1\n[[chat]]\nkind = "ntfy"\nbase_url = "http://x"\ntopic = "t"', "expected an https address"),
    ],
)
def test_a_file_that_would_hear_anybody_or_nobody_is_refused(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        phone(tmp_path, text)


def test_alerts_are_narrated_and_kept_and_a_bad_alerts_file_stops_nothing(host, tmp_path):
    host.root.mkdir(mode=0o700)
    (host.root / "alerts.toml").write_text("urls = 5")
    lines = []

    with teller(host, "main", path=tmp_path / "kept.jsonl", clock=Stands(), note=lines.append) as telling:
        telling.tell("critical", "deadman main silent", "main: no heartbeat")

    assert "alerts are not passed on" in lines[0]
    assert lines[1] == "critical: main: no heartbeat"
    assert "no heartbeat" in (tmp_path / "kept.jsonl").read_text()
