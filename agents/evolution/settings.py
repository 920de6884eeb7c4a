"""`agents/evolve.toml`: how the loop works, as data that anyone may edit."""

from __future__ import annotations

import tomllib
from typing import Annotated

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import ConfigError

DEFAULT_PATH = "agents/evolve.toml"
SCHEMA = 1

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Weight = Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Few = Annotated[int, msgspec.Meta(ge=0, le=100)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: every key is required."""


class Loop(_Section, frozen=True, kw_only=True):
    """`[loop]`: rounds and islands."""

    candidates_per_round: Count
    baseline_frac: Share
    islands: Annotated[int, msgspec.Meta(ge=1, le=50)]
    migrate_every_rounds: Count
    stagnant_rounds_max: Count
    founders: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 6


class Operators(_Section, frozen=True, kw_only=True):
    """`[operators]`: relative weights."""

    mutate: Weight
    cross: Weight
    create: Weight
    simplify: Weight
    repair: Weight
    port: Weight
    repairs_max: Few


class Novelty(_Section, frozen=True, kw_only=True):
    """`[novelty]`: what counts as a copy."""

    alike_max: Share
    same_direction_max: Share


class Bandit(_Section, frozen=True, kw_only=True):
    """`[bandit]`: how proposals are shared out among agents."""

    explore_frac: Share
    free_usd: Annotated[float, msgspec.Meta(gt=0.0)]


class Tuning(_Section, frozen=True, kw_only=True):
    """`[tuning]`: the numbers of a new structure."""

    trials: Annotated[int, msgspec.Meta(ge=2, le=10_000)]
    folds: Annotated[int, msgspec.Meta(ge=2, le=50)]


class Gate(_Section, frozen=True, kw_only=True):
    """`[gate]`: what is worth a gate."""

    score_min: float
    minutes_per_day_max: Annotated[float, msgspec.Meta(ge=0.0)]


class Tournament(_Section, frozen=True, kw_only=True):
    """`[tournament]`: how many pull requests come out."""

    max_prs_per_night: Few
    max_open_prs: Few


class Archive(_Section, frozen=True, kw_only=True):
    """`[archive]`: ascending bounds between behaviours."""

    turnover_per_day: tuple[float, ...]
    holding_hours: tuple[float, ...]
    direction_bias: tuple[float, ...]


class Settings(_Section, frozen=True, kw_only=True):
    """All of evolve.toml."""

    schema: int
    loop: Loop
    operators: Operators
    novelty: Novelty
    bandit: Bandit
    tuning: Tuning
    gate: Gate
    tournament: Tournament
    archive: Archive
    review: dict[str, tuple[str, ...]]


def parse_settings(content: bytes, *, path: str = DEFAULT_PATH) -> Settings:
    """Return the settings in `content`.

    Raises:
        ConfigError: not TOML, or a missing, unknown, ill-typed or impossible key.
    """
    try:
        found = msgspec.convert(parse_toml(content), Settings, strict=False)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not UTF-8 TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; main's own file shows every key") from error
    if found.schema != SCHEMA:
        raise ConfigError(f"{path}: schema is {found.schema}; this version reads schema {SCHEMA}")
    for name in ("turnover_per_day", "holding_hours", "direction_bias"):
        bounds = getattr(found.archive, name)
        if not bounds or list(bounds) != sorted(set(bounds)):
            raise ConfigError(f"{path}: [archive] {name} is {list(bounds)}; write ascending bounds, at least one")
    if found.operators.mutate + found.operators.create <= 0.0:
        raise ConfigError(f"{path}: [operators] gives neither mutate nor create a weight; nothing could begin")
    return found
