"""The numeric pin: what it sets, when it counts, and that it makes arithmetic the same."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib

from autarch import numerics
from autarch.errors import ConfigError, UndecidedError

DIGEST = "import sys; from autarch.numerics import battery; sys.stdout.write(battery.digest())"
PINNED = "import sys; from autarch import numerics; sys.stdout.write(','.join(numerics.unpinned_variables()))"


def run(code: str, environment: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(flags or ("-P",)), "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def unpinned() -> dict[str, str]:
    named = {*numerics.PIN, "PYTHONHASHSEED"}
    return {name: value for name, value in os.environ.items() if name not in named}


def test_a_function_that_is_one_bit_off_in_one_number_gives_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    battery = importlib.import_module("autarch.numerics.battery")
    here = battery.digest()

    for library, name in ((np, "tanh"), (np, "log"), (np.linalg, "inv"), (np, "convolve"), (talib, "HT_SINE")):
        with monkeypatch.context() as patch:
            patch.setattr(library, name, one_bit_off(getattr(library, name)))

            assert battery.digest() != here, name
    assert battery.digest() == here


def one_bit_off(function: Callable[..., Any]) -> Callable[..., Any]:
    def tampered(*arguments: Any, **named: Any) -> Any:
        found = function(*arguments, **named)
        first = np.atleast_1d(found[0] if isinstance(found, tuple) else found).copy()
        first.flat[-1] = np.nextafter(first.flat[-1], 1e9)
        return (first, *found[1:]) if isinstance(found, tuple) else first

    return tampered


@pytest.fixture(scope="module")
def pinned_digest() -> str:
    return run(DIGEST, numerics.pinned_environment(unpinned())).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value", "feature"),
    [
        ("NPY_DISABLE_CPU_FEATURES", "", "avx2"),
        ("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL AVX512_SPR", "avx2"),
        ("GLIBC_TUNABLES", "", "fma"),
        ("OPENBLAS_NUM_THREADS", "2", "sse2"),
        ("OPENBLAS_CORETYPE", "", "avx512f"),
        ("OPENBLAS_CORETYPE", "Nehalem", "sse2"),
        ("OPENBLAS_CORETYPE", "Sandybridge", "avx"),
    ],
)
def test_the_digest_sees_every_variable_that_chooses_arithmetic(pinned_digest, variable, value, feature) -> None:
    if feature not in numerics.cpu_features():
        pytest.skip(f"this CPU has no {feature}, so {variable} chooses nothing here")
    if variable == "OPENBLAS_NUM_THREADS" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this process may use one CPU only, and OpenBLAS starts no second thread")
    changed = run(DIGEST, {**numerics.pinned_environment(unpinned()), variable: value}).stdout

    assert changed != pinned_digest


def test_the_pin_switches_off_all_that_numpy_chooses_by_cpu() -> None:
    left = (
        "import sys; from numpy._core import _multiarray_umath as core\n"
        "sys.stdout.write(' '.join(n for n in core.__cpu_dispatch__ if core.__cpu_features__[n]))"
    )

    assert run(left, numerics.pinned_environment(unpinned())).stdout == ""


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PYTHONWARNINGS", "error"), ("NPY_ENABLE_CPU_FEATURES", "X86_V3"), ("NUMBA_DISABLE_JIT", "1")],
)
def test_what_would_contradict_the_pin_is_dropped(variable: str, value: str) -> None:
    environment = numerics.pinned_environment({**unpinned(), variable: value})

    assert variable not in environment
    assert run("import numpy, sys; sys.stdout.write('imported')", environment).stdout == "imported"


def test_a_cpu_that_lacks_what_the_pinned_code_is_made_of_is_named(tmp_path, monkeypatch) -> None:
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr(numerics, "_CPUINFO", told)

    told.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx fma\n", encoding="ascii")
    with pytest.raises(UndecidedError, match=r"no avx2, .* give a virtual machine its host's CPU model"):
        numerics.selftest_digest()
    with pytest.raises(UndecidedError, match="avx2"):
        numerics.ensure_pinned([])
    told.write_text("processor\t: 0\nflags\t\t: fpu fma avx2\n", encoding="ascii")
    numerics.require_cpu()
    told.write_text("processor\t: 0\nFeatures\t: asimd\n", encoding="ascii")
    numerics.require_cpu()  # another architecture: its digest differs, which is found where digests meet
    told.unlink()
    numerics.require_cpu()


def test_a_feature_numpy_does_not_know_is_ignored() -> None:
    environment = {**numerics.pinned_environment(unpinned()), "NPY_DISABLE_CPU_FEATURES": "X86_V3 NO_SUCH_FEATURE"}

    done = run("import numpy, sys; sys.stdout.write('imported')", environment)

    assert done.stdout == "imported"


def test_a_process_is_pinned_only_when_every_variable_was_there_at_exec() -> None:
    whole = numerics.pinned_environment(unpinned())

    assert run(PINNED, whole).stdout == ""
    for name in (*numerics.PIN, "PYTHONHASHSEED"):
        assert run(PINNED, {n: v for n, v in whole.items() if n != name}).stdout == name
    others = {**dict.fromkeys(numerics.PIN, ""), "OPENBLAS_CORETYPE": "Zen", "NPY_DISABLE_CPU_FEATURES": "X86_V4"}
    assert run(PINNED, {**whole, **others}).stdout == ",".join(sorted(numerics.PIN))
    assert run(PINNED, {**whole, "PYTHONHASHSEED": "random"}).stdout == "PYTHONHASHSEED"


def test_setting_the_variables_after_exec_does_not_pin() -> None:
    late = (
        "import os, sys; from autarch import numerics; os.environ.update(numerics.PIN, PYTHONHASHSEED='0');"
        "sys.stdout.write(str(numerics.is_pinned()))"
    )

    assert run(late, unpinned()).stdout == "False"


def test_an_interpreter_told_to_ignore_the_environment_is_not_pinned() -> None:
    environment = numerics.pinned_environment(unpinned())

    assert run(PINNED, environment, "-I").stdout == "PYTHONHASHSEED"


def test_ensure_pinned_becomes_a_pinned_autarch_with_the_same_process_id_and_arguments(tmp_path: Path) -> None:
    package = tmp_path / "autarch"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="ascii")
    real = Path(numerics.__file__).parent.parent
    for name in ("canonical.py", "errors.py", "paths.py", "numerics"):
        (package / name).symlink_to(real / name)
    (package / "__main__.py").write_text(
        "import os, sys\nfrom autarch import numerics\nnumerics.ensure_pinned(sys.argv[1:])\n"
        "print(os.getpid(), numerics.is_pinned(), sys.flags.safe_path, sys.argv[1:])\n",
        encoding="ascii",
    )

    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "autarch", "gate", "--only", "a b"],
        env={**unpinned(), "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    answer, _ = process.communicate(timeout=60)

    assert answer.strip() == f"{process.pid} True True ['gate', '--only', 'a b']"


def test_ensure_pinned_that_did_not_take_refuses_instead_of_looping() -> None:
    looping = (
        "import os; from autarch import numerics\n"
        "os.environ['AUTARCH_PIN_EXEC_PID'] = str(os.getpid())\n"
        "from autarch.errors import ConfigError\n"
        "try:\n    numerics.ensure_pinned([])\nexcept ConfigError as error:\n    print(error)\n"
    )

    assert (
        "OPENBLAS_NUM_THREADS is still not set"
        in run(looping, {**numerics.pinned_environment(unpinned()), "OPENBLAS_NUM_THREADS": "2"}).stdout
    )


@pytest.mark.parametrize("seed", [-1, 4_294_967_296])
def test_a_hash_seed_python_would_refuse_is_refused_by_name(seed: int) -> None:
    with pytest.raises(ConfigError, match=str(seed)):
        numerics.pinned_environment({}, hash_seed=seed)


def test_a_compile_cache_others_may_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path))
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba").chmod(0o777)

    with pytest.raises(ConfigError, match="chmod 700"):
        numerics.pinned_environment({})
