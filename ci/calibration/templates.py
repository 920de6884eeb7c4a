"""The strategies that practice pull requests propose: plain rules, whose parameters and bars make them good or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from autarch.manifest import StrategySource, parse_source

INTERVAL: Final = "1h"
WARMUP: Final = 800
Value = int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A rule: its thesis, the lines of its `decide`, and parameters with the range each is searched in."""

    title: str
    thesis: str
    dies: str
    body: str
    params: Mapping[str, tuple[Value, Value, Value]]
    """Name -> (usual value, low, high)."""

    def source(
        self,
        *,
        slug: str,
        symbols: Sequence[str],
        params: Mapping[str, Value],
        leverage: float = 1.0,
        constants: str = "",
    ) -> StrategySource:
        """Return the strategy with these parameters, as a proposer would write it."""
        values = {name: params.get(name, usual) for name, (usual, _, _) in self.params.items()}
        named = ", ".join(f'"{symbol}"' for symbol in symbols)
        lines = [
            f'schema = 1\nname = "{slug}"\ntitle = "{self.title}"\nsymbols = [{named}]',
            f'interval = "{INTERVAL}"\nmode = "each"\nwarmup = {WARMUP}\nmax_leverage = {leverage}\n',
            "[params]",
            *(f"{name} = {value!r}" for name, value in values.items()),
            "\n[search]",
            *(f"{name} = {{low = {low!r}, high = {high!r}}}" for name, (_, low, high) in self.params.items()),
        ]
        code = _CODE.format(
            title=self.title, thesis=self.thesis, dies=self.dies, body=self.body, constants=constants or "\n"
        )
        return parse_source(slug=slug, manifest_bytes="\n".join([*lines, ""]).encode(), code=code.encode())


_CODE: Final = '''"""{title}.

Thesis: {thesis}
Source: own choice.
Dies when: {dies}
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops
{constants}

def decide(bars: Bars, p: Params) -> Targets:
    """Decide as the thesis says."""
    close = bars.close
{body}'''

TREND: Final = Template(
    title="Follow the gap between a fast and a slow average",
    thesis="news takes days to reach every trader, so a price that has moved is moved on.",
    dies="the market swings inside a range.",
    body="""\
    gap = talib.EMA(close, p.fast) / talib.EMA(close, p.slow) - 1.0
    up = ops.hysteresis(gap, p.entry, 0.0)
    down = ops.hysteresis(-gap, p.entry, 0.0)
    return Targets(exposure=p.size * (up * 1.0 - down * 1.0))
""",
    params={"fast": (24, 6, 60), "slow": (120, 60, 240), "entry": (0.004, 0.0, 0.02), "size": (0.8, 0.3, 1.0)},
)

BREAKOUT: Final = Template(
    title="Buy what closes above its channel, sell what closes below",
    thesis="orders wait beyond the extremes of past days, and feed the move that reaches them.",
    dies="breaks are bought and fail for weeks.",
    body="""\
    high, low = ops.lag(talib.MAX(bars.high, p.entry), 1), ops.lag(talib.MIN(bars.low, p.entry), 1)
    above, below = ops.lag(talib.MAX(bars.high, p.leave), 1), ops.lag(talib.MIN(bars.low, p.leave), 1)
    long = ops.latch(close > high, close < below)
    short = ops.latch(close < low, close > above)
    return Targets(exposure=p.size * (long * 1.0 - short * 1.0))
""",
    params={"entry": (96, 24, 240), "leave": (36, 12, 96), "size": (0.8, 0.3, 1.0)},
)

CARRY: Final = Template(
    title="Stand against a crowd that pays dearly for its side",
    thesis="funding that stays rich says who is crowded, and the crowd unwinds.",
    dies="the crowd is right for weeks.",
    body="""\
    rate = talib.SMA(np.nan_to_num(bars.funding), p.lookback)
    rich, poor = ops.hold(rate > p.rich, p.stay), ops.hold(rate < -p.rich, p.stay)
    return Targets(exposure=p.size * (poor * 1.0 - rich * 1.0), stop_loss=0.15)
""",
    params={"lookback": (24, 8, 72), "rich": (0.0002, 0.00005, 0.0008), "stay": (24, 6, 96), "size": (0.8, 0.3, 1.0)},
)

GEARED: Final = replace(CARRY, params={**CARRY.params, "size": (1.8, 1.3, 2.4)})
"""The same for whoever holds more than the equity."""

REVERSION: Final = Template(
    title="Lean against a price stretched from its mean",
    thesis="forced trading pushes a price further than news does, and it comes back.",
    dies="a range breaks and the stretch was a first leg.",
    body="""\
    z = ops.zscore(close, p.lookback)
    long = ops.latch(z < -p.stretch, z > -p.leave)
    short = ops.latch(z > p.stretch, z < p.leave)
    return Targets(exposure=p.size * (long * 1.0 - short * 1.0), stop_loss=0.15)
""",
    params={"lookback": (72, 8, 240), "stretch": (1.5, 0.3, 3.0), "leave": (0.0, -1.0, 1.0), "size": (0.8, 0.3, 1.0)},
)

LEAN: Final = Template(
    title="Stay on one side except when the market has run hot",
    thesis="one side of this market is paid for bearing its risk; it pauses after a hot run.",
    dies="the market turns for good.",
    body="""\
    stretched = p.side * ops.zscore(close, p.lookback)
    hot = ops.latch(stretched > p.hot, stretched < p.cool)
    return Targets(exposure=np.where(hot, 0.0, p.side * p.size))
""",
    params={
        "lookback": (72, 36, 160),
        "hot": (1.5, 0.5, 2.5),
        "cool": (0.0, -1.5, 0.5),
        "side": (1, -1, 1),
        "size": (0.8, 0.3, 1.0),
    },
)

RIDE: Final = Template(
    title="Follow small swings, and ride a large one in full",
    thesis="large moves of many days go on, small ones are scalped meanwhile.",
    dies="no large move comes.",
    body="""\
    small = np.where(talib.EMA(close, p.fast) > talib.EMA(close, 4 * p.fast), p.swing, -p.swing)
    moved = close / ops.lag(close, p.lookback) - 1.0
    up, down = ops.hold(moved > p.jump, p.stay), ops.hold(moved < -p.jump, p.stay)
    return Targets(exposure=np.where(up, 1.0, np.where(down, -1.0, small)))
""",
    params={
        "fast": (12, 6, 48),
        "lookback": (240, 120, 720),
        "jump": (0.2, 0.08, 0.6),
        "stay": (240, 120, 960),
        "swing": (0.4, 0.02, 0.9),
    },
)

LEVELS: Final = Template(
    title="Follow the gap between two averages, and lean on prices that held before",
    thesis="a price that has moved is moved on, and traders defend the levels they remember.",
    dies="the market swings inside a range, or levels that held are forgotten.",
    body="""\
    gap = talib.EMA(close, p.fast) / talib.EMA(close, 4 * p.fast) - 1.0
    away = np.abs(close[:, None] / np.array(LEVELS)[None, :] - 1.0)
    near = ops.hold(np.min(away, axis=1) < p.near, p.stay)
    return Targets(exposure=p.follow * np.sign(gap) + p.lean * near)
""",
    params={
        "fast": (24, 6, 60),
        "near": (0.001, 0.0005, 0.003),
        "stay": (12, 6, 48),
        "follow": (0.5, 0.02, 0.9),
        "lean": (0.5, 0.02, 0.9),
    },
)
