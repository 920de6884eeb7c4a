"""Prices and caps are data of a day: what is missing or malformed is an error, and never zero."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from agents.models import PATH, parse_models, read_models
from agents.ports import Caps, UnknownModelError
from agents.spending.caps import read_budget
from autarch.errors import ConfigError


def test_an_unknown_model_is_an_error_that_says_where_to_write_it():
    with pytest.raises(UnknownModelError, match=r"agents/models\.toml"):
        read_models().get("claude-99")


def listed(text: str) -> bytes:
    return PATH.read_bytes().replace(b'input = "4.00"', text.encode(), 1)


@pytest.mark.parametrize("line", ['input = "free"', 'input = "-1"', 'input = "NaN"', "input = 4.0", ""])
def test_a_price_that_is_missing_or_no_price_is_an_error_and_never_zero(line):
    with pytest.raises(ConfigError):
        parse_models(listed(line))


def test_a_default_that_is_not_listed_is_an_error():
    with pytest.raises(ConfigError, match="default"):
        parse_models(PATH.read_bytes().replace(b'claude = "claude-sonnet-5-5"', b'claude = "gone"'))


def test_the_list_goes_stale_the_day_after_its_days():
    models = read_models()
    fresh = date.fromordinal(models.as_of.toordinal() + models.stale_after_days)

    assert models.staleness(fresh) is None
    assert "compare it" in (models.staleness(date.fromordinal(fresh.toordinal() + 1)) or "")


def test_a_workspace_may_have_lists_of_its_own(tmp_path):
    folder = tmp_path / ".autarch/agents"
    folder.mkdir(parents=True)
    (folder / "models.toml").write_bytes(PATH.read_bytes().replace(b"claude-opus-5-5", b"my-model"))
    (folder / "budgets.toml").write_text('schema = 1\n[day]\nusd = "0"\n')

    assert "my-model" in read_models(tmp_path).models
    assert read_budget(tmp_path).day == Caps(usd=Decimal(0))
    assert read_budget().day.usd == Decimal("20.00")


@pytest.mark.parametrize(
    "text", ['[day]\nusd = "x"', '[day]\nusd = "-1"', "[day]\ntokens = -1", "[year]\nturns = 1", "[day]\nusd = 5"]
)
def test_caps_that_are_none_are_refused(tmp_path, text):
    folder = tmp_path / ".autarch/agents"
    folder.mkdir(parents=True)
    (folder / "budgets.toml").write_text(f"schema = 1\n{text}\n")

    with pytest.raises(ConfigError):
        read_budget(tmp_path)
