"""Which models there are and what a token of them costs: agents/models.toml, read as dated data."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

import msgspec

from agents.ports import UnknownModelError, Usage
from autarch.canonical import parse_toml
from autarch.errors import ConfigError

PATH = Path(__file__).with_name("models.toml")
OVERRIDE = ".autarch/agents/models.toml"
"""A workspace's own list, relative to its root; where there is one it replaces the project's."""

Vendor = Literal["anthropic", "openai"]
_MILLION = Decimal(1_000_000)


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model. Prices are USD for a million tokens, written as text so that they stay exact.

    `cutoff` is the last day it can have read of, `output_max` tokens it may write in one answer; from `long_from`
    input tokens on, a whole request costs `long_input` and `long_output` times as much.
    """

    vendor: Vendor
    cutoff: date
    input: str
    output: str
    cache_read: str
    cache_write: str
    cache_write_long: str
    output_max: int
    long_from: int | None = None
    long_input: str = "1"
    long_output: str = "1"
    scripted: bool = False

    def cost(self, usage: Usage) -> Decimal:
        """Return what the tokens of one request cost, in USD.

        Source: the vendors' price pages; caches are priced by what was read and written, reasoning is output.
        """
        asked = usage.input_tokens + usage.cache_read + usage.cache_write + usage.cache_write_long
        is_long = self.long_from is not None and asked > self.long_from
        into = (
            Decimal(self.input) * usage.input_tokens
            + Decimal(self.cache_read) * usage.cache_read
            + Decimal(self.cache_write) * usage.cache_write
            + Decimal(self.cache_write_long) * usage.cache_write_long
        )
        out = Decimal(self.output) * usage.output_tokens
        if is_long:
            into, out = into * Decimal(self.long_input), out * Decimal(self.long_output)
        return (into + out) / _MILLION

    def at_most(self, *, input_tokens: int, output_tokens: int) -> Usage:
        """Return the dearest way to read and write so many tokens: all of it into the dearest cache."""
        usage = Usage(cache_write_long=input_tokens, output_tokens=output_tokens, turns=1, is_estimate=True)
        return replace(usage, usd=self.cost(usage))


class Models(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole list. `default` says which model a kind of agent asks."""

    schema: int
    as_of: date
    stale_after_days: int
    default: dict[str, str]
    models: dict[str, Model]
    sources: list[str] = []

    def get(self, name: str) -> Model:
        """Return the model `name`.

        Raises:
            UnknownModelError: it is not listed.
        """
        try:
            return self.models[name]
        except KeyError:
            known = ", ".join(sorted(self.models))
            raise UnknownModelError(
                f"there is no model {name!r} in agents/models.toml, so its price is not known; there are: {known}. "
                f"Add it there, or in {OVERRIDE}, with its prices and the day you read them"
            ) from None

    def staleness(self, today: date) -> str | None:
        """Return why the list should be read again, or None while it is fresh."""
        age = today - self.as_of
        if age <= timedelta(days=self.stale_after_days):
            return None
        return (
            f"agents/models.toml is of {self.as_of.isoformat()}, {age.days} days ago, and goes stale after "
            f"{self.stale_after_days}; compare it with the vendors' prices and move as_of"
        )


def read_models(workspace: Path | None = None) -> Models:
    """Return the list of the workspace at `workspace` where it has one of its own, else the project's.

    Raises:
        ConfigError: it does not parse, or a price is no price.
    """
    own = None if workspace is None else workspace / OVERRIDE
    path = own if own is not None and own.is_file() else PATH
    return parse_models(path.read_bytes(), name=str(path))


def parse_models(content: bytes, *, name: str = "models.toml") -> Models:
    """Return the list in `content`.

    Raises:
        ConfigError: not TOML, a key unknown or missing, a price that is no number or below zero, no such default.
    """
    try:
        models = msgspec.convert(parse_toml(content), Models, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{name}: {error}; a model states vendor, cutoff, its five prices and output_max") from error
    for model_name, model in models.models.items():
        for field in ("input", "output", "cache_read", "cache_write", "cache_write_long", "long_input", "long_output"):
            _check_price(f"{name}: {model_name}: {field}", getattr(model, field))
    for kind, chosen in models.default.items():
        if chosen not in models.models:
            raise ConfigError(f"{name}: [default] {kind} is {chosen!r}, which is not listed; add it or choose another")
    return models


def _check_price(where: str, written: str) -> None:
    try:
        price = Decimal(written)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price < 0:
        raise ConfigError(f'{where} is {written!r}, expected USD for a million tokens in quotes, such as "2.50"')
