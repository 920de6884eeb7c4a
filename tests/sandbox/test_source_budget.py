"""A table of a thousand answers is refused however it is spelled, at the line where it becomes too much."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.sandbox import source_budget

from .drafts import findings_of, text_of

N = 1_000
BITS = [(n * n // 7) % 2 for n in range(N)]
"""A thousand answers without a pattern that a loop would draw."""


def bits_as(size, digit):
    """The same answers, `size` at a time, each group written by `digit`."""
    groups = [BITS[at : at + size] for at in range(0, N, size)]
    return [digit(int("".join(map(str, group)), 2)) for group in groups]


def letters(value, alphabet="abcdefghijklmnop", count=6):
    return "".join(alphabet[value >> 4 * n & 15] for n in range(count))


SPELLINGS = {
    "one tuple": f"x = {tuple(BITS)}",
    "truth values": "x = [" + ", ".join(str(bool(b)) for b in BITS) + "]",
    "names in rows": "x = [" + ", ".join("fast" if b else "bars" for b in BITS) + "]",
    "nothing and something": "x = (" + ", ".join("None" if b else "fast" for b in BITS) + ")",
    "dots": "x = (" + ", ".join("..." if b else "fast" for b in BITS) + ")",
    "rows of rows": "x = [" + ", ".join(str(BITS[at : at + 10]) for at in range(0, N, 10)) + "]",
    "a dictionary": "x = {" + ", ".join(f"{n}: {b}" for n, b in enumerate(BITS)) + "}",
    "a line each": "\n".join(f"x{n} = {b}" for n, b in enumerate(BITS)),
    "one large number": f"x = {int(''.join(map(str, BITS)), 2)}",
    "numbers of eight digits": "\n".join(f"x{n} = {v}" for n, v in enumerate(bits_as(26, lambda v: v))),
    "numbers of eight digits, joined": "x = 0\n" + "\n".join(f"x = x * 99 + {v}" for v in bits_as(26, lambda v: v)),
    "fractions": "\n".join(f"x = 0.{v:08d}" for v in bits_as(26, lambda v: v)),
    "exponents": "\n".join(f"x = {1 + v % 9}e{v // 9}" for v in bits_as(6, lambda v: v)),
    "hexadecimal": "\n".join(f"x = {v:#x}" for v in bits_as(26, lambda v: v)),
    "a text of digits": "\n".join(f"x = '{v}'" for v in bits_as(24, lambda v: f"{v:024b}")),
    "a text of letters": "\n".join(f"x = '{v}'" for v in bits_as(24, letters)),
    "texts as keys": "x = {" + ", ".join(f"'{v}': fast" for v in bits_as(24, letters)) + "}",
    "bytes": "x = b'" + "".join(f"\\x{v:02x}" for v in bits_as(8, lambda v: v)) + "'",
    "names of arguments": "\n".join(f"helper(1, {v}=1)" for v in bits_as(24, letters)),
    "a number built by sums": "x = fast\n" + "\n".join("x += x" if b else "x += fast" for b in BITS),
    "a number built by calls": "x = fast\n" + "\n".join("x = abs(x)" if b else "x = int(x)" for b in BITS),
    "signs in a row": "x = " + "".join("-" if b else "~" for b in BITS) + "fast",
    "a long sum": "x = fast" + "".join(" + fast" if b else " - fast" for b in BITS),
    "sums on many lines": "\n".join(
        "x = fast" + "".join(" + fast" if b else " - fast" for b in BITS[at : at + 40]) for at in range(0, N, 40)
    ),
    "comparisons": "x = [" + ", ".join(f"fast {'<' if b else '>'} fast" for b in BITS) + "]",
    "a tree of questions": "x = " + "".join("(fast if fast else " for _ in range(30)) + "0" + ")" * 30 + "\n"
    + "\n".join(f"if fast > {n}:\n    x = {b}" for n, b in enumerate(BITS)),
    "slices": "\n".join(f"x = bars.close[{n}:{b}]" for n, b in enumerate(BITS)),
    "text taken apart": f"x = '{letters(123456)}'[fast]",
    "formats": "\n".join(f"x = f'{{fast:{v % 90}d}}{letters(v)}'" for v in bits_as(24, lambda v: v)),
    "functions": "\n".join(f"def f{n}(x):\n    return {'abs' if b else 'int'}(x)" for n, b in enumerate(BITS)),
    "functions of nothing": "\n".join(f"f{n} = lambda x: {'x' if b else '-x'}" for n, b in enumerate(BITS)),
    "annotations": "\n".join(f"x{n}: {'int' if b else 'float'} = fast" for n, b in enumerate(BITS)),
    "defaults": "\n".join(f"f{n} = lambda x=({n}, {b}): x" for n, b in enumerate(BITS)),
    "loops": "\n".join(f"for x in range({n + b}):\n    pass" for n, b in enumerate(BITS)),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_table_of_a_thousand_answers_is_refused_however_it_is_spelled(spelling):
    found = findings_of(top="def helper(x, key=1):\n    return x", body=SPELLINGS[spelling])

    assert found
    assert all(finding.line >= 1 and finding.message for finding in found)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 10**8 - 1), min_size=50, max_size=50), st.integers(1, 4))
def test_numbers_are_counted_wherever_their_table_is_cut(values, columns):
    rows = [values[at : at + columns] for at in range(0, len(values), columns)]

    found = findings_of(body="\n".join(f"x = {row}" for row in rows))

    digits = sum(len(str(value).rstrip("0")) or 1 for value in values)
    assert ("digits" in {f.construct for f in found}) == (digits > source_budget.DIGITS_MAX)


FIRST_LINE = 23  # of the body, below a helper of two lines
LIMITS = [
    ("numbers", "x = 1", source_budget.NUMBERS_MAX, 0, 0),
    ("operators", "x = fast + fast", source_budget.OPERATORS_MAX, 0, 0),
    ("calls", "helper(fast)", source_budget.CALLS_MAX, 0, 3),  # np.zeros, len and Targets in the end
    (
        "statements",
        "x = fast",
        source_budget.STATEMENTS_MAX,
        4,
        1,
    ),  # docstrings, the helper's return, fast = p.fast; the last return
    ("letters in strings", "x = 'abcdefghijkl'", source_budget.STRINGS_MAX // 12, 0, 0),
    ("container elements", "x = (fast, bars)", source_budget.ELEMENTS_MAX // 2, 0, 0),
]


@pytest.mark.parametrize(("construct", "line", "most", "before", "after"), LIMITS)
def test_what_is_too_much_is_named_at_the_line_that_passes_the_limit(construct, line, most, before, after):
    helper = "def helper(x):\n    return x"

    exactly = findings_of(top=helper, body="\n".join([line] * (most - before - after)))
    beyond = findings_of(top=helper, body="\n".join([line] * (most + 5)))

    assert construct not in [f.construct for f in exactly]
    (finding,) = [f for f in beyond if f.construct == construct]
    assert finding.line == FIRST_LINE + most - before
    assert "at most" in finding.message


def test_parameters_are_no_table_either():
    found = findings_of(params="".join(f"p{n} = 0.{n + 1234567}\n" for n in range(20)))

    assert "digits in [params]" in [f.construct for f in found], text_of(found)
