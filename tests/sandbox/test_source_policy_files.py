"""The policy on whole files: bytes, nesting, budgets, thesis, decide, and the manifest beside them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.manifest import parse_source
from autarch.sandbox import source_budget, source_text
from autarch.sandbox.source_policy import check_source

MANIFEST = """
schema = 1
name = "probe"
title = "A probe"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 100
max_leverage = 1.0
[params]
"""

THESIS = '''"""A probe.

Thesis: prices move.
Source: own choice.
Dies when: they stop.
"""
'''

BODY = '''
import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Stay flat."""
    x = {x}
    return Targets(exposure=np.zeros(len(bars.close)))
'''


def check(code, *, params=""):
    raw = code if isinstance(code, bytes) else code.encode()
    return check_source(parse_source(slug="probe", manifest_bytes=(MANIFEST + params).encode(), code=raw))


def constructs(code, *, params=""):
    return [f.construct for f in check(code, params=params)]


def with_value(x):
    return THESIS + BODY.replace("{x}", x)


def test_a_plain_strategy_passes():
    assert check(with_value("1.5")) == ()


@pytest.mark.parametrize(
    ("code", "construct", "cure"),
    [
        (with_value("1").encode() + b"\n# a \x00 byte", "character", "control character"),
        (with_value("1").encode() + b"\n# \xff", "character", "not ASCII"),
        (with_value("1") + "# \u202e turned", "character", "not ASCII"),
        (with_value("(2).\uff3f\uff3fdict\uff3f\uff3f"), "character", "not ASCII"),
        (with_value("1").replace("x = ", "\u0445 = "), "character", "not ASCII"),
        (with_value("1").encode("utf-16"), "character", "not ASCII"),
        ("\ufeff" + with_value("1"), "character", "not ASCII"),
        (with_value("1").replace("\n", "\r\n"), "character", "LF line ends"),
        (with_value("1").replace("    ", "\t"), "character", "indent with spaces"),
        (with_value("1") + "\x0c", "character", "control character"),
        ("# coding: utf-7\n" + with_value("1"), "coding cookie", "remove"),
        ("#\n# -*- encoding=latin-1 -*-\n" + with_value("1"), "coding cookie", "remove"),
        (with_value("1") + "#" * 65_536, "size", "one idea"),
        (with_value("(1"), "syntax", "correct it"),
        (with_value("1") + "\n  x = 3", "syntax", "correct it"),
        (with_value("0777"), "syntax", "correct it"),
        (with_value("9" * 5000), "syntax", "correct it"),
        ("", "decide", "exactly one"),
    ],
)
def test_bytes_that_are_not_plain_text_of_one_file_are_refused(code, construct, cure):
    found = check(code)

    assert found[0].construct == construct
    assert cure in found[0].message


@pytest.mark.parametrize(
    "x",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "[" * 150 + "]" * 150,
        "{1:" * 150 + "1" + "}" * 150,
        "(" * 33 + "1" + ")" * 33,
        "-" * 30_000 + "1",
        "not " * 10_000 + "1",
        "1" + " + 1" * 10_000,
        "bars" + ".close" * 8_000,
        "bars" + "[0]" * 15_000,
        "bars" + "()" * 15_000,
        "lambda: " * 5_000 + "1",
        "1 if 1 else " * 5_000 + "1",
        "1 < " * 9_000 + "1",
        "2 ** " * 9_000 + "1",
        'f"' + "{" * 200 + "1" + "}" * 200 + '"',
        "~" * 60 + "1",
    ],
    ids=lambda x: x[:12],
)
def test_deep_or_endless_expressions_are_refused_and_never_crash(x):
    assert set(constructs(with_value(x))) & {"nesting", "syntax", "size", "container", "numbers"}


def test_deep_blocks_are_refused():
    deep = "".join("    " * (n + 1) + "if True:\n" for n in range(70)) + "    " * 71 + "pass\n"

    assert "nesting" in constructs(with_value("1") + "\ndef f():\n" + deep)


def test_brackets_inside_texts_and_comments_do_not_count():
    many = "(" * 100
    docstring = with_value("1").replace("A probe.", f"A probe {many}.")

    assert check(docstring + f"# {many}\n") == ()
    assert check(with_value("'(((((((((((((((((((('")) == ()


@pytest.mark.parametrize(
    "endless", ['"', '"""', "'", "'''", '"""' + '"\\' * 30_000, '"' + "\\'" * 30_000, '"""' + 'a"' * 32_000]
)
def test_a_text_that_does_not_end_is_named_where_it_begins_and_searched_once(endless):
    code = with_value("1") + "\nx = 1  # '\ny = " + endless

    (finding,) = check(code)

    assert (finding.construct, finding.line) == ("syntax", code[: code.rindex("y = ")].count("\n") + 1)
    assert "does not end" in finding.message


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_policy_raise(tail):
    assert isinstance(check(with_value("1").encode() + tail), tuple)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from([*"()[]{}:=.,\"'\\#@ \n", "f", "lambda", "    ", "x", "1", "for", "in", "if", "def"]),
        max_size=40,
    )
)
def test_no_text_of_pythons_pieces_makes_the_policy_raise(pieces):
    assert isinstance(check(THESIS + "".join(pieces)), tuple)


def test_the_token_pattern_is_linear_in_hostile_quotes():
    text = "'" * 20_000 + '"""' + "\\" * 20_000 + "(" * 9

    assert sum(1 for _ in source_text._TOKEN.finditer(text)) > 0


@pytest.mark.parametrize(
    ("x", "construct"),
    [
        ("[" + ", ".join(str(n % 10) for n in range(17)) + "]", "container"),
        ("(" + ", ".join("bars" for n in range(17)) + ")", "container"),
        ("{" + ", ".join(f"{n % 10}: 1" for n in range(9)) + "}", "container"),
        ("max(" + ", ".join("1" for n in range(17)) + ")", "container"),
        ("1.123456789", "number"),
        ("123456789", "number"),
        ("'" + "u" * 41 + "'", "string"),
        ("[" + ", ".join("[" + ", ".join(["12345678"] * 9) + "]" for _ in range(3)) + "]", "digits"),
        ("[" + ", ".join("[" + ", ".join(["1"] * 12) + "]" for _ in range(9)) + "]", "numbers"),
        ("[" + ", ".join("[" + ", ".join(["p"] * 16) + "]" for _ in range(11)) + "]", "container elements"),
        ("[" + ", ".join(["'" + "ud" * 20 + "'"] * 6) + "]", "letters in strings"),
    ],
)
def test_a_table_of_answers_exceeds_a_budget_that_is_named(x, construct):
    found = check(with_value(x))

    assert construct in [f.construct for f in found]
    assert re.search(r"at most \d+", next(f.message for f in found if f.construct == construct))


def test_a_container_at_its_limit_passes():
    assert check(with_value("[" + ", ".join(["1"] * 16) + "]")) == ()


def test_a_table_written_as_many_statements_is_too_large():
    table = "".join(f"    y = bars if bars.close[{n % 9}] > bars.open[0] else p\n" for n in range(500))

    assert "size" in constructs(with_value("1").replace("    return", table + "    return"))


def test_a_table_written_as_parameters_is_too_large():
    params = "".join(f"k{n} = {n}\n" for n in range(source_budget.PARAMS_MAX + 1))

    assert "parameters" in constructs(with_value("1"), params=params)


def test_a_table_packed_into_the_digits_of_parameters_is_too_large():
    reads = " + ".join(f"p.k{n}" for n in range(16))
    packed = "".join(f"k{n} = 0.{1234567890123456 + n}\n" for n in range(16))

    assert constructs(with_value(reads), params=packed) == ["digits in [params]"]
    assert check(with_value(reads), params=re.sub(r"(0\.\d{4})\d+", r"\1", packed)) == ()


def test_docstrings_are_free_of_the_string_budget_but_other_texts_are_not():
    long = "A long reason. " * 40

    assert check(with_value("1").replace("Stay flat.", long)) == ()
    assert "string" in constructs(with_value(f"'{long}'"))


@pytest.mark.parametrize("section", ["Thesis:", "Source:", "Dies when:"])
def test_a_missing_or_empty_section_of_the_thesis_is_named(section):
    whole = with_value("1")
    emptied = re.sub(rf"(?m)^{section}.*$", section + " ...", whole)
    removed = re.sub(rf"(?m)^{section}.*\n", "", whole)

    for code in (emptied, removed):
        (finding,) = check(code)
        assert finding.construct == "docstring"
        assert section in finding.message


def test_a_section_may_run_over_lines_and_be_indented():
    code = with_value("1").replace("Thesis: prices move.", "  Thesis:\n      prices move,\n      at length.")

    assert check(code) == ()


@pytest.mark.parametrize(
    "head",
    [
        "def decide(bars):",
        "def decide(bars, p, more):",
        "def decide(bars, p=None):",
        "def decide(bars, *p):",
        "def decide(bars, *, p):",
        "def decide(bars, p, **more):",
        "def decided(bars, p):",
    ],
)
def test_decide_takes_two_plain_arguments(head):
    code = re.sub(r"def decide\(.*:", head, with_value("1"))

    assert "decide" in constructs(code)


def test_decide_exists_exactly_once_and_at_module_level():
    code = with_value("1")
    twice = code + "\n\ndef decide(bars, p):\n    return 1\n"
    inside = code.replace(
        "def decide", "def outer(bars, p):\n    def decide(bars, p):\n        return 1\n\n\ndef other"
    )

    assert "decide" in constructs(twice)
    assert "decide" in constructs(inside)


def test_code_and_parameters_must_agree_both_ways():
    code = with_value("p.fast + p.slow")

    assert check(code, params="fast = 1\nslow = 2\n") == ()
    (missing,) = check(code, params="fast = 1\n")
    assert missing.construct == "p.slow"
    assert "fast" in missing.message
    (unused,) = check(code, params="fast = 1\nslow = 2\nidle = 3\n")
    assert unused.construct == "unused parameter"
    assert "idle" in unused.message


def test_a_parameter_read_in_a_helper_of_the_same_name_counts_as_read():
    helper = "\n\ndef _length(p):\n    return p.fast\n"

    assert check(with_value("_length(p)") + helper, params="fast = 1\n") == ()


def test_decide_may_name_its_arguments_otherwise():
    code = with_value("q.fast").replace("p: Params", "q: Params")

    assert check(code, params="fast = 1\n") == ()


@pytest.mark.parametrize("name", ["data", "base", "tofile", "to_csv", "read_csv", "set_flags", "view", "apply"])
def test_a_parameter_cannot_make_a_refused_attribute_look_like_a_parameter(name):
    code = with_value(f"_leak(p) + p.{name}") + f"\n\ndef _leak(p):\n    return p.{name}\n"

    found = constructs(code, params=f"{name} = 1\n")
    assert "parameter name" in found
    assert f".{name}" in found


def test_a_parameter_may_be_named_like_an_allowed_attribute():
    assert check(with_value("p.size * p.hour"), params="size = 1\nhour = 2\n") == ()
