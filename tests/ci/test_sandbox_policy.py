"""What the policy demands of confinement: more than the code does, never less."""

from __future__ import annotations

from pathlib import Path

import pytest

from autarch.errors import ConfigError
from autarch.sandbox.layers import DEMANDS
from ci.policy import Policy, load_policy, parse_policy


def parsed(root: Path, old: str, new: str) -> Policy:
    text = (root / "ci/policy.toml").read_text(encoding="ascii")
    assert old in text
    return parse_policy(text.replace(old, new, 1).encode("ascii"), path="ci/policy.toml")


@pytest.mark.parametrize("name", ["ci/policy.toml", "ci/policy.walkthrough.toml"])
def test_the_committed_policies_demand_what_a_live_host_does(root: Path, name: str) -> None:
    demands = load_policy(root, name).sandbox.demands()

    assert demands == DEMANDS


def test_a_policy_may_require_a_wanted_layer(root: Path) -> None:
    text = (root / "ci/policy.toml").read_text(encoding="ascii")
    strict = text.replace(', "empty root"]', "]", 1).replace('"still clock",', '"still clock", "empty root",', 1)

    demands = parse_policy(strict.encode("ascii"), path="ci/policy.toml").sandbox.demands()

    assert set(demands.required) - set(DEMANDS.required) == {"empty root"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"landlock",', "", "once; see landlock"),
        ('"landlock",', '"luck",', "no layer of confinement is called luck"),
        ('"pid namespace",', "", "once; see pid namespace"),
        ("strategy_seconds = 300.0", "strategy_seconds = 0.0", "strategy_seconds"),
    ],
)
def test_a_policy_that_names_layers_wrongly_is_refused_with_its_path(root: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"ci/policy.toml.*{told}"):
        parsed(root, old, new)


def test_a_policy_that_only_wants_what_the_code_requires_is_refused(root: Path) -> None:
    text = (root / "ci/policy.toml").read_text(encoding="ascii")
    lowered = text.replace('"landlock",', "", 1).replace('"pid namespace",', '"pid namespace", "landlock",', 1)

    with pytest.raises(ConfigError, match="landlock must be required"):
        parse_policy(lowered.encode("ascii"), path="ci/policy.toml")
