"""The allow-list of a strategy's code: what is refused, with its place and cure, and what passes."""

import pytest

from autarch.sandbox.source_policy import FINDINGS_MAX

from .drafts import findings_of, text_of

MACHINERY = [
    ('open("k").read()', "open"),
    ('eval("2")', "eval"),
    ('exec("v = 2")', "exec"),
    ('compile("2", "s", "eval")', "compile"),
    ('__import__("socket")', "__import__"),
    ("__builtins__", "__builtins__"),
    ("__name__", "__name__"),
    ("__doc__", "__doc__"),
    ('globals()["f"]', "globals"),
    ("locals()", "locals"),
    ("vars()", "vars"),
    ("dir(bars)", "dir"),
    ("input()", "input"),
    ('type("T", (), {})', "type"),
    ("type(1).mro()", "type"),
    ("object()", "object"),
    ("super()", "super"),
    ("memoryview(bars.close)", "memoryview"),
    ('getattr(1, "real")', "getattr"),
    ('setattr(p, "fast", 3)', "setattr"),
    ("getattr", "getattr"),
    ('list(map(getattr, [1], ["real"]))', "getattr"),
    ("[].__class__.__mro__[1].__subclasses__()", ".__class__"),
    ("decide.__globals__", ".__globals__"),
    ("bars._phase", "._phase"),
    ("(lambda: 0).__code__", ".__code__"),
    ("(n for n in [1]).gi_frame", ".gi_frame"),
    ('"{0.__init__}".format(p)', ".format"),
    ('"{k.__dict__}".format_map(p)', ".format_map"),
    ('f"{p.__dict__}"', ".__dict__"),
    ('f"{1:{p.__dict__}}"', ".__dict__"),
    ('hash("s") & 1', "hash"),
    ("id(bars) & 1", "id"),
    ("[n for n in {1, 2}]", "set"),
    ("{n for n in [1, 2]}", "set"),
    ("set([1])", "set"),
    ("frozenset([1])", "frozenset"),
    ('print("target", 1.0)', "print"),
    ("(n := 3)", ":="),
    ("lambda o=open: o", "default"),
    ("lambda *a, o=eval: o", "default"),
    ("9**9**9", "power"),
    ("9 ** (9 ** fast)", "power"),
    ("1 << 999", "power"),
    ("10000000000000", "number"),
    ("1e300", "number"),
    ("-1e13", "number"),
    ('b"table"', "bytes"),
    ("2j", "complex"),
    ("np", "np"),
    ("[np, math]", "np"),
    ("missing_name + 1", "missing_name"),
    ("[open for n in [1]]", "open"),
    ('[open for open in open("k")]', "open"),
    ("(lambda eval: eval)(eval)", "eval"),
    ("max(**{'key': fast})", "**"),
    ("max(1, _private=2)", "_private="),
    ('bars.context["SOLUSDT"].close', 'bars.context["SOLUSDT"]'),
    ("p.slow", "p.slow"),
    ("p.tofile", "p.tofile"),
    ("await_me()", "await_me"),
    ("[0 for bars.close in [1]]", ".close ="),
]


@pytest.mark.parametrize(("expression", "construct"), MACHINERY)
def test_an_expression_that_reaches_pythons_machinery_is_refused_by_name(expression, construct):
    found = findings_of(body=f"x = {expression}")

    assert construct in [f.construct for f in found], text_of(found)


STATEMENTS = [
    ("try:\n    x = 1 / 0\nexcept ArithmeticError as e:\n    x = e.__traceback__.tb_frame", "try"),
    ("try:\n    bars.nope\nexcept AttributeError as e:\n    x = e.obj", "try"),
    ("try:\n    pass\nexcept:\n    pass", "try"),
    ("try:\n    pass\nexcept BaseException:\n    pass", "try"),
    ("try:\n    pass\nfinally:\n    pass", "try"),
    ("try:\n    pass\nexcept* ValueError:\n    pass", "try"),
    ("with bars:\n    pass", "with"),
    ("with np.errstate(call=print):\n    pass", "with"),
    ('with np.errstate(all="raise"):\n    pass', "with"),
    ('with np.errstate(all="ignore") as e:\n    pass', "with"),
    ("match bars:\n    case object(__dict__=d):\n        x = d", "match"),
    ("class Q:\n    pass", "class"),
    ("class K(metaclass=type):\n    pass", "class"),
    ("while True:\n    pass", "while"),
    ("while 1:\n    fast += 1", "while"),
    ("yield 1", "yield"),
    ("x = yield", "yield"),
    ("global fast", "global"),
    ("del fast", "del"),
    ("assert fast", "assert"),
    ("raise ValueError(fast)", "raise"),
    ("import math", "import"),
    ("from math import sin", "import"),
    ("async def c():\n    return 1", "async"),
    ("def g():\n    nonlocal fast\n    fast = 1", "nonlocal"),
    ("@len\ndef g():\n    pass", "decorator"),
    ("def g(o=open):\n    return o", "default"),
    ("def g(o=[]):\n    return o", "default"),
    ("def g(*, o={}):\n    return o", "default"),
    ('def g(o: exec("v = 1")):\n    return o', "annotation"),
    ('def g() -> "Bars":\n    return 1', "annotation"),
    ("x: eval = 3", "annotation"),
    ("x: fast() = 3", "annotation"),
    ("bars.close = 1", ".close ="),
    ("decide.count = 1", ".count ="),
    ("for bars.close in [1]:\n    pass", ".close ="),
    ("bars.close += 1", ".close ="),
    ("np = bars", "np"),
    ("for np in [1]:\n    pass", "np"),
    ("x = [math for math in [1]]", "math"),
    ("ops = 3", "ops"),
    ("Targets = 3", "Targets"),
    ("__slots__ = 3", "__slots__"),
    ("def g(np):\n    return np", "np"),
    ("def decide(bars, p):\n    return 1", "decide"),
]


@pytest.mark.parametrize(("body", "construct"), STATEMENTS)
def test_a_statement_outside_the_language_is_refused_by_name(body, construct):
    found = findings_of(body=body)

    assert construct in [f.construct for f in found], text_of(found)


AT_MODULE_LEVEL = [
    ("for k in range(3):\n    pass", "work at import"),
    ("while False:\n    pass", "work at import"),
    ("if True:\n    k = 1", "work at import"),
    ("talib.EMA", "work at import"),
    ("math.sqrt(2)", "work at import"),
    ('"""another text"""', "work at import"),
    ("MEMO = {}", "module value"),
    ("SEEN = []", "module value"),
    ("K = list()", "module value"),
    ("K = math.pi", "module value"),
    ("K = (1, [2])", "module value"),
    ("K = 9 ** 9", "module value"),
    ("K = lambda: 1", "module value"),
    ("K = -math.inf", "module value"),
    ("K: int", "module value"),
    ("k = (o := 2)", "module value"),
    ('limit: exec("v = 1") = 3', "annotation"),
    ("a, b = 1, 2", "assignment"),
    ("np.inf = 3", "assignment"),
    ("talib = 3", "talib"),
    ("__all__ = ('decide',)", "__all__"),
    ("class Q:\n    __match_args__ = ('__dict__',)", "class"),
    ("async def c():\n    return 1", "async"),
    ("try:\n    pass\nexcept ValueError:\n    pass", "try"),
    ("@eval\n@input\ndef f():\n    pass", "decorator"),
    ("@len.__self__.exec\nclass K:\n    pass", "class"),
    ("n = 0\ndef f():\n    global n\n    n += 1", "global"),
    ("def f():\n    return f.__globals__['k']", ".__globals__"),
    ("del math", "del"),
    ("k = 1\nk += 1", "work at import"),
]


@pytest.mark.parametrize(("top", "construct"), AT_MODULE_LEVEL)
def test_module_level_admits_nothing_that_does_work_or_keeps_state(top, construct):
    found = findings_of(top=top)

    assert construct in [f.construct for f in found], text_of(found)


HONEST = [
    "with np.errstate(divide='ignore', invalid='ignore'):\n    x = bars.close / bars.volume",
    "x = f'{fast:.2f}'",
    "x = [math.log(c) for c in bars.close]",
    "x = {n: m for n, m in zip(range(3), [1, 2, 3])}",
    "x = sum(c for row in [[1], [2]] for c in row if c > 1)",
    "open = bars.open\nx = open[-1]",
    "high, low = bars.high, bars.low\nx = high - low",
    "def _helper(x, n=3, *, scale=(1.0, -2.0)):\n    return x * n\nx = _helper(bars.close)",
    "f = lambda x, k=2: x ** k\nx = f(bars.close)",
    "x: np.ndarray = bars.close * 2",
    "x: dict[int, float | None] = {}",
    "while True:\n    if fast > 3:\n        break",
    "x = np.divide(1.0, bars.close, out=np.zeros_like(bars.close), where=bars.close > 0)",
    "x = np.sum(bars.close, where=bars.close > 0)",
    "i = 0\nwhile i < 3:\n    i += 1\nelse:\n    i = 0",
    "x = bars.close.copy()\nx[x < 0] = 0.0\nx[:, None]",
    "x = pd.Series(bars.close).rolling(9).apply(lambda w: w.max())",
    "x = pd.Series(bars.close).ewm(span=fast, adjust=False).mean().to_numpy()",
    "x = pd.DataFrame({'a': bars.close}).ffill().iloc[:, 0].shift(1).to_numpy()",
    "x, y, z = talib.MACD(bars.close, 12, 26, 9)",
    "x = talib.BBANDS(bars.close, 20, matype=talib.MA_Type.EMA)[0]",
    "x = np.linalg.norm(np.maximum.accumulate(bars.close))",
    "x = np.abs(np.fft.rfft(bars.close[-64:]))",
    "higher = bars.resample('4h')\nx = higher.spread(talib.SMA(higher.close, 5))",
    "x = bars.context['ETHUSDT'].close",
    "x = ops.band(ops.zscore(bars.close, 9), 0.1)",
    "x = sorted([3, 1], key=lambda v: -v)[::-1]",
    "x = 2 ** 10 + fast ** 0.5 + (1 << 4)",
    "x = bars.close if fast > 3 else -bars.close\nx = not fast and 1 or 2",
    "first, *rest = [1, 2, 3]\nx = max(*rest, first)",
    "x = isinstance(fast, float) or fast is None or fast not in (1, 2)",
    "_ = [_ for _ in range(3)]",
    "x = bars.weekday < 5\nx = (bars.hour >= 8) & ~x | (bars.hour == 3) ^ x",
]


@pytest.mark.parametrize("body", HONEST)
def test_honest_code_passes(body):
    assert text_of(findings_of(body=body)) == ""


@pytest.mark.parametrize(
    "top",
    [
        "",
        "BARS_A_DAY = 4 * 24",
        "LENGTHS: tuple[int, ...] = (5, -10, 20)",
        "NAME = 'ema'\nON: bool = True\nNONE = None",
        "def _twice(x: np.ndarray, n: int = 2) -> np.ndarray:\n    '''Return x twice.'''\n    return x * n",
        "from math import log as ln, sqrt",
        "from numpy import where",
        "from autarch.strategy.ops import band, latch as keep",
        "def _f(q):\n    return q.fast",
    ],
)
def test_honest_module_level_passes(top):
    found = findings_of(top=top)

    if "q.fast" in top:
        # Only decide's own name for the parameters makes an attribute a parameter.
        assert [f.construct for f in found] == [".fast"]
        assert "call the parameters p in helpers too" in found[0].message
    else:
        assert text_of(found) == ""


def test_a_function_of_the_file_may_be_applied_but_not_a_local_that_hides_it():
    top = "def _top(w):\n    return w.max()"
    body = "x = pd.Series(bars.close).rolling(3).apply(_top)"
    hiding = "_top = 'to_csv'\n" + body
    replacing = top + "\n_top = 'to_csv'"

    assert text_of(findings_of(top=top, body=body)) == ""
    assert ".apply" in [f.construct for f in findings_of(top=top, body=hiding)]
    assert ".apply" in [f.construct for f in findings_of(top=replacing, body=body)]


def test_every_finding_names_its_place_and_a_cure():
    found = findings_of(body="x = 1\ny = getattr(bars, 'close')")

    (finding,) = found
    assert (finding.line, finding.column) == (23, 9)
    assert str(finding) == "strategy.py:23:9: getattr: name the attribute: bars.close, p.fast"


def test_findings_come_in_order_of_place_and_are_capped():
    found = findings_of(body="\n".join(f"x = name_{n}" for n in range(FINDINGS_MAX + 9)))

    assert len(found) == FINDINGS_MAX
    assert [f.line for f in found] == sorted(f.line for f in found)
