"""The reference says what the code says: every verb, every limit, every file format."""

from __future__ import annotations

import tomllib

import pytest

from autarch.cli.app import VERBS
from autarch.cli.main import main
from autarch.cli.manual import TOPICS, page
from autarch.cli.manual_keys import FORMATS, attributes
from autarch.cli.manual_table import cell


def test_every_verb_has_a_section_and_every_command_its_usage() -> None:
    commands = page("commands")

    for verb in VERBS:
        assert f"\n## autarch {verb}\n" in commands
    assert "\nautarch gate [OPTIONS] [TARGET]\n" in commands
    assert "\n### autarch ledger verify\n" in commands


def test_every_key_of_the_policy_stands_there_with_its_value_and_range(root) -> None:
    policy = page("policy")
    parsed = tomllib.loads((root / "ci" / "presets" / "standard.toml").read_text("utf-8"))

    keys = [key for name, value in parsed.items() for key in (value if isinstance(value, dict) else [name])]
    assert len(keys) > 60
    for key in keys:
        assert f"| `{key}` |" in policy, key
    (drawdown,) = [line for line in policy.splitlines() if line.startswith("| `drawdown_frac_max` |")]
    assert f"| number >= 0 | `{parsed['risk']['drawdown_frac_max']}`" not in drawdown  # research stands first
    assert f"| `{parsed['risk']['drawdown_frac_max']}` |" in drawdown
    assert "| number >= 0 |" in drawdown


def test_every_format_has_its_keys() -> None:
    formats = page("formats")

    for each in FORMATS:
        assert f"\n## {each.title}\n" in formats
    assert "| `warmup` | integer | must be there | Bars of history before a decision counts. |" in formats
    assert '| `handover` | `adopt` or `drain` or `flatten` | `"adopt"` |' in formats


def test_no_page_names_a_private_class_or_a_memory_address() -> None:
    for topic in TOPICS:
        assert " object at 0x" not in page(topic)
        assert "_Wire" not in page(topic)


def test_attributes_are_read_over_several_lines_and_end_with_their_section() -> None:
    said = (
        "A thing.\n\nAttributes:\n    one: The first\n        and more.\n    two: The second.\n\nRaises:\n    E: never."
    )

    assert attributes(said) == {"one": "The first and more.", "two": "The second."}


def test_a_cell_cannot_end_its_column_or_open_a_tag() -> None:
    assert cell("a | b\n<script>") == "a \\| b &lt;script>"


def test_an_unknown_page_is_misuse_and_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["manual", "limits"]) == 2
    assert "the pages are commands, policy, formats" in capsys.readouterr().err


def test_the_pages_of_the_reference_are_what_the_code_says(root, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        assert main(["manual", "--write", str(root / "docs" / "reference")]) == 0

    for topic in TOPICS:
        kept = (root / "docs" / "reference" / f"{topic}.md").read_text("utf-8")
        assert kept == page(topic), "run: .venv/bin/pytest tests/cli/test_manual.py --update-golden"
