"""Curves as text: a sparkline anywhere, a Mermaid chart where a platform draws one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from ci.report_lines import Line

BLOCKS: Final = "▁▂▃▄▅▆▇█"
SPARK_POINTS: Final = 60
MERMAID_POINTS: Final = 40


def sparkline(values: Sequence[float], *, points: int = SPARK_POINTS) -> str:
    """Return `values` as a row of blocks, lowest to highest; empty for none, what is not finite as a space."""
    thin = _thinned(values, points)
    finite = [value for value in thin if math.isfinite(value)]
    if not finite:
        return " " * len(thin)
    low, width = min(finite), (max(finite) - min(finite)) or 1.0
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round(top * (value - low) / width)] if math.isfinite(value) else " " for value in thin)


def mermaid(lines: Sequence[Line]) -> str:
    """Return growth of capital as a Mermaid xychart in a fenced block; empty where there is nothing to draw.

    Points are evenly spaced in each line's own span, which is the candidate's for all of them.
    """
    drawn = [line for line in lines if len(line.growth) > 1]
    if not drawn:
        return ""
    rows = [_thinned(line.growth, MERMAID_POINTS) for line in drawn]
    low, high = min(map(min, rows)), max(map(max, rows))
    words = ", ".join(f"{place} {line.who}" for place, line in enumerate(drawn, start=1))
    body = [f"  line [{', '.join(f'{value:.4g}' for value in row)}]" for row in rows]
    return "\n".join(
        [
            "```mermaid",
            "xychart-beta",
            f'  title "Equity over capital on train: {words}"',
            f'  y-axis "x" {low:.4g} --> {max(high, low + 1e-3):.4g}',
            *body,
            "```",
        ]
    )


def _thinned(values: Sequence[float], points: int) -> list[float]:
    if len(values) <= points:
        return list(values)
    return [values[int(at)] for at in np.linspace(0, len(values) - 1, points)]
