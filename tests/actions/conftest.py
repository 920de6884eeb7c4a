"""The stage of workflows, made once, and a fresh forge on it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .stage import Ground, Stage, make_ground, staged


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return make_ground(tmp_path_factory.mktemp("ground"))


@pytest.fixture
def stage(ground: Ground, tmp_path: Path) -> Iterator[Stage]:
    with staged(ground, tmp_path) as made:
        yield made
