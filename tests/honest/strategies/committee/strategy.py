"""Let a committee of slow and fast signals vote, each with the weight that its kind has earned in papers.

Thesis: momentum, carry, value and volume each pay a little and fail at different times.
Source: Asness, Moskowitz and Pedersen 2013 for the mix; lengths and weights are own choice, rounded.
Dies when: all fail at once, as when everybody holds the same four.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops

MOMENTUM_LENGTHS = (8, 13, 21, 34, 55, 89, 144)
REVERSION_LENGTHS = (3, 5, 8)
WEEKEND_SIZE = 0.35
HOURS_OF_CARE = (0, 8, 13, 14, 16)


def _momentum(close: np.ndarray) -> np.ndarray:
    """Return the mean sign of returns over several lengths."""
    return np.mean([np.sign(close / ops.lag(close, n) - 1.0) for n in MOMENTUM_LENGTHS], axis=0)


def _reversion(bars: Bars, p: Params) -> np.ndarray:
    """Return minus the mean squashed z-score over short lengths."""
    scores = [np.tanh(ops.zscore(bars.close, n + p.short_n) / p.squash) for n in REVERSION_LENGTHS]
    return -np.mean(scores, axis=0)


def _carry(bars: Bars, p: Params) -> np.ndarray:
    """Return minus the funding of the last days, 1 at `carry_full` a settlement."""
    rate = pd.Series(bars.funding).fillna(0.0).rolling(p.carry_n).mean().to_numpy()
    return -np.clip(rate / p.carry_full, -1.0, 1.0)


def _volume(bars: Bars, p: Params) -> np.ndarray:
    """Return the balance of volume on rising and falling bars."""
    signed = np.sign(bars.close - bars.open) * bars.volume
    return talib.SUM(signed, timeperiod=p.volume_n) / np.maximum(talib.SUM(bars.volume, timeperiod=p.volume_n), 1e-9)


def _channel(bars: Bars, p: Params) -> np.ndarray:
    """Return the place within the channel of the last weeks, -1 at its low and 1 at its high."""
    top = talib.MAX(bars.high, timeperiod=p.channel_n)
    bottom = talib.MIN(bars.low, timeperiod=p.channel_n)
    return 2.0 * (bars.close - bottom) / np.maximum(top - bottom, 1e-9 * bars.close) - 1.0


def decide(bars: Bars, p: Params) -> Targets:
    """Weighted vote, sized by volatility, smaller on weekends, halved in hours of scheduled news."""
    votes = (
        (p.w_momentum, _momentum(bars.close)),
        (p.w_reversion, _reversion(bars, p)),
        (p.w_carry, _carry(bars, p)),
        (p.w_volume, _volume(bars, p)),
        (p.w_channel, _channel(bars, p)),
    )
    total = sum(abs(weight) for weight, _ in votes)
    vote = sum(weight * np.nan_to_num(signal) for weight, signal in votes) / total
    size = np.nan_to_num(ops.vol_target(bars.close, p.vol_n, p.risk, cap=1.5))
    size = np.where(bars.weekday >= 5, WEEKEND_SIZE, 1.0) * size
    size = np.where(np.isin(bars.hour, HOURS_OF_CARE), 0.5, 1.0) * size
    strong = ops.hysteresis(np.abs(vote), p.enter, p.leave)
    stop = np.clip(p.stop_k * talib.NATR(bars.high, bars.low, bars.close, timeperiod=24) / 100.0, 0.01, 0.25)
    wanted = ops.sample(np.where(strong, np.sign(vote) * size, 0.0), bars.hour % 2 == 0)
    return Targets(exposure=wanted, stop_loss=stop, take_profit=np.minimum(2.5 * stop, 0.6))
