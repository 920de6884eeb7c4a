"""One small market, one pair of warm workers, and the gate with the policy of the project made as small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autarch.market.stores import Stores
from ci.workers import Workers, started_workers

from .cage import Cage, a_cage


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    with started_workers() as pair:
        yield pair


@pytest.fixture(scope="session")
def cage(tmp_path_factory: pytest.TempPathFactory, workers: Workers) -> Cage:
    return a_cage(Stores.under(tmp_path_factory.mktemp("bars")), workers)
