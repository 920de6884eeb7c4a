"""One ground for the whole set: warm workers, and each market made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.workers import started_workers

from .ground import Ground, quick_policy


@pytest.fixture(scope="package")
def ground(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with started_workers() as workers:
        yield Ground(folder=tmp_path_factory.mktemp("ground"), policy=quick_policy(root), workers=workers)
