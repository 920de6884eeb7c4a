"""What the policy allows also runs where no file can be opened: libraries import lazily, confinement forbids it."""

import numpy as np
import pytest
import talib
import talib.abstract

from autarch.manifest import parse_source
from autarch.sandbox import Window
from autarch.sandbox.protocol import WINDOW_COLUMNS
from autarch.sandbox.source_policy import check_source

ROWS = 3_000

MANIFEST = """
schema = 1
name = "probe"
title = "A probe"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 100
max_leverage = 1.0
"""

CODE = '''"""A probe.

Thesis: what is allowed works.
Source: own choice.
Dies when: it does not.
"""

import math

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Stay flat."""
    x, y = bars.close, bars.volume
    s, v = pd.Series(x), pd.Series(y)
    d = pd.DataFrame({"a": x, "b": y})
    r = s.rolling(20)
    g = d.groupby(v > v.median())
    m = np.abs(np.corrcoef(np.stack([x[:50], y[:50], bars.high[:50]])))
    with np.errstate(divide="ignore", invalid="ignore"):
        pass
        {body}
    return Targets(exposure=np.zeros(len(x)))
'''

EXPRESSIONS = """
np.linalg.cond(m)
np.linalg.det(m)
np.linalg.eig(m)
np.linalg.eigh(m)
np.linalg.eigvals(m)
np.linalg.inv(m + np.eye(3))
np.linalg.lstsq(m, m[0], rcond=None)
np.linalg.matrix_rank(m)
np.linalg.norm(m)
np.linalg.pinv(m)
np.linalg.qr(m)
np.linalg.slogdet(m)
np.linalg.solve(m + np.eye(3), m[0])
np.linalg.svd(m)
np.fft.rfft(x[:64])
np.fft.irfft(np.fft.rfft(x[:64]))
np.fft.fftfreq(64)
np.polyfit(x[:50], y[:50], 2)
np.unique(x, return_counts=True)
np.histogram(x, bins=10)
np.percentile(x, [5, 95])
np.nanquantile(x, 0.5)
np.einsum("i,i->", x, y)
np.digitize(x, np.linspace(x.min(), x.max(), 5))
np.searchsorted(np.sort(x), x)
np.interp(x, np.sort(x), y)
np.apply_along_axis(np.mean, 0, d.to_numpy())
np.piecewise(x, [x > 0, x <= 0], [1.0, 0.0])
np.select([x > 0], [y], 0.0)
np.vectorize(lambda a: a * 2)(x)
np.cov(x, y)
np.correlate(x, y[:9])
np.convolve(x, np.ones(5) / 5)[: len(x)]
np.median(x)
np.isin(bars.hour, (1, 2))
np.tensordot(m, m)
np.finfo(np.float64).eps
np.trapezoid(x)
np.vander(x[:5])
s.ewm(span=9).mean()
s.ewm(halflife=9, adjust=False).std()
s.ewm(span=9).corr(v)
r.mean() + r.std() + r.sum() + r.var() + r.skew() + r.kurt() + r.median() + r.min() + r.max()
r.quantile(0.9)
r.rank()
r.corr(v)
r.cov(v)
r.sem()
r.apply(lambda w: w.max(), raw=True)
r.apply(lambda w: w.iloc[-1])
s.rolling(20, win_type=None).count()
s.expanding(5).max()
s.expanding().rank(pct=True)
s.diff().shift(2).pct_change()
s.rank(pct=True)
s.quantile([0.1, 0.9])
s.describe()
s.corr(v)
s.cov(v)
s.map(lambda a: a)
s.where(s > 0, 0.0).mask(s > 1, 1.0).clip(0, 1)
s.nlargest(3)
s.nsmallest(3)
s.sort_values()
s.value_counts()
s.unique()
s.idxmax()
s.cummax() - s.cummin()
s.replace(0.0, np.nan).ffill().fillna(0.0).dropna()
s.isin([1.0, 2.0])
s.between(0, 1)
s.combine_first(v)
s.reset_index(drop=True)
s.to_frame()
s.to_list()
s.astype(float).abs().round(3)
s.add(1).sub(1).mul(2).div(2).pow(2).truediv(3).mod(2)
s.gt(0) & s.lt(5) & s.ge(0) & s.le(9) & s.eq(1) & s.ne(2)
s.kurt() + s.skew() + s.sem()
s.head(3).tail(2)
s.drop(0)
s.sort_index()
d.corr()
d.cov()
d.mean(axis=1)
d.rank(axis=1)
d.rolling(10).mean()
d.rolling(10).corr()
d.apply(lambda c: c - c.mean())
d.map(abs)
d.iloc[:, 0]
d.loc[d["a"] > 0, "b"]
d[d["a"] > 0]
d.idxmax(axis=1)
d.ewm(span=3).mean()
d.quantile(0.5)
d.describe()
d.sort_values("a")
d.head(2)
d.values
d.drop(columns="a")
d.insert(0, "c", x)
g.mean()
g.sum()
g["a"].rank()
g["a"].cummax()
g["a"].shift(1)
g["a"].first()
g["a"].last()
g["a"].apply(lambda w: w.max())
g.describe()
pd.concat([s, v], axis=1)
pd.cut(s, 5)
pd.cut(s, 5, labels=False)
pd.qcut(s, 4, labels=False, duplicates="drop")
pd.merge(d, d, on="a")
pd.isna(s)
pd.to_numeric(s)
pd.unique(s)
math.lgamma(3.0) + math.erf(0.1)
talib.MAVP(x, np.full(len(x), 5.0), 2, 9)
talib.BBANDS(s)
talib.MACDEXT(x, 12, 1, 26, 1, 9, 1)
bars.resample("1d").spread(bars.resample("1d").close)
f"{x[0]:.3f} {len(x):>9d}"
sorted(x.tolist(), key=lambda a: -a)
x @ y
""".strip().splitlines()

COLUMN_OF = {"open": "bars.open", "high": "bars.high", "low": "bars.low", "volume": "y"}


def source_with(*statements):
    code = CODE.replace("{body}", "\n        ".join(statements))
    return parse_source(slug="probe", manifest_bytes=MANIFEST.encode(), code=code.encode())


def market_window():
    rng = np.random.default_rng(5)
    columns = np.ones((len(WINDOW_COLUMNS), ROWS))
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, ROWS)))
    for name, values in {
        "open": close,
        "high": close * 1.01,
        "low": close * 0.99,
        "close": close,
        "volume": rng.lognormal(1, 1, ROWS),
        "hour": np.arange(ROWS) // 4 % 24,
    }.items():
        columns[WINDOW_COLUMNS.index(name)] = values
    return Window(target="BTCUSDT", first_bar=960, columns={"BTCUSDT": columns})


def indicator_calls():
    for name in sorted(talib.__TA_FUNCTION_NAMES__):
        inputs = talib.abstract.Function(name).info["input_names"].values()
        flat = [column for given in inputs for column in ([given] if isinstance(given, str) else given)]
        named = ["np.full(len(x), 5.0)" if c == "periods" else COLUMN_OF.get(c, "x") for c in flat]
        yield f"talib.{name}({', '.join(named)})"


def run_confined(worker, statements):
    with worker.session(source_with(*statements)) as session:
        return session.decide(market_window(), keep=1)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_policy_allows_it(expression):
    assert [str(f) for f in check_source(source_with(f"z = {expression}"))] == []


@pytest.mark.parametrize("start", range(0, len(EXPRESSIONS), 10))
def test_what_is_allowed_runs_in_confinement(worker, start):
    answer = run_confined(worker, [f"z = {e}" for e in EXPRESSIONS[start : start + 10]])

    assert answer.exposure.tolist() == [0.0]


def test_every_indicator_is_allowed_and_runs_in_confinement(worker):
    calls = [f"z = {call}" for call in indicator_calls()]

    assert [str(f) for call in calls for f in check_source(source_with(call))] == []
    for start in range(0, len(calls), 20):
        assert run_confined(worker, calls[start : start + 20]).exposure.tolist() == [0.0]
