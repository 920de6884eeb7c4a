"""`python -m benchmarks forge`: list 200 pull requests, merge one, and let 20 clients push at once.

Prints medians in ms and what was lost; everything runs over HTTP and git on loopback, in one process's forge. A push
to a bare folder, which asks nobody, stands beside it, so that a busy host is told from a slow forge. Targets on an idle
host: 200 listed below 100 ms, a merge below 1 s, no push lost.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autarch.forge.pulls import PullRecord
from autarch.repo.runner import Remote
from tests.forge.conftest import Yard, make_keys, make_project, make_yard, plain_git, ready

PULLS, CLIENTS, REPEATS = 200, 20, 5
LIST_MS, MERGE_MS = 100.0, 1000.0


def main(argv: list[str]) -> int:
    """Measure and print; exit code 1 when a push was lost or a target is missed."""
    argparse.ArgumentParser(prog="python -m benchmarks forge", description=__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        keys = make_keys(Path(folder))
        with make_yard(Path(folder), make_project(Path(folder), keys), keys) as yard:
            bare = _median([_took(lambda: push_bare(yard)) for _ in range(REPEATS)])
            one = push_at_once(yard, 1, "alone")
            crowd = push_at_once(yard, CLIENTS, "slug")
            lost = lost_pushes(yard, CLIENTS, "slug")
            human = yard.client("human")
            fill(yard, PULLS - len(human.pulls()))
            listed = _median([_took(human.pulls) for _ in range(REPEATS)])
            found = len(human.pulls())
            head, number = ready(yard)
            merged = _took(lambda: human.merge_pull(number, sha=head))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}\n{'':<28} {'wall ms':>8} {'cpu ms':>7}")
    print(f"{'push to a bare folder':<28} {bare}")
    print(f"{'push and propose':<28} {one}")
    print(f"{f'the same x {CLIENTS} at once':<28} {crowd}  {lost} lost")
    print(f"{f'list {found} pull requests':<28} {listed}  target {LIST_MS:.0f}")
    print(f"{'merge':<28} {merged}  target {MERGE_MS:.0f}")
    return int(lost > 0 or listed.wall_ms >= LIST_MS or merged.wall_ms >= MERGE_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """Elapsed and processor time of one deed, client, forge and git together."""

    wall_ms: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"{self.wall_ms:8.1f} {self.cpu_ms:7.1f}"


def push_bare(yard: Yard) -> None:
    """Push one commit to a bare repository by its path: git's own time, without a forge."""
    folder = yard.state.root.parent / "peer.git"
    if not folder.exists():
        plain_git("init", "--quiet", "--bare", str(folder))
    plain_git("push", str(folder), f"{yard.main}:refs/heads/{time.monotonic_ns()}", cwd=yard.clone.path)


def fill(yard: Yard, count: int) -> None:
    """Store `count` open pull requests, as if they had been opened one by one."""
    pull = yard.propose(yard.strategy("filler"), branch="agent/tuner/filler-1")
    office = yard.office
    record = office.desk.pull(pull.number)
    for _ in range(count - 1):
        office.desk.pulls.create(lambda number, now: _copy(record, number, now))


def push_at_once(yard: Yard, count: int, name: str) -> Took:
    """Push `count` branches from as many clients, which begin together, and open a pull request of each."""
    gate = threading.Barrier(count)
    heads = [yard.strategy(f"{name}_{place}") for place in range(count)]

    def one(place: int) -> None:
        remote: Remote = yard.remote("agent")
        gate.wait()
        spec = f"{heads[place]}:refs/heads/agent/tuner/{name}_{place}-1"
        plain_git("push", remote.url, spec, cwd=yard.clone.path, env=remote.environment())
        yard.client("agent").create_pull(head=f"agent/tuner/{name}_{place}-1", title=f"Slug {place}", body="")

    def all_of_them() -> None:
        threads = [threading.Thread(target=one, args=(place,)) for place in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return _took(all_of_them)


def lost_pushes(yard: Yard, count: int, name: str) -> int:
    """Return how many of the branches, or of their pull requests, are not there."""
    branches = yard.bare.refs("refs/heads/agent/tuner/")
    found = {pull.head_ref for pull in yard.client("human").pulls(state="all")}
    names = [f"agent/tuner/{name}_{place}-1" for place in range(count)]
    return sum(f"refs/heads/{name}" not in branches or name not in found for name in names)


def _copy(record: PullRecord, number: int, now: int) -> PullRecord:
    import msgspec  # noqa: PLC0415  only this needs it

    return msgspec.structs.replace(record, number=number, head_ref=f"{record.head_ref}{number}", created_ms=now)


def _took(work: Callable[[], object]) -> Took:
    started, before = time.perf_counter(), _cpu_s()
    work()
    return Took(wall_ms=(time.perf_counter() - started) * 1000, cpu_ms=(_cpu_s() - before) * 1000)


def _median(took: list[Took]) -> Took:
    return sorted(took, key=lambda one: one.wall_ms)[len(took) // 2]


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
