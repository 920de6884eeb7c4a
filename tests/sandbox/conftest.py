"""A worker shared by all tests, strategies made of a few lines, and bars that only count."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from autarch.manifest import StrategySource, parse_source
from autarch.sandbox import Window, Worker, WorkerLimits
from autarch.sandbox.protocol import WINDOW_COLUMNS

SourceOf = Callable[..., StrategySource]
WindowOf = Callable[..., Window]

HEADER = """\
import numpy as np
import pandas as pd
from autarch.strategy import Bars, Params, Targets

os = np.lib._npyio_impl.os
OSError = os.error


def decide(bars, p):
    n = len(bars)
"""
"""The source policy would refuse this; here nobody asks it, and a strategy has all of os."""


def build_source(
    body: str, *, symbols: tuple[str, ...] = ("BTCUSDT",), context: tuple[str, ...] = (), mode: str = "each"
) -> StrategySource:
    manifest = (
        f'schema = 1\nname = "tiny"\ntitle = "t"\nsymbols = {list(symbols)}\ncontext = {list(context)}\n'
        f'interval = "15m"\nmode = "{mode}"\nwarmup = 10\nmax_leverage = 1.0\n'
        "[params]\nfast = 20\nsize = 0.5\nshort = true\n"
    )
    code = HEADER + "".join(f"    {line}\n" for line in body.splitlines())
    return parse_source(slug="tiny", manifest_bytes=manifest.encode("ascii"), code=code.encode("ascii"))


def build_window(*symbols: str, first_bar: int = 0, n_rows: int = 8, target: str | None = "BTCUSDT") -> Window:
    """Bar number b of symbol s closes at 100 * s + b + 1; every other column is 1."""
    columns = {}
    for index, symbol in enumerate(symbols or ("BTCUSDT",)):
        rows = np.ones((len(WINDOW_COLUMNS), n_rows))
        rows[WINDOW_COLUMNS.index("close")] = 100.0 * index + first_bar + np.arange(1.0, n_rows + 1.0)
        columns[symbol] = rows
    return Window(target=target, first_bar=first_bar, columns=columns)


@pytest.fixture(scope="session")
def source_of() -> SourceOf:
    return build_source


@pytest.fixture(scope="session")
def window_of() -> WindowOf:
    return build_window


@pytest.fixture(scope="package")
def shared_worker() -> Iterator[Worker]:
    with Worker() as running:
        yield running


@pytest.fixture
def worker(shared_worker: Worker) -> Iterator[Worker]:
    """One zygote for all tests; each may set its own limits, which are those of its children."""
    shared_worker.limits = WorkerLimits(request_seconds=20.0, address_space_bytes=1 << 30)
    yield shared_worker
    shared_worker.limits = WorkerLimits()
