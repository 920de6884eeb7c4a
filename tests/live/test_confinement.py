"""A host may demand more of confinement than the release was judged under, and never less."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from autarch.errors import ConfigError, DeployError
from autarch.sandbox.layers import REQUIRED, WANTED
from live.confinement import demanded
from live.portfolio import Limits, tighten

POLICY = b"[sandbox]\nrequired = [" + ", ".join(f'"{name}"' for name in REQUIRED).encode() + b"]\n"


def test_without_a_word_of_its_own_a_host_demands_what_the_policy_does() -> None:
    assert demanded(POLICY, None).required == REQUIRED
    assert demanded(POLICY, b"orders_per_minute = 5\n").required == REQUIRED


def test_the_committed_policy_is_understood(root: Path) -> None:
    assert set(demanded((root / "ci/policy.toml").read_bytes(), None).required) >= set(REQUIRED)


def test_a_host_adds_layers_and_they_are_no_longer_only_wanted() -> None:
    found = demanded(POLICY, b'confinement = ["pid namespace"]\n')

    assert set(found.required) == {*REQUIRED, "pid namespace"}
    assert set(found.wanted) == set(WANTED) - {"pid namespace"}


def test_a_policy_that_demands_more_is_followed_by_every_host() -> None:
    stricter = POLICY.replace(b"required = [", b'required = ["empty root", ')

    assert "empty root" in demanded(stricter, b"confinement = []\n").required


def test_neither_can_let_a_layer_of_the_code_go() -> None:
    found = demanded(b"[sandbox]\nrequired = []\n", b"confinement = []\n")

    assert found.required == REQUIRED


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (b'confinement = ["moat"]\n', "no layer of confinement is called moat"),
        (b'confinement = "landlock"\n', "write a list of layers"),
        (b"confinement = [1]\n", "write a list of layers"),
        (b"confinement = [\n", "limits.toml"),
    ],
)
def test_a_layer_that_is_none_stops_the_host(limits: bytes, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        demanded(POLICY, limits)


def test_the_same_file_tightens_limits_as_well() -> None:
    limits = Limits(
        max_gross_leverage=2.0,
        max_order_notional=Decimal(1000),
        orders_per_minute=60,
        max_daily_loss_frac=0.1,
        max_drawdown_frac=0.2,
    )

    found = tighten(limits, b'confinement = ["pid namespace"]\norders_per_minute = 5\n')

    assert found == replace(limits, orders_per_minute=5)


@pytest.mark.parametrize(
    "policy", [b"", b"[sandbox]\n", b"[sandbox]\nrequired = 3\n", b'[sandbox]\nrequired = ["moat"]\n']
)
def test_a_policy_without_layers_is_no_policy_to_trade_under(policy: bytes) -> None:
    with pytest.raises(DeployError, match="released policy"):
        demanded(policy, None)
