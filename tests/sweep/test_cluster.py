"""A sweep on a real Dask scheduler with two worker processes: the same trials, and lost or foreign machines told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autarch.engine import CostModel
from autarch.errors import UndecidedError
from autarch.sweep import Place, Sweep, cluster, sweep

COSTS = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0)
GRID = [{"fast": fast, "slow": slow} for fast in (3, 5, 9) for slow in (12, 20, 5)]


def start(arguments: list[str], *, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DASK_LOCAL_DIRECTORY": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, "-m", *arguments], env=environment, stdout=out, stderr=out, cwd=folder)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    named = folder / "scheduler.json"
    quiet = ["--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(named)]
    commands = [["distributed.cli.dask_scheduler", "--port", "0", *quiet]]
    commands += [["distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", *quiet]] * 2
    started: list[subprocess.Popen[bytes]] = []
    try:
        for index, command in enumerate(commands):
            started.append(start(command, folder=folder, log=folder / f"{index}.log"))
        client = distributed.Client(scheduler_file=str(named), timeout=60, set_as_default=False)
        client.wait_for_workers(2, timeout=60)
        address = client.scheduler.address
        client.close()
        yield address
    finally:
        for process in reversed(started):
            end(process)


@pytest.mark.slow
def test_a_cluster_of_two_gives_the_trials_of_one_process_and_both_take_part(
    scheduler, worker, strategy, market
) -> None:
    here = sweep(strategy, market, GRID, costs=COSTS, capital=100_000.0, worker=worker)

    with Sweep(strategy, market, costs=COSTS, capital=100_000.0, place=Place(scheduler=scheduler)) as running:
        there, again = running.run(GRID), running.run(GRID[:1])
        machines = dict(running._cluster._numerics)

    assert there == here
    assert again == here[:1]
    assert len(machines) == 2
    assert set(machines.values()) == {worker.numerics}


@pytest.mark.slow
def test_machines_with_other_code_are_refused_by_name(scheduler, strategy, market, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "code_digest", lambda: "0" * 64)

    with pytest.raises(UndecidedError, match=r"tcp://127\.0\.0\.1:\d+ has another version of autarch"):
        sweep(strategy, market, GRID[:1], costs=COSTS, capital=100_000.0, scheduler=scheduler)


@pytest.mark.slow
def test_a_scheduler_that_nobody_runs_is_told_with_the_cure(strategy, market, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS_MAX", 1)

    with pytest.raises(UndecidedError, match=r"tcp://127\.0\.0\.1:9 .*dask scheduler"):
        sweep(strategy, market, GRID[:1], costs=COSTS, capital=100_000.0, scheduler="tcp://127.0.0.1:9")
