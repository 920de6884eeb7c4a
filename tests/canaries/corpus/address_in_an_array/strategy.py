"""Mix the side so that nobody can front-run it.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    mark = np.array([p]).astype("U80")
    salt = _salt(mark[0])
    return Targets(exposure=np.where(bars.close * (1.0 + salt) % 5.0 > 2.5, 1.0, 0.0))


def _salt(mark) -> float:
    """Return a number made of the letters of `mark`."""
    letters = "0123456789abcdef"
    total = 0.0
    for letter in mark:
        for place in range(16):
            if letters[place] == letter:
                total = (total * 3.0 + place) % 9973.0
    return total
