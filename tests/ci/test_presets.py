"""Presets: every key said, strict nowhere looser, research nowhere tighter, laws the same, and named honestly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from autarch.canonical import parse_toml
from autarch.errors import ConfigError
from ci.policy import CHECK_NAMES, PRESETS, Policy, load_policy, parse_policy, preset_of

from .preset_changes import CHANGES, derived

LIMIT_TABLES = (
    "causality",
    "warmup",
    "memory",
    "backtest",
    "parity",
    "risk",
    "robustness",
    "evidence",
    "lanes",
    "tiers",
    "promotion",
)


def limits(policy: Policy) -> Iterator[tuple[str, float]]:
    """Return every number by its dotted name."""
    tables = msgspec.to_builtins(policy)
    for table in LIMIT_TABLES:
        for key, value in tables[table].items():
            yield f"{table}.{key}", float(value)


def tighter_or_equal(name: str, value: float, than: float) -> bool:
    """Say whether one limit asks at least as much as the other; more cuts, factors and minima ask more."""
    key = name.partition(".")[2]
    more_asks_more = key.endswith(("_min", "_factor", "_multiple")) or key in {
        "cuts", "fresh_cuts", "poisoned_blocks", "crash_hour_frac", "jitter_sets", "folds", "referee_bars",
        "placebo_bars", "book_resamples", "bars", "changes", "random_bars", "search_sets", "spa_resamples",
    }  # fmt: skip
    return value >= than if more_asks_more else value <= than


@pytest.fixture(scope="module")
def presets(root: Path) -> dict[str, Policy]:
    return {name: load_policy(root, path) for name, path in PRESETS.items()}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_preset_is_the_committed_policy_but_for_the_changes_it_names(
    root: Path, name: str, request: pytest.FixtureRequest
) -> None:
    path, wanted = root / PRESETS[name], derived(name, (root / "ci/policy.toml").read_text())
    if request.config.getoption("--update-golden"):
        path.write_text(wanted)

    assert path.read_text() == wanted, "ci/policy.toml has changed: pytest tests/ci/test_presets.py --update-golden"


def test_the_committed_policy_is_the_preset_standard_byte_for_byte_but_for_its_data_sets(root: Path) -> None:
    ours, standard = ((root / path).read_text() for path in ("ci/policy.toml", PRESETS["standard"]))
    data = re.compile(r"^datasets = .*$", re.MULTILINE)

    assert data.sub("", ours) == data.sub("", standard)


def test_strict_asks_at_least_as_much_as_standard_and_research_at_most(presets: dict[str, Policy]) -> None:
    standard = dict(limits(presets["standard"]))
    strict, research = dict(limits(presets["strict"])), dict(limits(presets["research"]))

    assert [
        n for n, value in strict.items() if n != "backtest.capital" and not tighter_or_equal(n, value, standard[n])
    ] == []
    assert [
        n for n, value in standard.items() if n != "backtest.capital" and not tighter_or_equal(n, value, research[n])
    ] == []
    assert strict != standard != research


def test_no_preset_loosens_a_law(presets: dict[str, Policy]) -> None:
    for policy in presets.values():
        assert policy.causality.cuts >= presets["standard"].causality.cuts
        assert policy.sandbox == presets["standard"].sandbox
        assert policy.backtest.referee_bars == presets["standard"].backtest.referee_bars
        assert {name for name in CHECK_NAMES if policy.class_of(name) == "law"} <= set(policy.required.strategy)


def test_only_standard_and_strict_may_reach_a_real_venue(presets: dict[str, Policy]) -> None:
    from live.evidence_check import is_paper_only

    assert {name for name, policy in presets.items() if policy.paper_only} == {"research", "walkthrough"}
    root = Path(__file__).parents[2]
    for name, path in PRESETS.items():
        assert is_paper_only((root / path).read_bytes()) == presets[name].paper_only


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_one_sentence_stands_above_every_limit(root: Path, name: str) -> None:
    lines = (root / PRESETS[name]).read_text().splitlines()
    keys = {key for table in LIMIT_TABLES for key in parse_toml("\n".join(lines).encode())[table]}

    for number, line in enumerate(lines):
        found = re.match(r"([a-z_]+) = ", line)
        if found and found[1] in keys:
            assert lines[number - 1].startswith("# "), f"{PRESETS[name]}:{number + 1} {found[1]} has no sentence"
            assert lines[number - 1].endswith(".")


def test_a_policy_is_named_by_its_preset_while_they_agree_in_all_but_data(root: Path) -> None:
    def read(path: str) -> bytes | None:
        return (root / path).read_bytes() if (root / path).is_file() else None

    def named(*changes: tuple[str, str], of: str = "strict", reading=read) -> str:
        text = (root / PRESETS[of]).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        return preset_of(parse_policy(text.encode(), path="ci/policy.toml"), reading)

    assert [named(of=name) for name in PRESETS] == list(PRESETS)
    assert named(('datasets = ["synthetic"]', 'datasets = ["mine", "theirs"]')) == "strict"
    assert named(("drawdown_frac_max = 0.20", "drawdown_frac_max = 0.21")) == "own"
    assert named(('preset = "strict"', 'preset = "standard"')) == "own"
    assert named(('preset = "strict"', 'preset = "../policy"')) == "own"
    assert named(("paper_only = true", "paper_only = false"), of="research") == "own"
    assert named(reading=lambda _path: None) == "own"
    assert named(reading=lambda _path: b"schema = 9") == "own"


def test_a_law_cannot_be_demoted_or_left_out(root: Path) -> None:
    text = (root / PRESETS["research"]).read_text()

    for old, new in (('causality = "law"', 'causality = "advice"'), ('"causality", "warmup"', '"warmup"')):
        assert old in text
        with pytest.raises(ConfigError, match="causality"):
            parse_policy(text.replace(old, new).encode(), path="x.toml")
