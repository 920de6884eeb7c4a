"""The numeric pin: the environment in which a float means the same bytes on any x86-64.

numpy, glibc and OpenBLAS pick code by CPU, and their variants differ in the last bits of exp, log,
tanh, pow, FFT and dot products. The pin names one variant of each. glibc reads its mask while the
process is loaded, so the pin counts only when it was in the environment at exec.

Compiled code needs no pin: numba calls the same libm, and without fastmath LLVM neither contracts nor
reorders, so that code for the plainest x86-64 and for this CPU gives the same bytes.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from autarch.canonical import Sha256
from autarch.errors import ConfigError, UndecidedError
from autarch.paths import cache_root, private_directory

PIN: dict[str, str] = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "NUMBA_NUM_THREADS": "1",
}
"""Variables that choose arithmetic. numpy names a feature it does not know or the CPU lacks in an
ImportWarning, which Python ignores unless told otherwise, and goes on."""

CPU_NEEDED = ("avx2", "fma")
"""What the OpenBLAS code named in the pin is made of; on another CPU it would be an illegal instruction."""

HASH_SEED_MAX = 4_294_967_295
_EXEC_GUARD = "AUTARCH_PIN_EXEC_PID"
_BATTERY = "autarch.numerics.battery"
_BATTERY_SECONDS_MAX = 120
_START_ENVIRONMENT = Path("/proc/self/environ")
_CPUINFO = Path("/proc/cpuinfo")
_DROPPED = ("PYTHONWARNINGS", "NPY_ENABLE_CPU_FEATURES", "NUMBA_DISABLE_JIT")


def pinned_environment(base: Mapping[str, str], *, hash_seed: int = 0) -> dict[str, str]:
    """Return `base` with the pin laid over it, for a process about to be exec'd.

    NUMBA_CACHE_DIR becomes this user's private folder, which is created: numba unpickles what it
    finds there. PYTHONWARNINGS is dropped, since `error` would turn numpy's ImportWarning fatal;
    NPY_ENABLE_CPU_FEATURES, which numpy refuses beside the pin; and NUMBA_DISABLE_JIT, under which
    compiled rules would divide as Python does.

    Args:
        base: The environment to start from, usually `os.environ` or a short white list of it.
        hash_seed: PYTHONHASHSEED, 0 to 4294967295.

    Raises:
        ConfigError: `hash_seed` is out of range, or the numba cache is writable by others.
    """
    if not 0 <= hash_seed <= HASH_SEED_MAX:
        raise ConfigError(f"hash seed is {hash_seed}; expected 0 to {HASH_SEED_MAX}")
    kept = {name: value for name, value in base.items() if name not in _DROPPED}
    numba_cache = private_directory(cache_root() / "numba")
    return {**kept, **PIN, "PYTHONHASHSEED": str(hash_seed), "NUMBA_CACHE_DIR": str(numba_cache)}


def is_pinned() -> bool:
    """Return True when this process was exec'd under the pin; a later change of os.environ does not count."""
    return not unpinned_variables()


def unpinned_variables() -> tuple[str, ...]:
    """Return the names of the variables that kept this process from being pinned, sorted."""
    if sys.flags.ignore_environment:
        return ("PYTHONHASHSEED",)  # -I and -E make Python ignore it and draw a seed of its own
    start = _environment_at_exec()
    wrong = [name for name, value in PIN.items() if start.get(name) != value]
    if not start.get("PYTHONHASHSEED", "").isdigit():
        wrong.append("PYTHONHASHSEED")
    return tuple(sorted(wrong))


def ensure_pinned(argv: Sequence[str]) -> None:
    """Return when this process is pinned; else become `python -P -m autarch argv...` under the pin.

    exec keeps the process id, so a caller waiting for us waits for the pinned one. PYTHONPATH is kept.

    Raises:
        ConfigError: the pin did not survive the exec, as behind a wrapper that cleans the environment.
        UndecidedError: as `require_cpu`.
    """
    require_cpu()
    wrong = unpinned_variables()
    if not wrong:
        return
    if os.environ.get(_EXEC_GUARD) == str(os.getpid()):
        raise ConfigError(
            f"re-executed under the numeric pin and {', '.join(wrong)} is still not set; something between "
            f"exec and Python changes the environment. Run without a wrapper: {sys.executable} -P -m autarch ..."
        )
    environment = {**pinned_environment(os.environ), _EXEC_GUARD: str(os.getpid())}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-P", "-m", "autarch", *argv], environment)  # noqa: S606  becoming pinned is the point


def cpu_features() -> frozenset[str]:
    """Return this CPU's features as the kernel names them; empty where it does not tell, as off Linux or x86."""
    try:
        lines = _CPUINFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return next((frozenset(line.split()[2:]) for line in lines if line.startswith("flags")), frozenset())


def require_cpu() -> None:
    """Return when this CPU can run the code the pin names, or does not say what it can.

    Raises:
        UndecidedError: it is an x86-64 that lacks a feature; its arithmetic cannot be the pinned one.
    """
    found = cpu_features()
    missing = [name for name in CPU_NEEDED if found and name not in found]
    if missing:
        raise UndecidedError(
            f"this CPU has no {' and no '.join(missing)}, which the pinned arithmetic is made of; "
            "run on an x86-64 of 2015 or newer, and give a virtual machine its host's CPU model"
        )


def selftest_digest() -> Sha256:
    """Return the SHA-256 of a fixed battery of numeric results, computed under the pin.

    A pinned process computes it itself (about 40 ms once pandas and TA-Lib are imported); any other
    asks a pinned child. Equal digests mean equal arithmetic in everything the battery touches.

    Raises:
        UndecidedError: the pinned child failed or did not answer, or as `require_cpu`.
    """
    require_cpu()
    if is_pinned():
        return Sha256(importlib.import_module(_BATTERY).digest())
    command = [sys.executable, "-P", "-m", _BATTERY]
    try:
        done = subprocess.run(
            command,
            env=pinned_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_BATTERY_SECONDS_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UndecidedError(f"the numeric self-test could not run: {error}. Try: {' '.join(command)}") from error
    return Sha256(done.stdout.decode("ascii").strip())


def _environment_at_exec() -> Mapping[str, str]:
    try:
        raw = _START_ENVIRONMENT.read_bytes()
    except OSError:
        return os.environ  # no /proc: believe what Python was started with
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if b"=" in entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
