"""One ground for the whole set: warm workers, and each market made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .ground import Ground, opened_ground


@pytest.fixture(scope="package")
def ground(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with opened_ground(root, tmp_path_factory.mktemp("ground")) as opened:
        yield opened
