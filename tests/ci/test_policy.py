"""The policy file: parsed strictly, named by its bytes, the walk-through's laws as hard as the real one's."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from autarch.errors import ConfigError
from ci.policy import CHECK_NAMES, Policy, load_policy, parse_policy

from .test_presets import LIMIT_TABLES


@pytest.fixture
def content(root: Path) -> bytes:
    return (root / "ci/policy.toml").read_bytes()


def parsed(content: bytes, old: str, new: str) -> Policy:
    text = content.decode()
    assert old in text
    return parse_policy(text.replace(old, new, 1).encode(), path="ci/policy.toml")


def test_both_committed_policies_parse_and_only_one_is_a_walk_through(root: Path) -> None:
    real, walk = load_policy(root), load_policy(root, "ci/policy.walkthrough.toml")

    assert (real.walkthrough, walk.walkthrough) == (False, True)
    assert walk.data.datasets == ("bybit-15m",)
    assert walk.classes == real.classes
    assert walk.causality == real.causality
    assert walk.required == real.required


def test_the_digest_is_the_sha256_of_the_bytes(root: Path, content: bytes) -> None:
    assert load_policy(root).digest == hashlib.sha256(content).hexdigest()


def test_every_check_is_required_of_a_strategy(root: Path) -> None:
    assert load_policy(root).required_checks("strategy") == CHECK_NAMES
    assert load_policy(root).required_checks("platform") == ("scope",)


@pytest.mark.parametrize("name", ["policy.toml", "policy.walkthrough.toml"])
def test_one_sentence_stands_above_every_limit(root: Path, name: str) -> None:
    lines = (root / "ci" / name).read_text().splitlines()
    tables = tomllib.loads("\n".join(lines))
    limits = {key for table in LIMIT_TABLES for key in tables[table]}

    for number, line in enumerate(lines):
        found = re.match(r"([a-z_]+) = ", line)
        if found and found[1] in limits:
            assert lines[number - 1].startswith("# "), f"{name}:{number + 1} {found[1]} has no sentence"
            assert lines[number - 1].endswith(".")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("schema = 1", "schema = 2", "schema is 2"),
        ("walkthrough = false", "walkthrough = 0", "walkthrough"),
        ("walkthrough = false", "walkthrough = false\nwalk = true", "walk"),
        ("cuts = 6000", "cutz = 6000", "cutz"),
        ("cuts = 6000", "cuts = 0", "`int` >= 1 - at `$.causality.cuts`"),
        ("cuts = 6000", 'cuts = "6000"', "cuts"),
        ("history_multiple = 4", "history_multiple = 1", "warmup.history_multiple"),
        ("referee_bars = 20000", "referee_bars = 0", "backtest.referee_bars"),
        ("drawdown_frac_max = 0.35", "drawdown_frac_max = nan", "risk.drawdown_frac_max"),
        ("drawdown_frac_max = 0.35", "drawdown_frac_max = inf", "risk.drawdown_frac_max is inf"),
        ("drawdown_frac_max = 0.35", "drawdown_frac_max = -0.1", "risk.drawdown_frac_max"),
        ("probe_capital_frac = 0.02", "probe_capital_frac = 2.0", "tiers.probe_capital_frac"),
        ('platform = ["scope"]', 'platform = ["scop"]', "scop"),
        ('platform = ["scope"]', "platform = []", "required"),
        ("annual_return_min = 0.01", "annual_return_min = nan", "robustness.annual_return_min is nan"),
        ("costs_factor = 1.5", "costs_factor = 0.5", "robustness.costs_factor"),
        ("folds = 5", "folds = 0", "robustness.folds"),
        ("jitter_sets = 16", "jitter_sets = 100000", "robustness.jitter_sets"),
        ("crash_hour_frac = 0.15", "crash_hour_frac = 1.5", "risk.crash_hour_frac"),
        ('risk = "limit"', 'risk = "advice"', "risk"),
        ('risk = "limit"', 'risk = "soft"', "[classes] calls risk 'soft'; it is limit or advice in every policy"),
        ('causality = "law"', 'causality = "limit"', "causality 'limit'; it is law"),
        ('scope = "law"', 'scope = "advice"', "scope 'advice'; it is law"),
        ('"determinism", "causality", ', '"determinism", ', "leaves out causality"),
        ('datasets = ["synthetic"]', "datasets = []", "datasets"),
    ],
)
def test_a_policy_that_is_not_one_is_refused_by_name(content: bytes, old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        parsed(content, old, new)


def test_an_advice_check_cannot_be_required_and_never_blocks(content: bytes) -> None:
    text = content.replace(b'risk = "limit"', b'risk = "advice"').replace(b', "risk",', b",")

    assert parse_policy(text, path="ci/policy.toml").class_of("risk") == "advice"


def test_a_walk_through_is_for_paper_alone(content: bytes) -> None:
    with pytest.raises(ConfigError, match="paper_only = true"):
        parsed(content, "walkthrough = false", "walkthrough = true")


def test_a_missing_class_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigError, match="classes"):
        parsed(content, 'risk = "limit"\n', "")


def test_a_policy_outside_the_project_is_refused(root: Path, tmp_path: Path) -> None:
    stray = tmp_path / "policy.toml"
    stray.write_bytes((root / "ci/policy.toml").read_bytes())

    with pytest.raises(ConfigError, match="outside the project"):
        load_policy(root, str(stray))
    with pytest.raises(ConfigError, match="does not exist"):
        load_policy(root, "ci/other.toml")


def test_a_key_that_nothing_reads_is_refused_in_every_table(content: bytes) -> None:
    tables = [line for line in content.decode().splitlines() if re.fullmatch(r"\[\w+\]", line)]
    assert len(tables) >= len(LIMIT_TABLES)

    for table in tables:
        with pytest.raises(ConfigError, match="unheard_of"):
            parsed(content, f"{table}\n", f"{table}\nunheard_of = 'law'\n")
    with pytest.raises(ConfigError, match="unheard_of"):
        parse_policy(b"unheard_of = 1\n" + content, path="ci/policy.toml")
