"""Try mutants in copies of the project: the first failing test has killed it, silence has let it live.

A test kills only what it lets live unchanged: whoever fails in a copy without any mutant is spared from then on.
"""

from __future__ import annotations

import multiprocessing
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from benchmarks.mutation.forked import UNBEGUN, Stage, first_failure, warm_up
from benchmarks.mutation.plan import Area
from benchmarks.mutation.sites import Mutant

COPIED = ("autarch", "ci", "agents", "live", "benchmarks", "tests", "strategies", "docs", ".github")
UNSURE = "timeout"
_NOTED = re.compile(r" \([a-z0-9 ]+\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of a mutant: the test that killed it, `timeout` when a run never ended, or None when it lives.

    Attributes:
        passed: Runs of tests that it outlived, of how many there are.
    """

    area: str
    mutant: Mutant
    killed_by: str | None
    passed: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard a run tries.

    Attributes:
        jobs: Processes, each with a copy of the project.
        stages: Runs of tests for each mutant at most; None: all.
        cache: Folder of machine code; None: one that is forgotten.
    """

    jobs: int
    stages: int | None = None
    cache: Path | None = None


def try_all(root: Path, drawn: Sequence[tuple[Area, Mutant]], effort: Effort, *, told: Callable[[Tried], None]) -> None:
    """Try every mutant in a copy of the project; tell each in this process as soon as it is known, in any order."""
    warm_up()
    with tempfile.TemporaryDirectory(prefix="autarch-mutants-") as folder:
        copies = [_copy(root, Path(folder) / str(number)) for number in range(effort.jobs)]
        process = multiprocessing.get_context("fork")
        free = process.SimpleQueue()
        for copy in copies:
            free.put(copy)
        with process.Pool(effort.jobs, _settle, (free, effort.cache or Path(folder) / "cache")) as pool:
            for tried in pool.imap_unordered(partial(_attempt, effort.stages), drawn):
                told(tried)


_HERE: list[tuple[Path, Path]] = []
_AILING: set[str] = set()
_SOUND: set[str] = set()
_COLLECTED: set[Stage] = set()


def _settle(free: SimpleQueue[Path], cache: Path) -> None:
    _HERE.append((free.get(), cache))


def _attempt(stages: int | None, item: tuple[Area, Mutant]) -> Tried:
    area, mutant = item
    copy, _ = _HERE[0]
    planned = stages_of(copy, area, mutant)
    for number, stage in enumerate(planned[:stages]):
        killer = _killer(stage, mutant)
        if killer is not None:
            return Tried(area=area.name, mutant=mutant, killed_by=killer, passed=(number, len(planned)))
    return Tried(area=area.name, mutant=mutant, killed_by=None, passed=(len(planned[:stages]), len(planned)))


def _killer(stage: Stage, mutant: Mutant) -> str | None:
    copy, cache = _HERE[0]
    while True:
        with _mutated(copy, mutant):
            found = first_failure(copy, stage, cache=cache, spared=sorted(_AILING))
        if found in {None, UNSURE}:
            return found
        if UNBEGUN in str(found):
            _require_collected(stage)
        test = _NOTED.sub("", str(found))
        if not test.startswith("tests/") or test in _SOUND:
            return found
        alone = (test,) if "::" in test else (test, "--collect-only")  # a file that cannot be imported is no witness
        if first_failure(copy, Stage(arguments=alone, interpreted=stage.interpreted), cache=cache) is None:
            _SOUND.add(test)
            return found
        _AILING.add(test)


def _require_collected(stage: Stage) -> None:
    """Refuse a run of tests that does not even begin without a mutant: it would count as the death of every one.

    Raises:
        RuntimeError: it does not.
    """
    copy, cache = _HERE[0]
    if stage in _COLLECTED:
        return
    clean = Stage(arguments=(*stage.arguments, "--collect-only"), interpreted=stage.interpreted)
    found = first_failure(copy, clean, cache=cache)
    if found is not None:
        raise RuntimeError(f"the tests do not begin without any mutant: {' '.join(stage.arguments)}: {found}")
    _COLLECTED.add(stage)


def stages_of(root: Path, area: Area, mutant: Mutant) -> list[Stage]:
    """Return the runs of tests for a mutant: the area's first, of its module, of what uses that, then all of the area.

    Tests of a module are those named after it and those that import it.
    """
    tests = {path: path.read_text() for path in sorted((root / "tests").rglob("test_*.py"))}
    own = _tests_of(tests, mutant.path)
    imported, modules = _imports(mutant.path), sorted((root / mutant.path).parent.glob("*.py"))
    users = [path for path in modules if imported.search(path.read_text())]
    using = [path for user in users for path in _tests_of(tests, str(user.relative_to(root)))]
    likely = [path for path in dict.fromkeys((*(root / one for one in area.likely), *using)) if path not in own]
    named = [[str(path.relative_to(root)) for path in group] for group in (own, likely) if group]
    return [*area.first, *(Stage(arguments=(*group, "-m", "not slow")) for group in named), *area.tests]


def _tests_of(tests: Mapping[Path, str], module: str) -> list[Path]:
    stem, imported = Path(module).stem, _imports(module)
    named = [path for path in tests if path.stem in {f"test_{stem}", f"test_{stem}_check"}]
    return named + [path for path, text in tests.items() if path not in named and imported.search(text)]


def _imports(module: str) -> re.Pattern[str]:
    dotted = module.removesuffix(".py").replace("/", ".")
    package, _, stem = dotted.rpartition(".")
    return re.compile(rf"from {re.escape(dotted)} import|from {re.escape(package)} import .*\b{re.escape(stem)}\b")


@contextmanager
def _mutated(copy: Path, mutant: Mutant) -> Iterator[None]:
    path = copy / mutant.path
    source = path.read_text()
    _written(path, mutant.applied(source))
    try:
        yield
    finally:
        _written(path, source)


def _written(path: Path, source: str) -> None:
    """Write a module and forget its bytecode, which is told from another by size and whole seconds alone."""
    path.write_text(source)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def _copy(root: Path, into: Path) -> Path:
    into.mkdir()
    for name in COPIED:
        shutil.copytree(root / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in root.iterdir():
        if path.is_file():
            shutil.copy2(path, into / path.name)
    subprocess.run(["git", "init", "-q", "-b", "main", str(into)], check=True)
    return into
