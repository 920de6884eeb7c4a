"""Confinement on other hosts: an ordinary user, a container, a kernel that cannot scope signals, a broken layer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autarch.errors import SandboxError
from autarch.paths import cache_root
from autarch.sandbox import Worker, kernel
from autarch.sandbox.layers import REQUIRED, WANTED
from autarch.sandbox.level import warnings_of

from .hosts import NOBODY, REFUSED

EPERM = 1
NEEDS_NAMESPACES = {"pid namespace", "network namespace", "user namespace"}


@pytest.fixture
def compiled() -> Iterator[Path]:
    """A cache with the compiled helpers in it, for a user who cannot read ours; pytest's own folders are closed."""
    known = cache_root() / "numba"
    with tempfile.TemporaryDirectory() as folder:
        if known.is_dir():
            shutil.copytree(known, Path(folder, "numba"), ignore=_but_the_newest)
        yield Path(folder)


def _but_the_newest(folder: str, names: list[str]) -> list[str]:
    if Path(folder).name != "numba":
        return []
    return sorted(names, key=lambda name: (Path(folder) / name).stat().st_mtime)[:-8]


def told_by(host: str, cache: Path, *, uid: int) -> dict[str, object]:
    for path in (cache, *cache.rglob("*")):
        os.chown(path, uid, -1)
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("hosts.py")), host],
        env={**os.environ, "AUTARCH_CACHE": str(cache), "HOME": str(cache)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "cannot be shown" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("host", "may_lack"),
    [
        ("container", NEEDS_NAMESPACES | {"fixed addresses", "empty root"}),
        pytest.param("nobody", set(), marks=pytest.mark.slow),
        pytest.param("container-nobody", NEEDS_NAMESPACES | {"fixed addresses", "empty root"}, marks=pytest.mark.slow),
    ],
)
def test_strategies_are_confined_there_as_well(host, may_lack, compiled) -> None:
    if os.getuid() != 0 and "nobody" in host:
        pytest.skip("only root can become somebody else; this run is an ordinary user's already")
    uid = NOBODY if "nobody" in host else os.getuid()

    told = told_by(host, compiled, uid=uid)
    assert told["refused"] == ""
    layers = {layer["name"]: layer["reached"] for layer in told["level"]["layers"]}

    assert told["uid"] == uid
    assert [name for name in REQUIRED if not layers[name]] == []
    assert {name for name in WANTED if not layers[name]} <= may_lack | _lacking_here()
    assert told["errnos"] == dict.fromkeys(REFUSED, EPERM)


def _lacking_here() -> set[str]:
    with Worker() as worker:
        return {layer.name for layer in worker.level.layers if not layer.reached}


SHIM = """\
#!{python}
import os, sys
from autarch.sandbox import bpf, confine, kernel, namespaces, stillclock, zygote
{changes}
os._exit(zygote.main(sys.argv[sys.argv.index("autarch.sandbox.zygote") + 1:]))
"""
OLD = "kernel.landlock_abi = lambda: 5\n"
NO_NUMBERS = """\
def no_numbers():
    raise PermissionError(1, "Operation not permitted")
namespaces.fork_apart = no_numbers
"""


def worker_on(tmp_path: Path, changes: str, *, weak: bool = False) -> Worker:
    """Return a worker whose zygote and children run with `changes` to what they do or what the kernel answers."""
    shim = tmp_path / "python"
    shim.write_text(SHIM.format(python=sys.executable, changes=changes), encoding="ascii")
    shim.chmod(0o700)
    return Worker(python=str(shim), allow_weak=weak)


def missing_with(tmp_path: Path, changes: str) -> dict[str, str]:
    with worker_on(tmp_path, changes, weak=True) as worker:
        return {layer.name: layer.detail for layer in worker.level.layers if not layer.reached}


@pytest.mark.slow
def test_on_a_kernel_that_cannot_scope_signals_a_pid_namespace_will_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(kernel, "landlock_abi", lambda: 5)
    with worker_on(tmp_path, OLD, weak=True) as worker:
        layers = {layer.name: layer.reached for layer in worker.level.layers}

    if not layers["pid namespace"]:
        pytest.skip("this host makes no pid namespaces; the next test is about it")
    assert layers["signals"]
    assert worker.level.is_full


def test_on_a_kernel_that_cannot_scope_signals_nothing_runs_without_a_pid_namespace(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(kernel, "landlock_abi", lambda: 5)

    with worker_on(tmp_path, OLD + NO_NUMBERS) as worker, pytest.raises(SandboxError) as caught:
        worker.level  # noqa: B018  asking is the act

    assert "missing signals (Landlock ABI 5 does not scope signals" in str(caught.value)
    assert "Linux 6.12" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_layer_that_was_not_put_up_is_seen_in_proc_whatever_the_child_says(tmp_path) -> None:
    found = missing_with(
        tmp_path,
        "confine._limit = lambda birth: None\n"
        "kernel.drop_capabilities = lambda: None\n"
        "kernel.close_all_but = lambda kept: None\n"
        "zygote._forget_environment = lambda: None\n"
        "stillclock.stop_clock = lambda **shift: 'left running'\n"
        "namespaces.leave_host = lambda: ''\n"
        "namespaces.empty_root = lambda: ''\n",
    )

    expected = {
        "descriptors",
        "environment",
        "rlimits",
        "still clock",
        "network namespace",
        "user namespace",
        "empty root",
    }
    if os.getuid() == 0:
        expected.add("capabilities")
    assert set(found) - {"pid namespace", "fixed addresses"} == expected


@pytest.mark.slow
def test_a_filter_that_leaves_a_door_open_or_is_only_rehearsed_is_noticed(tmp_path) -> None:
    ajar = missing_with(tmp_path, "bpf._PLAIN['socket'] = 41\nbpf._PLAIN['kill'] = 62\n")
    rehearsed = missing_with(
        tmp_path,
        "real = confine._filter\n"
        "confine._filter = lambda kept, *, rehearsal: real(kept, rehearsal=True) if rehearsal else None\n",
    )

    assert "make a TCP socket, make a UDP socket, signal the parent, signal a sibling" in ajar["self-test"]
    assert "Seccomp_filters" in rehearsed["seccomp"]


def test_a_landlock_that_denies_nothing_is_noticed_before_the_filter_hides_it(tmp_path) -> None:
    found = missing_with(tmp_path, "kernel.landlock_restrict = lambda ruleset: None\n" + NO_NUMBERS)

    assert "the root folder could be opened all the same" in found["landlock"]
    assert found["signals"] == "a signal reached a sibling"


@pytest.mark.slow
def test_a_second_thread_is_noticed(tmp_path) -> None:
    changes = (
        "import threading\n"
        "real = confine._keep_signals_in\n"
        "def with_a_thread(birth):\n"
        "    threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "    real(birth)\n"
        "confine._keep_signals_in = with_a_thread\n"
    )

    assert "Threads 2" in missing_with(tmp_path, changes)["single thread"]


@pytest.mark.slow
def test_a_host_without_namespaces_is_a_warning_each(tmp_path) -> None:
    refused = "namespaces.{} = lambda: 'Operation not permitted'\n"
    changes = refused.format("leave_host") + refused.format("empty_root") + NO_NUMBERS

    with worker_on(tmp_path, changes) as worker:
        warnings = warnings_of(worker.level)

    named = [layer for layer in WANTED if any(f"wanted layer {layer} is missing" in warning for warning in warnings)]
    assert set(named) >= NEEDS_NAMESPACES | {"empty root"}
    assert all("Operation not permitted" in warning for warning in warnings if "addresses" not in warning)
