"""Run snippets in confined children, and say what came of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import SandboxError
from autarch.manifest import StrategySource
from autarch.sandbox import StrategyRunError, Worker, WorkerLimits

from ..sandbox.hostile import children_of, window_at  # noqa: TID252  tests are no package
from .snippets import Snippet
from .sources import N_ROWS, as_run, leaked
from .world import ADDRESS_SPACE_BYTES, World

LIMITS = WorkerLimits(address_space_bytes=ADDRESS_SPACE_BYTES, cpu_seconds=30, request_seconds=20.0, open_seconds=20.0)
HASTY = dataclasses.replace(LIMITS, request_seconds=0.4, open_seconds=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of a snippet: the harm that was found, how its run ended, in a word and a sentence."""

    harms: tuple[str, ...]
    ended: str
    text: str


class Confined:
    """Two workers alike: most snippets meet the first, those that hope for chance meet both."""

    def __init__(self, world: World, workers: tuple[Worker, Worker]) -> None:
        self._world, self._workers = world, workers

    def run(self, snippet: Snippet) -> Ran:
        """Run `snippet` with every Python name at hand and no source policy."""
        first = self._once(snippet, self._workers[0])
        if snippet.harm not in {"random", "state"}:
            return first[0]
        second = self._once(snippet, self._workers[snippet.harm == "random"])
        harms = dict.fromkeys((*first[0].harms, *second[0].harms))
        if snippet.harm == "random":
            harms |= dict.fromkeys(["random"] * (first[1] != second[1]))
        return dataclasses.replace(second[0], harms=tuple(harms))

    def _once(self, snippet: Snippet, worker: Worker) -> tuple[Ran, bytes]:
        worker.limits = HASTY if snippet.harm == "hang" else LIMITS
        zygote, before = worker.zygote_pid or 0, children_of(worker.zygote_pid)  # it keeps one to try its walls on
        source = as_run(snippet, self._world.names(parent=zygote))
        ended, text, said = self._ask(worker, source)
        harms = list(self._world.harms(said))
        if zygote == 0 or not Path(f"/proc/{zygote}/task").is_dir():
            harms.append("parent")
        elif set(children_of(zygote)) - set(before):
            harms.append("inside")  # a process was left behind
        assert worker._stderr is not None
        worker._stderr.seek(0)
        harms += ["noise"] * (self._world.proof.encode("ascii") in worker._stderr.read())
        return Ran(harms=tuple(dict.fromkeys(harms)), ended=ended, text=text), said

    def _ask(self, worker: Worker, source: StrategySource) -> tuple[str, str, bytes]:
        try:
            with worker.session(source) as session:
                rows = session.decide(window_at(0, n_rows=N_ROWS), keep=N_ROWS)
        except StrategyRunError as error:
            return error.cause, str(error), b""
        except SandboxError as error:
            return "undecided", str(error), b""
        return "answered", "", leaked(rows.exposure.tolist())


@contextmanager
def confined(world: World, *, allow_weak: bool = False) -> Iterator[Confined]:
    """Start the workers; `allow_weak` only where a layer was taken away on purpose."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(Worker(limits=LIMITS, allow_weak=allow_weak)) for _ in range(2))
        for worker in (first, second):
            assert worker.level.layers  # started, and measured
        yield Confined(world, (first, second))
