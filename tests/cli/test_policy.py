"""`autarch policy`: which preset judges in this clone, what is one's own, and another preset in its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autarch.cli.main import main
from autarch.errors import ConfigError
from ci.policy import PRESETS, parse_policy, preset_of
from ci.policy_change import changes, switched


@pytest.fixture
def clone(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    for path in (*PRESETS.values(), "ci/policy.toml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, tmp_path / path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edited(clone: Path, old: str, new: str) -> None:
    policy = clone / "ci/policy.toml"
    text = policy.read_text()
    assert text.count(old) == 1
    policy.write_text(text.replace(old, new))


def test_the_committed_policy_is_standard(clone: Path, capsys) -> None:
    assert main(["policy", "show"]) == 0

    assert capsys.readouterr().out == "ci/policy.toml is preset standard\n"
    assert clone


def test_a_limit_of_ones_own_is_named_with_what_the_preset_says(clone: Path, capsys) -> None:
    edited(clone, "leverage_max = 3.0", "leverage_max = 2.5")

    assert main(["policy", "show"]) == 0
    told = capsys.readouterr().out
    assert main(["policy", "show", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)

    assert told.splitlines() == [
        "ci/policy.toml is preset own, made from standard",
        "  risk.leverage_max  3.0 -> 2.5",
    ]
    assert (said["preset"], said["named"], said["paper_only"]) == ("own", "standard", False)
    assert said["differs"] == [{"key": "risk.leverage_max", "was": 3.0, "now": 2.5}]


def test_another_preset_takes_its_place_and_leaves_the_data_sets(clone: Path, capsys) -> None:
    edited(clone, 'datasets = ["synthetic"', 'datasets = ["mine", "synthetic"')
    before = parse_policy((clone / "ci/policy.toml").read_bytes(), path="ci/policy.toml")

    assert main(["policy", "use", "strict", "--here"]) == 0

    assert "  risk.leverage_max  3.0 -> 1.5" in capsys.readouterr().out
    after = parse_policy((clone / "ci/policy.toml").read_bytes(), path="ci/policy.toml")
    assert preset_of(after, lambda path: (clone / path).read_bytes()) == "strict"
    assert after.data == before.data
    assert main(["policy", "show"]) == 0
    assert capsys.readouterr().out == "ci/policy.toml is preset strict\n"


def test_there_and_back_is_the_same_policy_to_the_byte(clone: Path) -> None:
    standard, strict = ((clone / PRESETS[name]).read_bytes() for name in ("standard", "strict"))
    mine = standard.replace(b'datasets = ["synthetic"]', b'datasets = ["mine"]')

    assert switched(switched(mine, strict), standard) == mine


def test_a_preset_that_is_no_policy_changes_nothing(clone: Path) -> None:
    present = (clone / "ci/policy.toml").read_bytes()

    with pytest.raises(ConfigError, match="preset is not UTF-8 TOML"):
        switched(present, b"schema = [")


def test_what_research_moves_is_told_key_by_key(clone: Path) -> None:
    standard, research = (
        parse_policy((clone / PRESETS[name]).read_bytes(), path="x") for name in ("standard", "research")
    )

    moved = {one.key: (one.was, one.now) for one in changes(standard, research)}

    assert moved["paper_only"] == (False, True)
    assert moved["classes.robustness"] == ("limit", "advice")
    assert not any(key.startswith("data.") for key in moved)
