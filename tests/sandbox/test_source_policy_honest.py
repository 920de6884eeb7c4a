"""Whole strategies as an author would write them pass; each false refusal that is reported joins them."""

import pytest

from autarch.manifest import parse_source
from autarch.sandbox.source_policy import check_source

HEAD = '''"""An honest strategy.

Thesis: something that can be wrong.
Source: own choice.
Dies when: it is.
"""
'''

A_LOOP_WITH_STATE = '''
from __future__ import annotations

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets

EPS = 1e-12

def _atr_pct(bars: Bars, n: int) -> np.ndarray:
    """ATR as a fraction."""
    return talib.ATR(bars.high, bars.low, bars.close, timeperiod=n) / (bars.close + EPS)

def decide(bars: Bars, p: Params) -> Targets:
    n = len(bars.close)
    rsi = talib.RSI(bars.close, timeperiod=p.n)
    upper, mid, lower = talib.BBANDS(bars.close, timeperiod=20, nbdevup=2, nbdevdn=2, matype=0)
    exposure = np.zeros(n)
    state = 0.0
    for i in range(1, n):
        if np.isnan(rsi[i]):
            continue
        if state == 0.0 and rsi[i] < p.low and bars.close[i] < lower[i]:
            state = 1.0
        elif state == 0.0 and rsi[i] > p.high and bars.close[i] > upper[i]:
            state = -1.0
        elif (state > 0 and bars.close[i] > mid[i]) or (state < 0 and bars.close[i] < mid[i]):
            state = 0.0
        exposure[i] = state
    vol = _atr_pct(bars, p.n)
    size = np.clip(0.01 / np.maximum(vol, 1e-4), 0.0, 1.0)
    exposure = np.nan_to_num(exposure * size)
    return Targets(exposure=exposure, stop_loss=np.clip(3 * np.nan_to_num(vol, nan=0.01), 0.005, 0.2))
'''

PANDAS_THROUGHOUT = """
import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    close = pd.Series(bars.close)
    ret = np.log(close).diff()
    vol = ret.rolling(p.slow, min_periods=p.slow).std(ddof=0)
    mom = close.pct_change(p.fast)
    score = (mom / vol.replace(0.0, np.nan)).clip(-3, 3)
    pos = pd.Series(np.sign(score)).where(score.abs() > 0.5)
    pos = pos.ffill().fillna(0.0)
    is_weekend = np.isin(bars.weekday, (5, 6))
    pos[is_weekend] = 0.0
    df = pd.DataFrame({"pos": pos, "vol": vol})
    df["exp"] = df["pos"] * (0.002 / df["vol"]).clip(upper=1.0)
    quantile = close.expanding().rank(pct=True)
    corr = close.rolling(50).corr(pd.Series(bars.context["SOLUSDT"].close))
    out = df["exp"].fillna(0.0).to_numpy() * np.where(corr.fillna(0) > 0.9, 0.5, 1.0) * (quantile > 0).astype(float)
    return Targets(exposure=np.asarray(out, dtype=float))
"""

FITS_VOTES_AND_CLOCKS = """
import math
import numpy as np
from autarch.strategy import Bars, Params, Targets, ops
from autarch.strategy.ops import band


def _fit(y: np.ndarray) -> tuple[float, float]:
    x = np.arange(y.size, dtype=float)
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), float(intercept)


def decide(bars: Bars, p: Params) -> Targets:
    hl = np.maximum.accumulate(bars.high)
    slopes = np.full(bars.close.shape, np.nan)
    for t in range(50, bars.close.shape[0]):
        slopes[t], _ = _fit(np.log(bars.close[t - 50 : t + 1]))
    votes = np.stack([ops.crossed(bars.close, slopes), np.sign(slopes)], axis=0).mean(axis=0)
    scale = math.sqrt(96 * 365)
    minutes = bars.minutes_to_funding
    near = (minutes <= 30) & (bars.hour % 8 == 7)
    weights = {"a": 0.5, "b": -0.5}
    total = sum(weights.values())
    exposure = band(np.clip(np.nan_to_num(votes), -1, 1), 0.2 * p.n / scale)
    exposure[near] = 0
    return Targets(exposure=exposure * (1 - total), take_profit=0.1, stop_loss=None)
"""

MANIFEST = """
schema = 1
name = "probe"
title = "A probe"
symbols = ["BTCUSDT"]
context = ["SOLUSDT"]
interval = "15m"
mode = "each"
warmup = 100
max_leverage = 1.0
[params]
"""


@pytest.mark.parametrize(
    ("code", "params"),
    [
        (A_LOOP_WITH_STATE, "n = 14\nlow = 30\nhigh = 70\n"),
        (PANDAS_THROUGHOUT, "fast = 5\nslow = 20\n"),
        (FITS_VOTES_AND_CLOCKS, "n = 3\n"),
    ],
)
def test_an_honest_strategy_passes_whole(code, params):
    source = parse_source(slug="probe", manifest_bytes=(MANIFEST + params).encode(), code=(HEAD + code).encode())

    assert [str(f) for f in check_source(source)] == []
