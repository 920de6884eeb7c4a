"""The five import names are this project's own, and the live wheel carries no agents."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["autarch", "ci", "agents", "live", "strategies"])
def test_an_import_name_resolves_to_this_tree(name: str, root: Path) -> None:
    spec = find_spec(name)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == root / name


def test_strategies_are_folders_of_this_tree(root: Path) -> None:
    slugs = [p.parent for p in root.glob("strategies/*/manifest.toml")]

    assert len(slugs) >= 6
    assert all((slug / "strategy.py").is_file() for slug in slugs)


@pytest.mark.slow
def test_the_wheel_for_a_live_host_has_no_agents(root: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, root],
        check=True,
    )
    (wheel,) = tmp_path.glob("autarch-*.whl")

    names = zipfile.ZipFile(wheel).namelist()

    tops = {n.split("/")[0] for n in names if not n.split("/")[0].endswith(".dist-info")}
    assert tops == {"autarch", "ci", "live"}
    assert any(n.endswith("extra_metadata/requirements.lock") for n in names)


def test_no_file_of_the_project_records_a_registry(root: Path) -> None:
    lock = (root / "requirements.lock").read_text()
    project = tomllib.loads((root / "pyproject.toml").read_text())

    assert "://" not in lock
    assert "--hash=sha256:" in lock
    assert "index" not in project.get("tool", {}).get("uv", {})
