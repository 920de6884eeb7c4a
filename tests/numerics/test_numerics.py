"""The numeric pin: what it sets, when it counts, and that it makes arithmetic the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autarch import numerics
from autarch.errors import ConfigError

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


@pytest.fixture(scope="module")
def pinned_digest() -> str:
    return run(DIGEST, numerics.pinned_environment(unpinned(), hash_seed=0)).stdout


def test_another_hash_seed_computes_the_same_numbers(pinned_digest: str) -> None:
    other = run(DIGEST, numerics.pinned_environment(unpinned(), hash_seed=7)).stdout

    assert other == pinned_digest
    assert len(other) == 64


def test_without_the_pin_some_number_differs_on_a_cpu_with_fma_or_avx512(pinned_digest: str) -> None:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    if " fma " not in flags and " avx512f " not in flags:
        pytest.skip("this CPU has neither FMA nor AVX512, so there is nothing for the pin to switch off")

    assert run(DIGEST, unpinned()).stdout != pinned_digest


def test_the_self_test_asked_of_an_unpinned_process_is_that_of_a_pinned_one(pinned_digest: str) -> None:
    asked = run("import sys; from autarch import numerics; sys.stdout.write(numerics.selftest_digest())", unpinned())

    assert asked.stdout == pinned_digest


def test_the_pin_survives_an_environment_that_turns_warnings_into_errors(pinned_digest: str) -> None:
    environment = numerics.pinned_environment({**unpinned(), "PYTHONWARNINGS": "error"})

    assert run(DIGEST, environment).stdout == pinned_digest


def test_a_feature_numpy_does_not_know_is_ignored() -> None:
    environment = {**numerics.pinned_environment(unpinned()), "NPY_DISABLE_CPU_FEATURES": "X86_V3 NO_SUCH_FEATURE"}

    done = run("import numpy, sys; sys.stdout.write('imported')", environment)

    assert done.stdout == "imported"


def test_a_process_is_pinned_only_when_every_variable_was_there_at_exec() -> None:
    whole = numerics.pinned_environment(unpinned())

    assert run(PINNED, whole).stdout == ""
    for name in (*numerics.PIN, "PYTHONHASHSEED"):
        assert run(PINNED, {n: v for n, v in whole.items() if n != name}).stdout == name
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
