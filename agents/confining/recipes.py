"""Recipes for command-line agents: agents/recipes.toml, or the workspace's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from agents.models import Vendor
from autarch.canonical import parse_toml
from autarch.errors import ConfigError, UsageError

PATH = Path(__file__).parent.parent / "recipes.toml"
OVERRIDE = ".autarch/agents/recipes.toml"
NAME = re.compile(r"[a-z][a-z0-9-]{1,30}\Z")
_HOST = re.compile(r"[a-z0-9.-]{3,100}\Z")


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one program is run; see the head of agents/recipes.toml for each key."""

    program: str
    arguments: tuple[str, ...]
    output: Literal["claude", "codex"]
    vendor: Vendor
    model: str
    key: str
    key_in: str
    upstream: str
    reads: tuple[str, ...] = ()
    login: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    environment: dict[str, str] = {}

    def filled(self, values: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the arguments and the environment with every {name} replaced."""
        return (
            tuple(_fill(text, values) for text in (self.program, *self.arguments)),
            {name: _fill(text, values) for name, text in self.environment.items()},
        )


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    schema: int
    recipes: dict[str, Recipe]


def read_recipes(workspace: Path | None = None) -> dict[str, Recipe]:
    """Return every recipe by name.

    Raises:
        ConfigError: the list does not parse, or a name or a host is none.
    """
    own = None if workspace is None else workspace / OVERRIDE
    path = own if own is not None and own.is_file() else PATH
    try:
        recipes = msgspec.convert(parse_toml(path.read_bytes()), _Wire, strict=True).recipes
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}; see the head of agents/recipes.toml for the keys") from error
    for name, recipe in recipes.items():
        if not NAME.match(name):
            raise ConfigError(f"{path}: {name!r} is no recipe's name; it matches {NAME.pattern}")
        bad = [host for host in recipe.hosts if not _HOST.match(host)]
        if bad or (recipe.upstream and not recipe.upstream.startswith("https://")):
            raise ConfigError(f"{path}: {name}: hosts are names such as api.example.com, upstream begins with https://")
    return recipes


def find_recipe(name: str, workspace: Path | None = None) -> Recipe:
    """Return one recipe.

    Raises:
        UsageError: there is none of that name.
        ConfigError: as `read_recipes`.
    """
    recipes = read_recipes(workspace)
    if name not in recipes:
        raise UsageError(f"there is no recipe {name!r}; there are: {', '.join(recipes)}. Write one into {OVERRIDE}")
    return recipes[name]


def _fill(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda match: values.get(match.group(1), match.group(0)), text)
