"""Try mutants in copies of the project: the first failing test has killed it, silence has let it live."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from benchmarks.mutation.plan import Area
from benchmarks.mutation.sites import Mutant

STAGE_S = 900
COPIED = ("autarch", "ci", "agents", "live", "benchmarks", "tests", "strategies", "docs", ".github")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of a mutant: the test that killed it, `timeout` when a test never ended, or None when it lives."""

    area: str
    mutant: Mutant
    killed_by: str | None


def try_all(
    root: Path, drawn: Sequence[tuple[Area, Mutant]], *, jobs: int, told: Callable[[Tried], None]
) -> list[Tried]:
    """Try every mutant, `jobs` at a time, each in a copy of the project of its own.

    Raises:
        RuntimeError: the tests fail without any mutant, so that nothing could be concluded.
    """
    with tempfile.TemporaryDirectory(prefix="autarch-mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        copies: Queue[Path] = Queue()
        for number in range(jobs):
            copies.put(_copy(root, Path(folder) / str(number)))

        def attempt(item: tuple[Area, Mutant]) -> Tried:
            area, mutant = item
            copy = copies.get()
            try:
                with _mutated(copy, mutant):
                    tried = Tried(area=area.name, mutant=mutant, killed_by=_killer(copy, area, mutant))
            finally:
                copies.put(copy)
            told(tried)
            return tried

        return list(pool.map(attempt, drawn))


def stages_of(root: Path, area: Area, mutant: Mutant) -> list[tuple[str, ...]]:
    """Return the runs of tests for a mutant: first those that import its module, then the area's."""
    module = mutant.path.removesuffix(".py").replace("/", ".")
    package, _, stem = module.rpartition(".")
    named = re.compile(rf"from {re.escape(module)} import|from {re.escape(package)} import .*\b{re.escape(stem)}\b")
    own = [path for path in sorted((root / "tests").rglob("test_*.py")) if _names(path, named, stem)]
    first = [(*(str(path.relative_to(root)) for path in own), "-m", "not slow")] if own else []
    return [*first, *area.tests]


def _names(path: Path, imported: re.Pattern[str], stem: str) -> bool:
    return path.stem in {f"test_{stem}", f"test_{stem}_check"} or imported.search(path.read_text()) is not None


def _killer(copy: Path, area: Area, mutant: Mutant) -> str | None:
    for stage in stages_of(copy, area, mutant):
        killer = _failing(copy, stage)
        if killer is not None:
            return killer
    return None


def _failing(copy: Path, stage: tuple[str, ...]) -> str | None:
    """Return the first failing test of a run, None when all pass."""
    command = [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *stage]
    environment = {**os.environ, "PYTHONPATH": str(copy), "AUTARCH_CACHE": str(copy / ".cache")}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=STAGE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode in {0, 5}:
        return None
    found = _FAILED.search(done.stdout)
    return found[1] if found else f"pytest exit {done.returncode}"


@contextmanager
def _mutated(copy: Path, mutant: Mutant) -> Iterator[None]:
    path = copy / mutant.path
    source = path.read_text()
    path.write_text(mutant.applied(source))
    try:
        yield
    finally:
        path.write_text(source)


def _copy(root: Path, into: Path) -> Path:
    into.mkdir()
    for name in COPIED:
        shutil.copytree(root / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in root.iterdir():
        if path.is_file():
            shutil.copy2(path, into / path.name)
    subprocess.run(["git", "init", "-q", "-b", "main", str(into)], check=True)
    return into
