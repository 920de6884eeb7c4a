"""Find an account by what lies on this host, asking neither the forge nor whether a release still verifies.

Whoever stops must not depend on that: the portfolio is read for where the account is, and nothing is traded by it.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import cast, get_args

from autarch.errors import AutarchError, ConfigError
from live.bound import PORTFOLIO
from live.host import Host
from live.journal import Journal
from live.portfolio import Account, Environment, Limits, parse_portfolio


def account_named(name: str, environment: str, url: str) -> Account:
    """Return a Bybit account as a command line names it, with no sleeve: it can be stopped and nothing else.

    Raises:
        ConfigError: there is no such environment, or the simulator has no address.
    """
    if environment not in get_args(Environment):
        raise ConfigError(f"environment {environment!r} is not known; choose {', '.join(get_args(Environment))}")
    if (environment == "sim") != bool(url):
        raise ConfigError("--url is the simulator's address and belongs to --environment sim, which needs it")
    none = Limits(
        max_gross_leverage=0.0,
        max_order_notional=Decimal(0),
        orders_per_minute=0,
        max_daily_loss_frac=0.0,
        max_drawdown_frac=0.0,
    )
    return Account(
        name=name,
        venue="bybit",
        capital=Decimal(0),
        margin_mode="isolated",
        limits=none,
        sleeves=(),
        environment=cast("Environment", environment),
        url=url,
    )


def installed_account(host: Host, name: str) -> tuple[Account, Path]:
    """Return the account as the release that it trades says, and that release's folder; failing that, any release.

    Raises:
        ConfigError: none on this host knows it.
    """
    folders = sorted(host.releases.glob("v*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
    traded = _traded(host, name)
    for folder in sorted(folders, key=lambda folder: folder.name != traded):
        for account in _accounts(folder / PORTFOLIO):
            if account.name == name:
                return account, folder
    raise ConfigError(
        f"no release on this host has an account {name!r}; say where it is: --environment demo, or sim with --url"
    )


def known_accounts(host: Host) -> tuple[str, ...]:
    """Return the name of every account that any release on this host has, or that ever traded here."""
    names = {path.stem for path in host.journal_path("x").parent.glob("*.sqlite3")}
    for folder in host.releases.glob("v*"):
        names |= {account.name for account in _accounts(folder / PORTFOLIO)}
    return tuple(sorted(names))


def _traded(host: Host, name: str) -> str:
    try:
        with Journal(host.journal_path(name), account=name, read_only=True) as journal:
            opened = journal.last("opened")
    except AutarchError:
        return ""
    return "" if opened is None else str(opened.body["tag"])


def _accounts(path: Path) -> tuple[Account, ...]:
    """Return what a portfolio names; one that cannot be read names nobody."""
    try:
        return parse_portfolio(path.read_bytes()).accounts
    except (OSError, AutarchError):
        return ()
