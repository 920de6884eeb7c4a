"""Text is written, not assembled, and the names in a file are no table that its code can read."""

import pytest

from autarch.sandbox.source_budget import KEYWORDS_MAX, NAME_MAX

from . import drafts
from .drafts import text_of

HELPER = '''
def helper(x, key=1):
    """Return x."""
    return x
'''


def findings_of(body):
    return drafts.findings_of(top=HELPER, body=body)


LONG = "a0022" * 9

ATTACKS = [
    # the identifiers of a file as a table of answers
    (f"x = list(dict({LONG}=p.fast).keys())[0]", "name"),
    (f"{LONG} = 1", "name"),
    (f"x = lambda {LONG}: 1", "name"),
    (f"x = p.{LONG}", "name"),
    (f"def {LONG}():\n    return 1", "name"),
    ("x = list(dict(a0022=p.fast).keys())[0]", "dict(...=)"),
    ("x = {}\nx.update(a0022=1)", "update(...=)"),
    ("d = dict\nx = d(a0022=1)", "dict"),
    ("x = [dict][0](a0022=1)", "dict"),
    ("def g(**names):\n    return list(names)\nx = g(a0022=1)", "**names"),
    ("x = (lambda **names: list(names))(a0022=1)", "**names"),
    # the letters of a function's name
    ("x = f'{helper}'", "helper"),
    ("x = f'{decide}'", "decide"),
    ("x = str(helper)", "helper"),
    ("x = [helper]", "helper"),
    ("f = helper\nx = str(f)", "helper"),
    ("x = np.array(helper).astype(str)", "helper"),
    ("x = (lambda f: str(f))(helper)", "helper"),
    ("def map(f, xs):\n    return str(f)\nx = map(helper, [])", "helper"),
    ("def g():\n    return 1\nx = str(g)", "g"),
    ("def g(f):\n    return str(f)\nx = g(key=helper)", "helper"),
    ("x = max(helper, decide, key=lambda f: len(str(f)))", "helper"),
    ("x = f'{np}'", "np"),
    # text assembled at run time
    ("x = np.array('to' + 'day', dtype='M' + '8[D]')", "string"),
    ("x = 'to' + fast", "string"),
    ("x = fast + 'day'", "string"),
    ("x = 'ab' * 3", "string"),
    ("x = 3 * 'ab'", "string"),
    ("x = 'to%s' % 'day'", "string"),
    ("x = f'{fast:d}' + 'a'", "string"),
    ("x = f'M{fast:d}' * 2", "string"),
    ("x = str(fast) + str(fast)", "str"),
    ("x = str(p)", "str"),
    ("x = np.array(str(bars))", "str"),
    ("from_ = list(map(str, [fast]))", "str"),
    ("a = 'to'\nb = 'day'\nx = a + b", "string"),
    ("a: str = 'to'\na += fast", "string"),
    ("x = 'to'\nx += 'day'", "string"),
    ("x = np.add('to', 'day')", "string"),
    ("x = 'today'[:2] + fast", "string"),
    ("x = ('to' if fast else 'no') + fast", "string"),
    # placeholders that turn a value into its name
    ("x = f'{p}'", "f-string"),
    ("x = f'{bars}'", "f-string"),
    ("x = f'{fast}'", "f-string"),
    ("x = f'{fast!r}'", "f-string"),
    ("x = f'{fast!s:>9}'", "f-string"),
    ("x = f'{fast:s}'", "f-string"),
    ("x = f'{fast:c}'", "f-string"),
    ("x = f'{fast:{fast}d}'", "f-string"),
    ("x = f'{fast:>999d}'", "f-string"),
    # text read letter by letter, which makes any word a row of digits
    ("x = int('0110', 2)", "text"),
    ("x = 'abba'[fast]", "text"),
    ("x = 'xempty'[1:]", "text"),
    ("x = list('abba')", "text"),
    ("x = [c == 'a' for c in 'abba']", "text"),
    ("for c in 'abba':\n    pass", "text"),
    ("a, b, *c = 'abba'", "text"),
    ("x = [*'abba']", "text"),
    ("x = 'abba'.index('b')", "text"),
    ("x = 'today'.replace('d', 'd')", "text"),
    ("x = len('aaaaaa')", "text"),
    ("x = max('abba')", "text"),
    ("x = list(map(int, '0110'))", "text"),
    ("x = list(enumerate('abba'))", "text"),
    ("x = list(zip('abba', [1, 2]))", "text"),
    ("x = np.array('abba')", "text"),
    ("table = 'abba'\nx = [c for c in table]", "text"),
    ("table = 'abba' if fast else 'baab'\nx = table[3]", "text"),
    ("for row in ('abba', 'baab'):\n    x = row[fast]", "text"),
    ("rows = ['abba', 'baab']\nx = [row[0] for row in rows]", "text"),
    ("rows = ('abba', 'baab')\nx = rows[0][1]", "text"),
    ("x = f'{fast:d}'[0]", "text"),
    # text of an object is its address, whatever makes it
    ("x = np.array([p]).astype('U80')", "dtype"),
    ("x = np.array([p], dtype='S80')", "dtype"),
    ("x = np.array([p], 'U80')", "dtype"),
    ("x = np.zeros(3, 'U80')", "dtype"),
    ("x = pd.Series([p]).astype('object')", "dtype"),
    ("x = pd.DataFrame({'a': [p]}).astype({'a': 'U9'})", "dtype"),
    ("kind = 'U80'\nx = np.array([p]).astype(kind)", "dtype"),
    ("x = (lambda kind: np.array([p]).astype(kind))('U80')", "dtype"),
    ("x = np.array([p]).astype(np.array(['a']).dtype)", "dtype"),
    ("def g(mark: str):\n    return 1\nx = g(1)", "annotation"),
    # dates, as literals
    ("x = np.array('0', dtype='datetime64[D]')", "'datetime64[D]'"),
    ("x = np.array('0', dtype='M8[D]')", "'M8[D]'"),
    ("x = np.array('to' 'day', dtype='float')", "'today'"),
]


@pytest.mark.parametrize(("body", "construct"), ATTACKS)
def test_text_and_names_that_no_budget_counts_are_refused_by_name(body, construct):
    found = findings_of(body)

    assert construct in [f.construct for f in found], text_of(found)


def test_text_assembled_into_a_constant_of_the_module_is_refused():
    found = drafts.findings_of(top=f"K = 'to' + 'day'\n{HELPER}")

    assert "string" in [f.construct for f in found]


def test_names_of_keyword_arguments_are_counted_together():
    names = [f"k{n}".ljust(20, "x") for n in range(KEYWORDS_MAX // 20)]  # beside `exposure` of the frame
    few = "\n".join(f"helper(1, {name}=1)" for name in names[:-1])
    many = f"{few}\nhelper(1, {names[-1]}=1)"

    assert text_of(findings_of(few)) == ""
    assert "letters in names of keyword arguments" in text_of(findings_of(many))


HONEST = [
    f"{'x' * NAME_MAX} = 1",
    "x = f'{fast:.2f} {fast:d} {len(bars.close):>9d} {bars.close[0]:+.3e} {fast:,.0f} {fast / 9:.1%}'",
    "x = dict([(1, 2)])\ny = dict(x)\nx.update(y)\nz = isinstance(x, dict)",
    "x = {'a': fast}['a'] + 1",
    "name = 'a'\nx = {'a': fast}[name] * 2",
    "x = list(map(helper, [1, 2]))\ny = list(filter(helper, [1]))\nz = sorted([2, 1], key=helper)",
    "x = pd.Series(bars.close).rolling(3).apply(helper)",
    "x = np.apply_along_axis(helper, 0, np.ones((2, 2)))\ny = np.vectorize(helper)(bars.close)",
    "x = helper(helper(bars.close), key=fast)",
    "x = (lambda g: g(2))(lambda v: helper(v))",
    "def g(helper):\n    return helper * 2\nx = g(fast)",
    "x = [helper for helper in [1, 2]]",
    "x = 17 % 4 + 3 * fast",
    "mode = 'a' if fast > 3 else 'b'\nx = mode == 'a'",
    "frame = pd.DataFrame({'a': bars.close})\nfor name in ('a', 'b'):\n    frame[name] = bars.high\nx = frame['a'][0]",
    "x = [bars.resample(i).close for i in ('1h', '4h')]",
    "x = sum(bars.context[name].close for name in ['ETHUSDT'])",
    "weights = {'a': 1.0, 'b': 2.0}\nx = [weights[name] * 2 for name in ('a', 'b')]",
    "x = (bars.close > 1).astype(float) + bars.close.astype('int') * np.asarray([1], dtype=np.float64)",
    "x = np.zeros(3, bool) | np.ones(3, dtype='bool') | np.array([1, 0], np.bool_)",
    "x = pd.DataFrame({'a': bars.close}).astype({'a': float})['a'] + np.full(len(bars.close), 1.0, dtype=float)",
    "names = ('a', 'b')\nx = names[0] == 'a'\ny = len(names)",
    "x = pd.DataFrame({'a': bars.close, 'b': bars.close}, columns=['a', 'b'])",
]


@pytest.mark.parametrize("body", HONEST)
def test_honest_use_of_text_and_names_passes(body):
    assert text_of(findings_of(body)) == ""
