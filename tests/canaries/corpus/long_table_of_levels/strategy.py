"""Alternate between bands of price.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    band = np.searchsorted(
        np.array(
            [
                42000.0,
                42766.0,
                43546.0,
                44340.2,
                45148.8,
                45972.3,
                46810.7,
                47664.5,
                48533.8,
                49418.9,
                50320.2,
                51238.0,
                52172.5,
                53124.0,
                54092.9,
                55079.4,
                56083.9,
                57106.8,
                58148.3,
                59208.8,
                60288.7,
                61388.2,
                62507.9,
                63647.9,
                64808.7,
                65990.7,
                67194.2,
                68419.7,
                69667.6,
                70938.2,
                72231.9,
                73549.3,
                74890.7,
                76256.6,
                77647.3,
                79063.5,
                80505.4,
                81973.7,
                83468.7,
                84991.1,
                86541.1,
                88119.5,
                89726.6,
                91363.0,
                93029.3,
                94726.0,
                96453.6,
                98212.7,
                100004.0,
                101827.8,
                103685.0,
                105576.0,
                107501.5,
                109462.1,
                111458.5,
                113491.3,
                115561.1,
                117668.8,
                119814.8,
                122000.0,
            ]
        ),
        bars.close,
    )
    return Targets(exposure=np.where(band % 2 == 0, 1.0, 0.0))
