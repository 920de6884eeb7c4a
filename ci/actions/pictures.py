"""A picture of a backtest that platforms draw by themselves: SVG of two lines, no script, no text of a stranger."""

from __future__ import annotations

import numpy as np

from autarch.market.types import Floats
from ci.outcome import GateOutcome

WIDTH, HEIGHT, GAP = 800, 240, 90
POINTS_MAX = 400


def picture(outcome: GateOutcome) -> str | None:
    """Return equity over capital and drawdown below it, None where nothing was played."""
    result, decisions = outcome.backtest, outcome.decisions
    if result is None or decisions is None:
        return None
    equity = np.asarray(result.equity, dtype=np.float64)[decisions.first_row() :]
    if equity.size < 2 or not np.isfinite(equity).all():
        return None
    drawdown = equity / np.maximum.accumulate(equity) - 1.0
    total = HEIGHT + GAP
    box = f'viewBox="0 0 {WIDTH} {total}" role="img" aria-label="Equity over capital and drawdown on train"'
    lines = (("#1f6feb", _points(equity, 10, HEIGHT - 10)), ("#cf222e", _points(drawdown, HEIGHT + 5, total - 5)))
    drawn = [f'<polyline fill="none" stroke="{ink}" points="{points}"/>' for ink, points in lines]
    ground = f'<rect width="{WIDTH}" height="{total}" fill="#ffffff"/>'
    parts = (f'<svg xmlns="http://www.w3.org/2000/svg" {box}>', ground, *drawn, "</svg>")
    return "\n".join(parts) + "\n"


def _points(values: Floats, top: float, bottom: float) -> str:
    """Return the line through at most `POINTS_MAX` of `values`, highest at `top`; SVG's y grows downwards."""
    rows = np.unique(np.linspace(0, values.size - 1, min(POINTS_MAX, values.size)).astype(np.int64))
    shown = values[rows]
    span = float(np.ptp(shown)) or 1.0
    x = rows / (values.size - 1) * WIDTH
    y = bottom - (shown - shown.min()) / span * (bottom - top)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
