"""`live/portfolio.toml`: which strategies trade on which account, with how much, under which limits. Schema 1."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import ConfigError
from autarch.manifest import SLUG, Manifest

Tier = Literal["T0", "T1", "T2", "T3"]
Venue = Literal["paper", "bybit"]
Feed = Literal["bybit-public", "recorded", "script"]
Environment = Literal["mainnet", "testnet", "demo", "sim"]
Handover = Literal["adopt", "drain", "flatten"]
MarginMode = Literal["isolated", "cross"]
PORTFOLIO_PATH = "live/portfolio.toml"
ACCOUNT_NAME = re.compile(r"[a-z][a-z0-9-]{0,23}\Z")
ACCOUNTS_MAX = 20
SLEEVES_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an account may never exceed. Notional in USDT, fractions of the account's capital.

    `max_price_deviation_frac`: an entry is refused when the newest price is further than this from the close it was
    decided on. `stale_data_s`: so old may the newest bar or price be, in seconds, before entries are refused.
    """

    max_gross_leverage: float
    max_order_notional: Decimal
    orders_per_minute: int
    max_daily_loss_frac: float
    max_drawdown_frac: float
    max_price_deviation_frac: float = 0.05
    stale_data_s: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """One strategy's part of an account: `weight` of its capital, at the tier its evidence has bought.

    `handover`: what happens to its positions when the next release takes over (docs/adr/0029-hand-over-a-release.md);
    None leaves it to the strategy's manifest.
    """

    strategy: str
    weight: Decimal
    tier: Tier
    handover: Handover | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One venue account (or sub-account) and its sleeves; `capital` in USDT.

    `feed` is where bars come from; a real venue is its own. `environment` is the Bybit that is traded on or, on
    paper, whose public feed is read; `url` names a simulated one and is empty otherwise.
    """

    name: str
    venue: Venue
    capital: Decimal
    margin_mode: MarginMode
    limits: Limits
    sleeves: tuple[Sleeve, ...]
    feed: Feed = "bybit-public"
    environment: Environment = "mainnet"
    url: str = ""

    @property
    def is_real(self) -> bool:
        """Whether a venue outside this machine takes the orders: neither paper nor the simulator."""
        return self.venue == "bybit" and self.environment != "sim"

    def sleeve_capital(self, strategy: str) -> Decimal:
        """Return `strategy`'s share of the capital in USDT, before any tier's cap; KeyError when the account lacks it.

        What it may trade with is `live.tiers.sleeve_capitals`.
        """
        for sleeve in self.sleeves:
            if sleeve.strategy == strategy:
                return self.capital * sleeve.weight
        raise KeyError(strategy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """All accounts of one host."""

    accounts: tuple[Account, ...]

    @property
    def strategies(self) -> tuple[str, ...]:
        """Every strategy named by any account, once, sorted."""
        return tuple(sorted({sleeve.strategy for account in self.accounts for sleeve in account.sleeves}))

    def account(self, name: str | None = None) -> Account:
        """Return the account `name`, or the only one when None.

        Raises:
            ConfigError: no such account, or none named while there are several.
        """
        names = ", ".join(account.name for account in self.accounts)
        if name is None and len(self.accounts) == 1:
            return self.accounts[0]
        if name is None:
            raise ConfigError(f"the portfolio has {len(self.accounts)} accounts ({names}); choose one with --account")
        for account in self.accounts:
            if account.name == name:
                return account
        raise ConfigError(f"the portfolio has no account {name!r}; it has: {names}")


class _Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_gross_leverage: int | float
    max_order_notional: int | float
    orders_per_minute: int
    max_daily_loss_frac: int | float
    max_drawdown_frac: int | float
    max_price_deviation_frac: int | float = 0.05
    stale_data_s: int = 60


class _Sleeve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    strategy: str
    weight: int | float
    tier: Tier
    handover: Handover | None = None


class _Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    venue: Venue
    capital: int | float
    limits: _Limits
    sleeves: list[_Sleeve]
    margin_mode: MarginMode = "isolated"
    feed: Feed = "bybit-public"
    environment: Environment | None = None
    url: str = ""
    handover: Handover | None = None


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    account: list[_Account]


def parse_portfolio(content: bytes) -> Portfolio:
    """Return the portfolio in `content`.

    Raises:
        ConfigError: not TOML, an unknown, missing or ill-typed key, weights above 1 in an account,
            a strategy or account named twice, a number out of range.
    """
    try:
        wire = msgspec.convert(parse_toml(content), _Wire, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{PORTFOLIO_PATH}: {error}") from error
    if wire.schema != 1:
        raise ConfigError(f"{PORTFOLIO_PATH}: schema is {wire.schema}; this version reads schema 1")
    if not 1 <= len(wire.account) <= ACCOUNTS_MAX:
        raise ConfigError(f"{PORTFOLIO_PATH}: {len(wire.account)} accounts; 1 to {ACCOUNTS_MAX} are allowed")
    names = [account.name for account in wire.account]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{PORTFOLIO_PATH}: account {name!r} is named twice; give each its own name")
    return Portfolio(accounts=tuple(_account(account) for account in wire.account))


def check_portfolio(portfolio: Portfolio, manifests: Mapping[str, Manifest]) -> None:
    """Refuse a portfolio that names an unknown strategy or gives one symbol to two sleeves of an account.

    Raises:
        ConfigError: naming the account, the strategies and the symbol.
    """
    for account in portfolio.accounts:
        owner: dict[str, str] = {}
        for sleeve in account.sleeves:
            if sleeve.strategy not in manifests:
                known = ", ".join(sorted(manifests)) or "none"
                raise ConfigError(
                    f"{PORTFOLIO_PATH}: account {account.name!r} names {sleeve.strategy!r}, which is not under "
                    f"strategies/; there are: {known}"
                )
            for symbol in manifests[sleeve.strategy].symbols:
                if symbol in owner:
                    raise ConfigError(
                        f"{PORTFOLIO_PATH}: account {account.name!r}: {owner[symbol]!r} and {sleeve.strategy!r} both "
                        f"trade {symbol}; a symbol belongs to one sleeve of an account. Use a sub-account for one"
                    )
                owner[symbol] = sleeve.strategy


def tighten(limits: Limits, content: bytes, *, account: str = "") -> Limits:
    """Return `limits` made stricter by a host's limits.toml; a key it lacks stays.

    Keys at the top hold for every account, those in a table `[account.NAME]` for that one and before the others.

    Raises:
        ConfigError: not TOML, an unknown key, or a value looser than the portfolio's.
    """
    try:
        tables = parse_toml(content)
        tables.pop("confinement", None)  # of the host's workers: live.confinement reads it
        own = msgspec.convert(tables.pop("account", {}), dict[str, dict[str, int | float]], strict=True)
        wire = msgspec.convert(tables, dict[str, int | float], strict=True) | own.get(account, {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"limits.toml: {error}") from error
    merged = {name: getattr(limits, name) for name in Limits.__slots__}
    for name, value in wire.items():
        if name not in merged:
            raise ConfigError(f"limits.toml: unknown key {name!r}; the keys are: {', '.join(merged)}")
        if Decimal(str(value)) > Decimal(str(merged[name])):
            raise ConfigError(f"limits.toml: {name} = {value} is looser than the portfolio's {merged[name]}; lower it")
        merged[name] = value
    try:
        whole = {**merged, "max_order_notional": float(merged["max_order_notional"])}
        return _limits(msgspec.convert(whole, _Limits, strict=True), "limits.toml")
    except msgspec.ValidationError as error:
        raise ConfigError(f"limits.toml: {error}") from error


def _account(wire: _Account) -> Account:
    where = f"{PORTFOLIO_PATH}: account {wire.name!r}"
    if not ACCOUNT_NAME.match(wire.name):
        raise ConfigError(f"{where}: the name must match [a-z][a-z0-9-]{{0,23}}")
    _require(where, "capital", wire.capital, low=0, high=1e12)
    if not 1 <= len(wire.sleeves) <= SLEEVES_MAX:
        raise ConfigError(f"{where}: {len(wire.sleeves)} sleeves; 1 to {SLEEVES_MAX} are allowed")
    environment = _environment(where, wire)
    sleeves = tuple(_sleeve(where, wire, sleeve) for sleeve in wire.sleeves)
    slugs = [sleeve.strategy for sleeve in sleeves]
    for slug in slugs:
        if slugs.count(slug) > 1:
            raise ConfigError(f"{where}: strategy {slug!r} has two sleeves; merge them into one")
    total = sum((sleeve.weight for sleeve in sleeves), Decimal(0))
    if total > 1:
        raise ConfigError(f"{where}: the weights add up to {total}; at most 1 of the capital can be given away")
    return Account(
        name=wire.name,
        venue=wire.venue,
        capital=Decimal(str(wire.capital)),
        margin_mode=wire.margin_mode,
        limits=_limits(wire.limits, where),
        sleeves=sleeves,
        feed=wire.feed,
        environment=environment,
        url=wire.url.rstrip("/"),
    )


def _environment(where: str, wire: _Account) -> Environment:
    """Return which Bybit an account is about; what trades on one must name it, and only a simulator has a URL."""
    if wire.venue == "bybit" and wire.environment is None:
        raise ConfigError(
            f'{where}: venue is "bybit" and no environment is named; add environment = "mainnet", "testnet", "demo" '
            'or "sim"'
        )
    if wire.venue == "bybit" and wire.feed != "bybit-public":
        raise ConfigError(
            f"{where}: feed is {wire.feed!r}, but orders on Bybit follow its own bars; remove the line or trade it on "
            'venue = "paper"'
        )
    environment = wire.environment or "mainnet"
    if environment != "sim" and wire.url:
        raise ConfigError(f'{where}: url is for environment = "sim" alone; {environment} has its own. Remove the line')
    if environment == "sim" and not _is_local(wire.url):
        raise ConfigError(
            f'{where}: environment is "sim" and url is {wire.url!r}; name where `autarch sim` listens on this '
            "machine, such as http://127.0.0.1:8080"
        )
    return environment


def _is_local(url: str) -> bool:
    """Return whether `url` is plain HTTP to a port of this machine: no real venue can hide behind it."""
    try:
        parts = urlsplit(url)
        is_plain = parts.scheme == "http" and parts.port is not None and not parts.path.strip("/")
        bare = not (parts.query or parts.fragment or parts.username or parts.password)
        return is_plain and bare and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _sleeve(where: str, account: _Account, wire: _Sleeve) -> Sleeve:
    if not SLUG.match(wire.strategy):
        raise ConfigError(f"{where}: strategy {wire.strategy!r} must match [a-z][a-z0-9_]{{2,39}}")
    _require(where, f"weight of {wire.strategy}", wire.weight, low=0, high=1)
    if wire.tier == "T0" and account.venue != "paper":
        raise ConfigError(f"{where}: {wire.strategy} is T0, which is paper only; venue is {account.venue!r}")
    return Sleeve(
        strategy=wire.strategy,
        weight=Decimal(str(wire.weight)),
        tier=wire.tier,
        handover=wire.handover or account.handover,
    )


def _limits(wire: _Limits, where: str) -> Limits:
    _require(where, "max_gross_leverage", wire.max_gross_leverage, low=0, high=100)
    _require(where, "max_order_notional", wire.max_order_notional, low=0, high=1e12)
    _require(where, "orders_per_minute", wire.orders_per_minute, low=0, high=600)
    _require(where, "max_daily_loss_frac", wire.max_daily_loss_frac, low=0, high=1)
    _require(where, "max_drawdown_frac", wire.max_drawdown_frac, low=0, high=1)
    _require(where, "max_price_deviation_frac", wire.max_price_deviation_frac, low=0, high=1)
    _require(where, "stale_data_s", wire.stale_data_s, low=0, high=3600)
    return Limits(
        max_gross_leverage=float(wire.max_gross_leverage),
        max_order_notional=Decimal(str(wire.max_order_notional)),
        orders_per_minute=wire.orders_per_minute,
        max_daily_loss_frac=float(wire.max_daily_loss_frac),
        max_drawdown_frac=float(wire.max_drawdown_frac),
        max_price_deviation_frac=float(wire.max_price_deviation_frac),
        stale_data_s=wire.stale_data_s,
    )


def _require(where: str, name: str, value: float, *, low: float, high: float) -> None:
    if not low < value <= high:  # NaN and infinity fail both
        raise ConfigError(f"{where}: {name} is {value}; it must be above {low} and at most {high}")
