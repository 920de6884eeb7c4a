"""`python -m benchmarks forge`: list 200 pull requests, merge one, and let 20 clients push at once.

Prints medians in ms and what was lost; everything runs over HTTP and git on loopback, in one process's forge.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from autarch.forge.pulls import PullRecord
from autarch.repo.runner import Remote
from tests.forge.conftest import Yard, make_keys, make_project, make_yard, plain_git, ready

PULLS, CLIENTS, REPEATS = 200, 20, 5


def main(argv: list[str]) -> int:
    """Measure and print; exit code 1 when a push was lost."""
    argparse.ArgumentParser(prog="python -m benchmarks forge", description=__doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        keys = make_keys(Path(folder))
        with make_yard(Path(folder), make_project(Path(folder), keys), keys) as yard:
            print(f"push x {CLIENTS} at once    {_ms(lambda: push_at_once(yard, CLIENTS)):8.0f} ms in all")
            lost = lost_pushes(yard, CLIENTS)
            fill(yard, PULLS)
            human = yard.client("human")
            listed = [_ms(human.pulls) for _ in range(REPEATS)]
            print(f"list {len(human.pulls())} pull requests {statistics.median(listed):8.1f} ms")
            head, number = ready(yard)
            print(f"merge                {_ms(lambda: human.merge_pull(number, sha=head)):8.0f} ms")
    print(f"lost pushes          {lost}")
    return int(lost > 0)


def fill(yard: Yard, count: int) -> None:
    """Store `count` open pull requests, as if they had been opened one by one."""
    pull = yard.propose(yard.strategy("filler"), branch="agent/tuner/filler-1")
    office = yard.office
    record = office.desk.pull(pull.number)
    for _ in range(count - 1):
        office.desk.pulls.create(lambda number, now: _copy(record, number, now))


def push_at_once(yard: Yard, count: int) -> None:
    """Push `count` branches from as many clients, which begin together, and open a pull request of each."""
    gate = threading.Barrier(count)
    heads = [yard.strategy(f"slug_{place}") for place in range(count)]

    def one(place: int) -> None:
        remote: Remote = yard.remote("agent")
        gate.wait()
        spec = f"{heads[place]}:refs/heads/agent/tuner/slug_{place}-1"
        plain_git("push", remote.url, spec, cwd=yard.clone.path, env=remote.environment())
        yard.client("agent").create_pull(head=f"agent/tuner/slug_{place}-1", title=f"Slug {place}", body="")

    threads = [threading.Thread(target=one, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def lost_pushes(yard: Yard, count: int) -> int:
    """Return how many of the branches, or of their pull requests, are not there."""
    branches = yard.bare.refs("refs/heads/agent/tuner/")
    found = {pull.head_ref for pull in yard.client("human").pulls(state="all")}
    names = [f"agent/tuner/slug_{place}-1" for place in range(count)]
    return sum(f"refs/heads/{name}" not in branches or name not in found for name in names)


def _copy(record: PullRecord, number: int, now: int) -> PullRecord:
    import msgspec  # noqa: PLC0415  only this needs it

    return msgspec.structs.replace(record, number=number, head_ref=f"{record.head_ref}{number}", created_ms=now)


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
