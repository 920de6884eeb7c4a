"""`live/portfolio.toml`: which strategies trade on which account, with how much, under which limits. Schema 1."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import ConfigError
from autarch.manifest import SLUG, Manifest

Tier = Literal["T0", "T1", "T2", "T3"]
Venue = Literal["paper", "bybit"]
MarginMode = Literal["isolated", "cross"]
PORTFOLIO_PATH = "live/portfolio.toml"
ACCOUNT_NAME = re.compile(r"[a-z][a-z0-9-]{0,23}\Z")
ACCOUNTS_MAX = 20
SLEEVES_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an account may never exceed. Notional in USDT, fractions of the account's capital."""

    max_gross_leverage: float
    max_order_notional: Decimal
    orders_per_minute: int
    max_daily_loss_frac: float
    max_drawdown_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """One strategy's part of an account: `weight` of its capital, at the tier its evidence has bought."""

    strategy: str
    weight: Decimal
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One venue account (or sub-account) and its sleeves; `capital` in USDT."""

    name: str
    venue: Venue
    capital: Decimal
    margin_mode: MarginMode
    limits: Limits
    sleeves: tuple[Sleeve, ...]

    def sleeve_capital(self, strategy: str) -> Decimal:
        """Return the USDT that `strategy` is sized from; KeyError when the account lacks it."""
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


class _Sleeve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    strategy: str
    weight: int | float
    tier: Tier


class _Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    venue: Venue
    capital: int | float
    limits: _Limits
    sleeves: list[_Sleeve]
    margin_mode: MarginMode = "isolated"


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


def tighten(limits: Limits, content: bytes) -> Limits:
    """Return `limits` made stricter by a host's limits.toml; a key it lacks stays.

    Raises:
        ConfigError: not TOML, an unknown key, or a value looser than the portfolio's.
    """
    try:
        wire = msgspec.convert(parse_toml(content), dict[str, int | float], strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"limits.toml: {error}") from error
    merged = {name: getattr(limits, name) for name in Limits.__slots__}
    for name, value in wire.items():
        if name not in merged:
            raise ConfigError(f"limits.toml: unknown key {name!r}; the keys are: {', '.join(merged)}")
        if Decimal(str(value)) > Decimal(str(merged[name])):
            raise ConfigError(f"limits.toml: {name} = {value} is looser than the portfolio's {merged[name]}; lower it")
        merged[name] = value
    return _limits(_Limits(**{**merged, "max_order_notional": float(merged["max_order_notional"])}), "limits.toml")


def _account(wire: _Account) -> Account:
    where = f"{PORTFOLIO_PATH}: account {wire.name!r}"
    if not ACCOUNT_NAME.match(wire.name):
        raise ConfigError(f"{where}: the name must match [a-z][a-z0-9-]{{0,23}}")
    _require(where, "capital", wire.capital, low=0, high=1e12)
    if not 1 <= len(wire.sleeves) <= SLEEVES_MAX:
        raise ConfigError(f"{where}: {len(wire.sleeves)} sleeves; 1 to {SLEEVES_MAX} are allowed")
    sleeves = tuple(_sleeve(where, wire.venue, sleeve) for sleeve in wire.sleeves)
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
    )


def _sleeve(where: str, venue: Venue, wire: _Sleeve) -> Sleeve:
    if not SLUG.match(wire.strategy):
        raise ConfigError(f"{where}: strategy {wire.strategy!r} must match [a-z][a-z0-9_]{{2,39}}")
    _require(where, f"weight of {wire.strategy}", wire.weight, low=0, high=1)
    if wire.tier == "T0" and venue != "paper":
        raise ConfigError(f"{where}: {wire.strategy} is T0, which is paper only; venue is {venue!r}")
    if wire.tier not in ("T0", "T1"):
        raise ConfigError(
            f"{where}: {wire.strategy} is {wire.tier}, but nothing promotes a strategy above T1 yet; write T1"
        )
    return Sleeve(strategy=wire.strategy, weight=Decimal(str(wire.weight)), tier=wire.tier)


def _limits(wire: _Limits, where: str) -> Limits:
    _require(where, "max_gross_leverage", wire.max_gross_leverage, low=0, high=100)
    _require(where, "max_order_notional", wire.max_order_notional, low=0, high=1e12)
    _require(where, "orders_per_minute", wire.orders_per_minute, low=0, high=600)
    _require(where, "max_daily_loss_frac", wire.max_daily_loss_frac, low=0, high=1)
    _require(where, "max_drawdown_frac", wire.max_drawdown_frac, low=0, high=1)
    return Limits(
        max_gross_leverage=float(wire.max_gross_leverage),
        max_order_notional=Decimal(str(wire.max_order_notional)),
        orders_per_minute=wire.orders_per_minute,
        max_daily_loss_frac=float(wire.max_daily_loss_frac),
        max_drawdown_frac=float(wire.max_drawdown_frac),
    )


def _require(where: str, name: str, value: float, *, low: float, high: float) -> None:
    if not low < value <= high:  # NaN and infinity fail both
        raise ConfigError(f"{where}: {name} is {value}; it must be above {low} and at most {high}")
