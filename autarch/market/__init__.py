"""Market data: dataset locks, stores, import, synthesis, splits, bar columns.

`lock` names a data set, `stores` hold its bytes, `load` makes a `Market` of one split, `bars` shows
a strategy what it may see, `importer` and `synth` make data sets. The names below are loaded when
they are asked for: a worker that needs the value types alone does not pay for stores.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autarch.market.bars import BarColumns, bar_columns
    from autarch.market.load import load_market
    from autarch.market.lock import DatasetLock, load_lock, read_lock
    from autarch.market.stores import Stores

__all__ = ["BarColumns", "DatasetLock", "Stores", "bar_columns", "load_lock", "load_market", "read_lock"]

_HOME = {
    "BarColumns": "bars",
    "DatasetLock": "lock",
    "Stores": "stores",
    "bar_columns": "bars",
    "load_lock": "lock",
    "load_market": "load",
    "read_lock": "lock",
}


def __getattr__(name: str) -> Any:
    """Return one of the names above from its module."""
    if name not in _HOME:
        raise AttributeError(f"module 'autarch.market' has no attribute {name!r}")
    return getattr(importlib.import_module(f"autarch.market.{_HOME[name]}"), name)
