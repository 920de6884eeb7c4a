"""The same input gives the same bytes: in other processes, places and worlds, and on a lesser CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from autarch import numerics

ROOT = Path(numerics.__file__).resolve().parents[2]
EVALUATED = Path(__file__).with_name("evaluated.py")

LESSER = (
    "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX,-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-SSE4_1,-SSE4_2,-SSSE3,"
    "-BMI1,-BMI2,-LZCNT,-MOVBE,-POPCNT,-ERMS,-RTM,-XSAVEC"
)
"""The pin's mask and everything more that glibc chooses code by."""
PLAIN = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
"""Numba makes code for an x86-64 without any extension."""

GRID = """\
import hashlib, json, math, sys
import numpy as np
x = (np.arange(1_000_001) - 500_000) / 65_536.0
made = {"np.tanh": np.tanh(x), "np.exp": np.exp(x), "math.exp": np.array([math.exp(v) for v in x[::4]])}
sys.stdout.write(json.dumps({name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in made.items()}))
"""


def unpinned(**changes: str) -> dict[str, str]:
    named = {*numerics.PIN, "PYTHONHASHSEED"}
    return {**{name: value for name, value in os.environ.items() if name not in named}, **changes}


def pinned(*, hash_seed: int = 0, **changes: str) -> dict[str, str]:
    return {**numerics.pinned_environment(unpinned(), hash_seed=hash_seed), **changes}


def started(environment: Mapping[str, str], *arguments: str, cwd: Path = ROOT) -> Callable[[], str]:
    process = subprocess.Popen(
        [sys.executable, "-P", *arguments],
        env=dict(environment),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def answer() -> str:
        said, complained = process.communicate(timeout=300)
        assert process.returncode == 0, complained
        return said

    return answer


def evaluation(environment: Mapping[str, str], *arguments: str, cwd: Path = ROOT) -> Callable[[], dict[str, object]]:
    answer = started(environment, str(EVALUATED), *arguments, cwd=cwd)
    return lambda: json.loads(answer())


def bytes_of(found: Mapping[str, object]) -> dict[str, object]:
    return {name: found[name] for name in ("decisions", "exposure", "fills", "equity")}


def needs(*features: str) -> None:
    missing = [name for name in features if name not in numerics.cpu_features()]
    if missing:
        pytest.skip(f"this CPU has no {' and no '.join(missing)}, so there is nothing for the pin to switch off")


@pytest.fixture(scope="module")
def base() -> dict[str, object]:
    return evaluation(pinned(), "0")()


def test_decisions_fills_and_equity_are_the_same_bytes_in_another_process_place_and_world(base, tmp_path) -> None:
    elsewhere = pinned(hash_seed=77, TZ="Asia/Kathmandu", LC_ALL="de_DE.ISO-8859-1", LANG="tr_TR.UTF-8", COLUMNS="3")

    found = evaluation(elsewhere, "4211", cwd=tmp_path)()

    assert bytes_of(found) == bytes_of(base)
    assert found["numerics"] == base["numerics"]
    assert found["where"][0] == str(tmp_path)
    assert all(here != there for here, there in zip(found["where"], base["where"], strict=True))
    assert base["n_fills"] > 100
    assert base["missing"] == found["missing"] == []


@pytest.mark.slow
def test_a_cpu_with_fewer_features_than_the_pin_leaves_gives_the_same_bytes(base) -> None:
    found = evaluation(pinned(GLIBC_TUNABLES=LESSER), "0", f"GLIBC_TUNABLES={LESSER}")()

    assert bytes_of(found) == bytes_of(base)
    assert found["numerics"] == base["numerics"]
    assert found["missing"] == ["numeric pin"]  # another mask is not the pin: only a weak worker runs under it


def test_the_self_test_asked_of_a_process_that_is_not_pinned_is_that_of_a_pinned_worker(base) -> None:
    assert not numerics.is_pinned()
    assert numerics.selftest_digest() == base["numerics"]


def test_without_the_pin_a_workers_decisions_are_other_bytes(base) -> None:
    needs("fma", "avx2")

    found = evaluation(pinned(), "0", *(f"{name}=" for name in numerics.PIN))()

    assert found["decisions"] != base["decisions"]
    assert found["numerics"] != base["numerics"]
    assert found["missing"] == ["numeric pin"]


@pytest.fixture(scope="module")
def grids() -> dict[str, dict[str, str]]:
    def without(variable: str) -> dict[str, str]:
        return {name: value for name, value in pinned().items() if name != variable}

    worlds = {
        "pinned": pinned(),
        "lesser": pinned(hash_seed=5, GLIBC_TUNABLES=LESSER),
        **{variable: without(variable) for variable in ("NPY_DISABLE_CPU_FEATURES", "GLIBC_TUNABLES")},
    }
    answers = {name: started(world, "-c", GRID) for name, world in worlds.items()}
    return {name: json.loads(answer()) for name, answer in answers.items()}


@pytest.mark.parametrize(
    ("function", "variable", "feature"),
    [
        ("np.tanh", "NPY_DISABLE_CPU_FEATURES", "avx2"),
        ("np.exp", "NPY_DISABLE_CPU_FEATURES", "avx512f"),
        ("math.exp", "GLIBC_TUNABLES", "fma"),
    ],
)
def test_without_its_part_of_the_pin_a_function_gives_other_bytes(grids, function, variable, feature) -> None:
    needs(feature)

    assert grids[variable][function] != grids["pinned"][function]


def test_under_the_pin_tanh_and_exp_are_the_same_bytes_on_a_lesser_cpu(grids) -> None:
    assert grids["lesser"] == grids["pinned"]


@pytest.mark.slow
def test_a_worker_with_one_function_one_bit_off_has_another_self_test(base, tmp_path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import math\nreal = math.erf\ndef erf(x):\n    return math.nextafter(real(x), 9.0)\nmath.erf = erf\n",
        encoding="ascii",
    )

    found = evaluation(pinned(PYTHONPATH=str(tmp_path)), "0")()

    assert found["numerics"] != base["numerics"]


@pytest.mark.slow
def test_code_compiled_for_the_plainest_cpu_plays_the_same_fills_and_equity(base) -> None:
    found = evaluation(pinned(**PLAIN), "0")()

    assert bytes_of(found) == bytes_of(base)


WIDE = '''\
"""Hash what every ufunc of numpy and every function of TA-Lib makes of the same grid."""
import hashlib, json, sys, warnings
import numpy as np
import talib
import talib.abstract
warnings.simplefilter("ignore")
n = 30_011
u = (2 * np.arange(n) + 1) / (2.0 * n)
x = ((np.arange(n) * 7_919) % n - n // 2) / 1_024.0
made = {}
def keep(name, values):
    values = values if isinstance(values, (list, tuple)) else [values]
    hasher = hashlib.sha256()
    for one in values:
        hasher.update(np.ascontiguousarray(one).tobytes())
    made[name] = hasher.hexdigest()
for name in sorted(dir(np)):
    ufunc = getattr(np, name)
    if not isinstance(ufunc, np.ufunc) or name in ("matmul", "vecdot", "matvec", "vecmat"):
        continue
    for label, a, b in (("wide", x, u), ("unit", u, x)):
        for kind in (np.float64, np.float32, np.complex128):
            try:
                keep(f"np.{name}.{label}.{kind.__name__}", ufunc(*(a.astype(kind), b.astype(kind))[: ufunc.nin]))
            except TypeError:
                pass
price = 1_000.0 + np.cumsum(x) / 64.0
bars = {"open": price, "high": price + u, "low": price - u, "close": price + x / 64.0, "volume": u * 100.0}
bars["periods"] = np.full(n, 14.0)
for name in talib.get_functions():
    keep(f"talib.{name}", talib.abstract.Function(name)(bars))
sys.stdout.write(json.dumps(made))
'''


@pytest.mark.slow
def test_every_ufunc_and_every_indicator_is_the_same_on_a_lesser_cpu_under_the_pin_alone() -> None:
    ours = started(pinned(), "-c", WIDE)
    lesser = started(pinned(hash_seed=9, GLIBC_TUNABLES=LESSER, **PLAIN), "-c", WIDE)
    found, other = json.loads(ours()), json.loads(lesser())

    assert {name for name in found if found[name] != other[name]} == set()
    assert len(found) > 500
    if {"fma", "avx2"} <= numerics.cpu_features():
        bare = json.loads(started(unpinned(), "-c", WIDE)())
        assert {name for name in found if found[name] != bare[name]} >= {"np.tanh.wide.float64", "talib.HT_SINE"}
