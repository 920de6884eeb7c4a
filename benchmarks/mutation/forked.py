"""Run tests in a fork of this process, which has imported once what a thousand runs would each import anew.

Nothing of the project is imported before the fork, so that a child sees the copy it is sent to and nothing else.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

WARM = ("numpy", "pandas", "talib", "numba", "msgspec", "hypothesis", "pytest", "tomllib", "tomlkit", "pyarrow.parquet")
TEST_CPU_S = 20.0
"""User CPU time a test may burn in its own process; no fast test needs half of it on a slow machine."""

COMPILING_CPU_S = 150.0
"""The same where the first test to need a changed kernel compiles it: 35 s on an idle machine, more on a busy one."""

RUN_S = 1_800
_OURS = ("autarch", "ci", "agents", "live", "benchmarks", "tests")
_POLL_S = 0.05
_ALWAYS = ("-x", "-q", "-n0", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""The warning is of what is imported before pytest begins: here, on purpose."""

UNBEGUN = "before the first test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One run of pytest: its arguments, and whether compiled functions are interpreted in it.

    To interpret spares the half minute in which a changed kernel is compiled; its arithmetic is the same but for a
    division by zero, which raises.
    """

    arguments: tuple[str, ...]
    interpreted: bool = False


def warm_up() -> None:
    """Import what is not of the project."""
    for name in WARM:
        importlib.import_module(name)


def first_failure(copy: Path, stage: Stage, *, cache: Path, spared: Sequence[str] = ()) -> str | None:
    """Return the first test that fails in a copy of the project, None when all pass.

    Args:
        copy: A whole copy of the project.
        stage: What to run there.
        cache: Folder of machine code; named by content, so that many copies may share it.
        spared: Node ids, and files, that are not run.

    Returns:
        A node id; with ` (endless)` when the test burned its time, ` (died)` when it took the process with it; or
        `timeout`, which may be the machine's fault. None, too, when every path is spared: pytest without one would
        run all tests there are.
    """
    note = copy / ".mutation-run.json"
    note.unlink(missing_ok=True)
    given = [argument for argument in stage.arguments if argument not in spared]
    if not any(argument.startswith("tests/") for argument in given):
        return None
    arguments = [*given, *(f"--{'deselect' if '::' in node else 'ignore'}={node}" for node in spared)]
    child = os.fork()
    if child == 0:
        _become(copy, arguments, cache, note, interpreted=stage.interpreted)
    status = _waited(child)
    told = json.loads(note.read_text()) if note.is_file() else {"at": UNBEGUN, "failed": None}
    if status is None:
        return "timeout"
    if told["failed"] is not None:
        return str(told["failed"])
    if os.WIFSIGNALED(status):
        how = "endless" if os.WTERMSIG(status) == signal.SIGVTALRM else "died"
        return f"{told['at']} ({how})"
    return None if os.WEXITSTATUS(status) in {0, 5} else f"{told['at']} (pytest exit {os.WEXITSTATUS(status)})"


def _waited(child: int) -> int | None:
    """Return the child's status, None when it had to be ended."""
    until = time.monotonic() + RUN_S
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(_POLL_S)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _become(copy: Path, arguments: Sequence[str], cache: Path, note: Path, *, interpreted: bool) -> None:
    """Run pytest in the copy and exit with its code; never returns."""
    code = 3
    try:
        os.setsid()
        os.chdir(copy)
        silence = os.open(copy / ".mutation-run.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(silence, descriptor)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        sys.dont_write_bytecode = False
        os.environ |= {"PYTHONPATH": str(copy), "AUTARCH_CACHE": str(cache)}
        sys.path[:] = [str(copy), *(path for path in sys.path if not _is_project(path))]
        for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
            del sys.modules[name]
        plugins: list[Any] = [_Watch(note, TEST_CPU_S if interpreted else COMPILING_CPU_S)]
        if interpreted:
            plugins.append(_Interpreter(copy))
        code = int(pytest.main([*_ALWAYS, *arguments], plugins=plugins))
    except BaseException:  # noqa: BLE001  it is said in the run's output; the code says that it failed
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _is_project(path: str) -> bool:
    return path == "" or (Path(path) / "autarch").is_dir()


class _Watch:
    """Writes which test runs and which fails, and ends the process when one burns its time."""

    def __init__(self, note: Path, cpu_s: float) -> None:
        self._note, self._cpu_s = note, cpu_s

    def _write(self, at: str, failed: str | None) -> None:
        self._note.write_text(json.dumps({"at": at, "failed": failed}))

    def pytest_collection(self) -> None:
        """Have no example made smaller once it fails: nobody will read it, and that takes minutes."""
        hypothesis = importlib.import_module("hypothesis")
        plain = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", hypothesis.settings(), phases=plain)
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._write(item.nodeid, None)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._cpu_s)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._write(report.nodeid, report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write(report.nodeid, f"{report.nodeid} (import)")


class _Interpreter:
    """Has compiled functions interpreted, as the referee's own test of faults does."""

    def __init__(self, copy: Path) -> None:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
        importlib.import_module("numba").config.DISABLE_JIT = True
        self._copy = copy

    def pytest_collection(self) -> None:
        for module in sorted((self._copy / "autarch/engine").glob("*.py")):
            importlib.import_module(f"autarch.engine.{module.stem}".removesuffix(".__init__"))
        runpy.run_path(str(self._copy / "tests/referee/mutants.py"))["interpret"]()
