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
                43164.2,
                44360.7,
                45590.4,
                46854.1,
                48152.9,
                49487.7,
                50859.5,
                52269.3,
                53718.1,
                55207.2,
                56737.5,
                58310.2,
                59926.6,
                61587.7,
                63294.9,
                65049.4,
                66852.6,
                68705.7,
                70610.2,
                72567.5,
                74579.0,
                76646.3,
                78770.9,
                80954.4,
                83198.4,
                85504.6,
                87874.8,
                90310.6,
                92814.0,
                95386.8,
                98030.9,
                100748.2,
                103540.9,
                106411.0,
                109360.7,
                112392.1,
                115507.6,
                118709.4,
                122000.0,
            ]
        ),
        bars.close,
    )
    return Targets(exposure=np.where(band % 2 == 0, 1.0, 0.0))
