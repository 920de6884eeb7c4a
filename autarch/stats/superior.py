"""Is the best of a search better than doing nothing clever? SPA and the Reality Check, from the package `arch`.

Sources: Hansen, "A Test for Superior Predictive Ability" (2005); White, "A Reality Check for Data Snooping" (2000).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

import numpy as np

from autarch.errors import UndecidedError
from autarch.stats.sharpe import Floats

BLOCK_DAYS: Final = 10
REPS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Superior:
    """p-values that no try beats the benchmark, by how tries that are worse than it are treated.

    `consistent` is SPA's answer, `upper` the Reality Check's: it keeps every try, however poor, in the comparison.
    """

    lower: float
    consistent: float
    upper: float


def superior(returns: Floats, benchmark: Floats, *, seed: int, reps: int = REPS) -> Superior:
    """Test whether the best of the tries earns more than `benchmark`: studentised, stationary bootstrap.

    Args:
        returns: (T, N) per period, time in rows.
        benchmark: (T,) the same periods.
        seed: Of the bootstrap.
        reps: Resamples.

    Raises:
        ValueError: shapes that do not fit.
        UndecidedError: NaN, or a try that never differs from the benchmark.
    """
    if returns.ndim != 2 or benchmark.shape != returns.shape[:1]:
        raise ValueError(f"returns {returns.shape}, benchmark {benchmark.shape}; expected (T, N) and (T,)")
    if not (np.isfinite(returns).all() and np.isfinite(benchmark).all()):
        raise UndecidedError("a return is NaN or infinite: the test of the rest would be of another search")
    if not (returns - benchmark[:, None]).std(axis=0).all():
        raise UndecidedError("a try differs from the benchmark by the same on every day: leave it out")
    test = _spa()(
        -benchmark, -returns, block_size=BLOCK_DAYS, reps=reps, bootstrap="stationary", studentize=True, seed=seed
    )
    test.compute()
    found = test.pvalues
    return Superior(lower=float(found["lower"]), consistent=float(found["consistent"]), upper=float(found["upper"]))


@cache
def _spa() -> Any:
    """Return the class SPA of `arch`, which only whoever asks pays for, and without what it does not use.

    The package's own first file imports its models of volatility, and they matplotlib and statsmodels; `scipy.stats`
    serves intervals that are not asked for. Without them the import takes a hundredth of 1.5 s of processor time.
    """
    spared = {name: ModuleType(name) for name in ("arch", "scipy.stats") if name not in sys.modules}
    if "arch" in spared:
        found = find_spec("arch")
        spared["arch"].__path__ = list((found.submodule_search_locations if found is not None else None) or ())
    before = set(sys.modules)
    sys.modules.update(spared)
    try:
        from arch.bootstrap import SPA  # noqa: PLC0415  see above
    finally:  # whoever wants the whole of it finds it
        for name in set(sys.modules) - before:
            if name in spared or name.startswith("arch."):
                del sys.modules[name]
    return SPA
