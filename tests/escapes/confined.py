"""Run snippets in confined children, and say what came of each."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import SandboxError
from autarch.manifest import StrategySource
from autarch.sandbox import SandboxLevel, StrategyRunError, Worker, WorkerLimits

from ..sandbox.hostile import children_of, window_at  # noqa: TID252  tests are no package
from .snippets import Snippet
from .sources import N_ROWS, as_run, leaked
from .world import ADDRESS_SPACE_BYTES, World

LIMITS = WorkerLimits(address_space_bytes=ADDRESS_SPACE_BYTES, cpu_seconds=30, request_seconds=20.0, open_seconds=20.0)
_DYING_SECONDS = 1.0
HASTY = dataclasses.replace(LIMITS, request_seconds=0.4, open_seconds=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of a snippet: the harm that was found, how its run ended, in a word and a sentence."""

    harms: tuple[str, ...]
    ended: str
    text: str


class Confined:
    """Two workers alike: most snippets meet the first, those that hope for chance meet both."""

    def __init__(self, world: World, *, allow_weak: bool) -> None:
        self._world, self._allow_weak = world, allow_weak
        self._workers: list[Worker] = []
        for _ in range(2):
            self._workers.append(self._started())

    def close(self) -> None:
        """End both workers."""
        for worker in self._workers:
            worker.close()

    @property
    def level(self) -> SandboxLevel:
        """The layers that children reach here."""
        return self._workers[0].level

    def _started(self) -> Worker:
        worker = Worker(limits=LIMITS, allow_weak=self._allow_weak).__enter__()
        assert worker.level.layers  # started, and measured
        return worker

    def run(self, snippet: Snippet) -> Ran:
        """Run `snippet` with every Python name at hand and no source policy."""
        first = self._once(snippet, 0)
        if snippet.harm not in {"random", "state"}:
            return first[0]
        second = self._once(snippet, int(snippet.harm == "random"))
        harms = dict.fromkeys((*first[0].harms, *second[0].harms))
        if snippet.harm == "random":
            harms |= dict.fromkeys(["random"] * (first[1] != second[1]))
        return dataclasses.replace(second[0], harms=tuple(harms))

    def _once(self, snippet: Snippet, which: int) -> tuple[Ran, bytes]:
        worker = self._workers[which]
        worker.limits = HASTY if snippet.harm == "hang" else LIMITS
        zygote, before = worker.zygote_pid or 0, children_of(worker.zygote_pid)  # it keeps one to try its walls on
        source = as_run(snippet, self._world.names(parent=zygote))
        ended, text, said = self._ask(worker, source)
        harms = list(self._world.harms(said))
        deadline = time.monotonic() + (_DYING_SECONDS if ended == "undecided" else 0.0)
        while _is_running(zygote) and time.monotonic() < deadline:
            time.sleep(0.01)  # a child that dies with its zygote may be gone first
        if not _is_running(zygote):
            harms.append("parent")
        elif set(children_of(zygote)) - {*before, worker.waiting_pid}:
            harms.append("inside")  # a process was left behind
        assert worker._stderr is not None
        worker._stderr.seek(0)
        harms += ["noise"] * (self._world.proof.encode("ascii") in worker._stderr.read())
        if "parent" in harms:
            worker.close()
            self._workers[which] = self._started()
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


def _is_running(pid: int) -> bool:
    """Return whether a process lives on: it is no zombie, and no kill waits for it to be scheduled."""
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return False
    status = dict(line.split(":\t", 1) for line in path.read_text(encoding="ascii").splitlines() if ":\t" in line)
    pending = int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)
    return status["State"][0] not in {"Z", "X"} and not pending & 1 << signal.SIGKILL - 1


@contextmanager
def confined(world: World, *, allow_weak: bool = False) -> Iterator[Confined]:
    """Start the workers; `allow_weak` only where a layer was taken away on purpose."""
    running = Confined(world, allow_weak=allow_weak)
    try:
        yield running
    finally:
        running.close()
