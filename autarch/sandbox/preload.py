"""Import and exercise, before confinement, all a strategy may need after it: no file can be opened then."""

from __future__ import annotations

import importlib
import sys

LAZY_MODULES = (
    "math",
    "numpy.fft",
    "numpy.linalg",
    "numpy.ma.mrecords",
    "numpy.polynomial",
    "pandas",
    "pandas.core.methods.select",
    "pandas.core.methods.to_dict",
    "pandas.core.reshape.reshape",
    "pandas.io.formats.printing",
    "pandas.io.formats.string",
    "talib",
    "autarch.strategy.ops",
)
"""What libraries import inside functions, on first use; a test walks pandas for more."""

_BLOCKED = ("pyarrow", "numexpr", "bottleneck", "scipy")


def preload() -> str:
    """Import everything, run the numeric battery once, and return its digest.

    pyarrow is kept out: with it pandas starts a thread of an allocator, and only a single-threaded
    process can be forked into confinement. numexpr and bottleneck would change pandas' arithmetic. SciPy is
    there only where some other tool brought it, and numba would import half of it.
    """
    for name in _BLOCKED:  # None makes an import fail as if it were not installed
        sys.modules[name] = None  # type: ignore[assignment]
    for name in LAZY_MODULES:
        importlib.import_module(name)
    battery = importlib.import_module("autarch.numerics.battery")
    _exercise(importlib.import_module("pandas"))
    return str(battery.digest())


def _exercise(pandas: object) -> None:
    """Walk the paths of pandas that build caches or buffers on first use."""
    frame_of = getattr(pandas, "DataFrame")  # noqa: B009  the module is passed untyped on purpose
    frame = frame_of({"a": [1.0, 2.0, 3.0, 4.0], "b": [4.0, 1.0, 2.0, float("nan")]})
    column = frame["a"]
    frame.ffill().fillna(0.0).shift(1).diff().pct_change().rolling(2).mean().rank().to_numpy()
    frame.rolling(2).corr(frame["b"])
    frame.groupby(column > 2.0).transform("mean")
    column.rolling(2).quantile(0.5).where(column > 1.0, 0.0).clip(0.0, 1.0).cummax().ewm(span=2).std()
    column.expanding(1).max().rolling(2).apply(max, raw=True).quantile(0.5)
