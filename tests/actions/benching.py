"""A step's tools on the stage, in this process."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

from autarch.repo.git import GitRepo
from ci.actions.bench import Bench
from ci.actions.site import Site
from ci.inputs import Choice

from .stage import LOCAL_REPOSITORY, Stage

_NUMBERS = itertools.count()


def bench_of(stage: Stage, name: str, event: Mapping[str, object], *, login: str = "ci") -> Bench:
    """Return the tools of one step on a fresh runner: a clone of its own, one event, the stage's forge."""
    folder = stage.folder / f"runner-{next(_NUMBERS)}"
    folder.mkdir()
    (folder / "event.json").write_text(json.dumps(event))
    repo = GitRepo(folder)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    times = itertools.count(1_800_000_000_000, 1000)
    told: list[str] = []
    return Bench(
        site=Site(
            repository=LOCAL_REPOSITORY,
            event_name=name,
            event_path=folder / "event.json",
            outputs=folder / "outputs",
            summary=None,
        ),
        repo=repo,
        remote=stage.forge(login).git_remote(),
        choice=Choice(stores=stage.ground.stores),
        progress=told.append,
        clock=lambda: 0.0,
        clock_ms=lambda: next(times),
        sleep=lambda _seconds: None,
    )


def nothing(stage: Stage) -> Path:
    """Return an empty folder, as where no artifact came."""
    folder = stage.folder / "nothing"
    folder.mkdir(exist_ok=True)
    return folder
