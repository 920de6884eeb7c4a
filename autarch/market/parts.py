"""The holdout's two parts: its first days answer looks, the others are kept for the test of promotion.

A word about bars is a look at them. Whoever asks often enough, under new names, can add up what was improved and
take away what was worse, until the bars praise noise; and whoever takes only what was praised to a test on the same
bars has chosen its p-value. So the bars that decide about capital are bars of which no word is ever told.
"""

from __future__ import annotations

from typing import Final

DAY_MS: Final = 86_400_000
LOOKED_DAYS_IN: Final = 4
"""Looks have one day in four: what they are for, a loss beyond noise, shows there; power belongs to the test."""


def looked_until_ms(start_ms: int, end_ms: int) -> int:
    """Return where the part of a holdout `[start_ms, end_ms)` ends that looks may open, a UTC midnight; judged after.

    With less than four whole days there is nothing to look at: both parts are empty or the first is.

    Raises:
        ValueError: the span ends before it starts.
    """
    if end_ms < start_ms:
        raise ValueError(f"a holdout from {start_ms} to {end_ms} ends before it starts")
    share_ms = (end_ms - start_ms) // LOOKED_DAYS_IN
    return max(start_ms, (start_ms + share_ms) // DAY_MS * DAY_MS)
