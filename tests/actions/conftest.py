"""Two stages of workflows, each made once, and a fresh forge on one for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .ground import Ground, make_ground
from .stage import Stage, staged


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return make_ground(tmp_path_factory.mktemp("ground"), whole=False)


@pytest.fixture
def stage(ground: Ground, tmp_path: Path) -> Iterator[Stage]:
    with staged(ground, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A ground with all of the project's code, for workflows that run it."""
    return make_ground(tmp_path_factory.mktemp("theatre"), whole=True)
