"""Nothing a strategy may use waits to be imported until no file can be opened."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from autarch.numerics import pinned_environment

OUT_OF_REACH = (
    "pandas.core._numba",  # needs an engine argument, and compiling needs executable memory
    "pandas.core.arrays.arrow",  # pyarrow is kept out
    "pandas.core.arrays.sparse.scipy_sparse",  # SciPy is not installed
    "pandas.core.interchange",  # dunder methods no strategy may call
    "pandas.io.formats.excel",
    "pandas.io.formats.style",
    "pandas.io.formats.xml",
)
LOADED = """\
import json, sys, threading
from autarch.sandbox import preload
preload.preload()
json.dump([sorted(m for m in sys.modules if sys.modules[m]), threading.active_count()], sys.stdout)
"""


def imported_inside_functions(package: Path) -> Iterator[str]:
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "\n        from " not in text and "\n        import " not in text:
            continue  # nothing is imported two levels deep
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                        yield node.module
                        yield from (f"{node.module}.{alias.name}" for alias in node.names)
                    elif isinstance(node, ast.Import):
                        yield from (alias.name for alias in node.names)


def test_every_module_pandas_imports_late_is_imported_early() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOADED],
        env=pinned_environment(os.environ),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    loaded, threads = json.loads(done.stdout)
    spec = importlib.util.find_spec("pandas")
    assert spec is not None
    assert spec.origin is not None
    late = {
        name
        for name in imported_inside_functions(Path(spec.origin).parent / "core")
        if name.startswith(("pandas.", "numpy.")) and not name.startswith(OUT_OF_REACH)
    }

    missing = sorted(name for name in late - set(loaded) if importlib.util.find_spec(name.rpartition(".")[0]))

    assert threads == 1
    assert len(late) > 50
    assert [name for name in missing if is_module(name)] == []


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
