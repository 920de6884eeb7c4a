"""`ci/policy.toml`: what the gate demands, parsed strictly and named by the digest of its bytes."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from autarch.canonical import Sha256, parse_toml, sha256_hex
from autarch.errors import ConfigError
from autarch.verdict import CheckClass

CHECK_NAMES: tuple[str, ...] = ("scope", "policy", "determinism", "causality", "warmup", "backtest", "risk")
"""Every check of the gate, in the order it runs them: cheap and damning first."""

DEFAULT_PATH = "ci/policy.toml"
POLICY_BYTES_MAX = 65_536


class DataPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Data sets whose verdicts count; the first is the gate's default."""

    datasets: tuple[str, ...]


class RequiredPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names of the checks that must be green on a head, by kind of pull request."""

    strategy: tuple[str, ...]
    platform: tuple[str, ...]


class CausalityPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many bars are asked again without their future, in fresh children, and with a poisoned one."""

    cuts: int
    fresh_cuts: int
    poisoned_blocks: int


class WarmupPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much more history the second opinion sees, and how far it may disagree."""

    history_multiple: int
    tolerance_of_max_leverage: float
    disagreement_frac_max: float
    compared_frac_min: float


class BacktestPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Starting capital in quote units, the least number of fills, and bars of a symbol that backtrader replays."""

    capital: float
    fills_min: int
    referee_bars: int


class RiskPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the risk check; units stand in the names."""

    drawdown_frac_max: float
    leverage_max: float
    liquidation_distance_frac_min: float
    turnover_per_day_max: float
    expected_shortfall_frac_max: float
    worst_day_frac_max: float
    participation_frac_max: float


class TiersPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares of an account that unpromoted strategies may trade with on a real venue."""

    probe_capital_frac: float
    probe_together_frac: float


class _Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int
    walkthrough: bool
    data: DataPolicy
    required: RequiredPolicy
    classes: dict[str, CheckClass]
    causality: CausalityPolicy
    warmup: WarmupPolicy
    backtest: BacktestPolicy
    risk: RiskPolicy
    tiers: TiersPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A parsed policy. `path` is relative to the project's root; `digest` covers the file's bytes.

    `walkthrough` marks limits that are wide open for a walk-through: named in verdicts, tags and
    reports, refused by deployers for real venues.
    """

    path: str
    digest: Sha256
    walkthrough: bool
    data: DataPolicy
    required: RequiredPolicy
    classes: Mapping[str, CheckClass]
    causality: CausalityPolicy
    warmup: WarmupPolicy
    backtest: BacktestPolicy
    risk: RiskPolicy
    tiers: TiersPolicy

    def required_checks(self, kind: str) -> tuple[str, ...]:
        """Return the names that must be green for a pull request of `kind` (strategy or platform)."""
        return self.required.strategy if kind == "strategy" else self.required.platform


def load_policy(root: Path, path: str = DEFAULT_PATH) -> Policy:
    """Read the policy at `path`, relative to the project's root or absolute inside it.

    Raises:
        ConfigError: no such file, outside the project, or malformed as `parse_policy` tells.
    """
    file = Path(path) if Path(path).is_absolute() else root / path
    try:
        relative = file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise ConfigError(f"policy {file} is outside the project {root}; verify could not find it again") from error
    if not file.is_file():
        raise ConfigError(f"policy {file} does not exist; the default is {DEFAULT_PATH}")
    return parse_policy(file.read_bytes(), path=relative)


def parse_policy(content: bytes, *, path: str) -> Policy:
    """Return the policy in `content`; `path` is where it stands in the project.

    Raises:
        ConfigError: not TOML, a missing, unknown or ill-typed key, a value out of range, or a
            required check that does not exist or may not block.
    """
    if len(content) > POLICY_BYTES_MAX:
        raise ConfigError(f"{path} has {len(content)} bytes; at most {POLICY_BYTES_MAX} are read")
    try:
        wire = msgspec.convert(parse_toml(content), _Wire, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not UTF-8 TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; see ci/policy.py for the keys") from error
    if wire.schema != 1:
        raise ConfigError(f"{path}: schema is {wire.schema}; this version reads schema 1")
    _check_names(wire, path)
    _check_ranges(wire, path)
    fields = {name: getattr(wire, name) for name in wire.__struct_fields__ if name != "schema"}
    return Policy(path=path, digest=sha256_hex(content), **fields)


def _check_names(wire: _Wire, path: str) -> None:
    if sorted(wire.classes) != sorted(CHECK_NAMES):
        raise ConfigError(
            f"{path}: [classes] names {', '.join(sorted(wire.classes))}; expected {', '.join(CHECK_NAMES)}"
        )
    for name in (*wire.required.strategy, *wire.required.platform):
        if wire.classes.get(name) not in {"law", "limit"}:
            raise ConfigError(f"{path}: [required] names {name!r}, which is no law or limit of [classes]")
    if not wire.data.datasets or not wire.required.strategy or not wire.required.platform:
        raise ConfigError(f"{path}: [data] datasets and both lists of [required] must name something")


def _check_ranges(wire: _Wire, path: str) -> None:
    least_one = {
        "causality.cuts": wire.causality.cuts,
        "causality.fresh_cuts": wire.causality.fresh_cuts,
        "causality.poisoned_blocks": wire.causality.poisoned_blocks,
        "warmup.history_multiple": wire.warmup.history_multiple - 1,
        "backtest.capital": wire.backtest.capital,
        "backtest.referee_bars": wire.backtest.referee_bars,
    }
    fractions = {
        "warmup.tolerance_of_max_leverage": wire.warmup.tolerance_of_max_leverage,
        "warmup.disagreement_frac_max": wire.warmup.disagreement_frac_max,
        "warmup.compared_frac_min": wire.warmup.compared_frac_min,
        "tiers.probe_capital_frac": wire.tiers.probe_capital_frac,
        "tiers.probe_together_frac": wire.tiers.probe_together_frac,
    }
    numbers = {f"risk.{name}": getattr(wire.risk, name) for name in wire.risk.__struct_fields__}
    numbers["backtest.fills_min"] = wire.backtest.fills_min
    for name, value in {**least_one, **fractions, **numbers}.items():
        low, high = (1.0 if name in least_one else 0.0), (1.0 if name in fractions else math.inf)
        if not (math.isfinite(value) and low <= value <= high):
            raise ConfigError(f"{path}: {name} is out of range at {value}; expected {low} to {high}")
