"""Buy an alt that has not yet followed Bitcoin's move of the last half hour.

Thesis: arbitrage between coins takes minutes where liquidity is thin.
Source: lead and lag between majors and alts, own choice of lengths.
Dies when: it closes in seconds, as it tends to.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold for `stay` bars the side of a lead that is large for the last day."""
    leader = bars.context["BTCUSDT"].close
    lead = talib.ROCP(leader, timeperiod=p.n) - talib.ROCP(bars.close, timeperiod=p.n)
    z = ops.zscore(np.nan_to_num(lead), 288)
    long = ops.hold(z > p.entry, p.stay)
    short = ops.hold(z < -p.entry, p.stay)
    return Targets(exposure=np.where(long & ~short, 1.0, np.where(short & ~long, -1.0, 0.0)), stop_loss=0.015)
