"""Autarch: agents write strategies, CI proves them, a human merges, a signed tag goes live.

From a notebook: `autarch.bars`, `autarch.backtest`, `autarch.gate` (`autarch.notebook`, docs/notebook.ipynb).
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_NOTEBOOK = ("Run", "backtest", "bars", "gate")


def __getattr__(name: str) -> Any:
    """Import what notebooks use when it is first asked for: `import autarch` itself loads nothing."""
    if name in _NOTEBOOK:
        return getattr(importlib.import_module("autarch.notebook"), name)
    raise AttributeError(f"module 'autarch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*globals(), *_NOTEBOOK))
