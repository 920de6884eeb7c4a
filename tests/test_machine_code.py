import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from autarch.errors import ConfigError
from autarch.machine_code import cache_by_content

ROOT = Path(__file__).resolve().parent.parent
MODULE = """
from pathlib import Path
import numba
from autarch.machine_code import cache_by_content
cache_by_content(Path(__file__).resolve().parent)

@numba.njit("float64(float64)", cache=True)
def doubled(x):
    return 2.0 * x
"""
SAY_HITS = "import sums; assert sums.doubled(2.0) == 4.0; print(sum(sums.doubled.stats.cache_hits.values()))"


@pytest.fixture(autouse=True)
def _numba_as_before(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", numba.config.CACHE_DIR)


def sources_in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "sums.py").write_text(MODULE)
    return folder


def hits(folder: Path, cache: Path) -> int:
    environment = {**os.environ, "AUTARCH_CACHE": str(cache), "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-c", SAY_HITS], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_the_same_sources_elsewhere_find_the_machine_code_and_edited_ones_do_not(tmp_path):
    first, cache = sources_in(tmp_path / "one"), tmp_path / "cache"
    assert hits(first, cache) == 0
    second = shutil.copytree(first, tmp_path / "two")
    os.utime(second / "sums.py", (1, 1))

    assert hits(second, cache) == 1
    assert hits(first, cache) == 1

    (second / "rules.py").write_text("edited = True\n")

    assert hits(second, cache) == 0


def test_the_folder_is_private_and_named_by_the_sources(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    sources = tmp_path / "engine"
    sources.mkdir()
    (sources / "rules.py").write_text("x = 1\n")
    first = cache_by_content(sources)
    (sources / "rules.py").write_text("x = 2\n")

    assert cache_by_content(sources) != first
    assert first.parent == tmp_path / "cache" / "numba"
    assert first.stat().st_mode & 0o077 == 0


def test_a_folder_others_may_write_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba").chmod(0o777)

    with pytest.raises(ConfigError, match="chmod 700"):
        cache_by_content(tmp_path)
