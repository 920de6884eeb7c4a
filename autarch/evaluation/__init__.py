"""Anchored evaluation: windows of bars through a confined worker to decisions."""

from autarch.evaluation.blocks import Anchoring, Block
from autarch.evaluation.decide import Cut, decide_at, decide_blocks
from autarch.evaluation.frames import Frames, Transform, frames_of, window_columns
from autarch.evaluation.live import decide_live, decide_stepwise

__all__ = [
    "Anchoring",
    "Block",
    "Cut",
    "Frames",
    "Transform",
    "decide_at",
    "decide_blocks",
    "decide_live",
    "decide_stepwise",
    "frames_of",
    "window_columns",
]
