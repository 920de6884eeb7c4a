"""All that a strategy may import: `from autarch.strategy import Bars, Params, Targets, ops`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from autarch.strategy.answer import check_targets, check_values
from autarch.strategy.contract import Bars, Params, Targets
from autarch.strategy.resample import Resampled

if TYPE_CHECKING:
    from autarch.strategy import ops

__all__ = ["Bars", "Params", "Resampled", "Targets", "check_targets", "check_values", "ops"]


def __getattr__(name: str) -> Any:
    """Import `ops` when it is asked for: its compiler takes half a second, and an evaluator has no use for it."""
    if name == "ops":
        return importlib.import_module("autarch.strategy.ops")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
