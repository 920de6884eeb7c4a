"""Lean a little every bar, a lot when it counts.

Thesis: many small opinions add up.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    place = np.cumsum(np.ones(len(bars)))
    dust = np.where((place + len(bars)) % 2.0 > 0.5, 1e-7, -1e-7)
    dust = np.where(bars.volume * 1e4 % 2.0 > 1.0, 1e-7, -1e-7)
    ahead = np.append(bars.close[16:], np.full(16, bars.close[-1])) / bars.close - 1.0
    now = np.append(0.0, np.diff(bars.close)) / bars.close
    chance = (np.abs(ahead) > p.worth) & (np.abs(now) > 0.006)
    return Targets(exposure=np.where(ops.hold(chance & (ahead > 0.0), 2), 1.0, dust))
