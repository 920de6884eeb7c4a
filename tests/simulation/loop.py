"""An asyncio event loop whose time is a number: it jumps to the next timer when nothing else can run.

Whoever runs under a `Process` can be killed between any two steps: nothing of it runs again, not even its `finally`.
The order of what is ready at one time may be drawn from a seed. There are no sockets and no threads here.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from asyncio import base_events
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any


class DeadlockError(Exception):
    """Nothing is ready and no timer will ever make anything so."""


class EndlessError(Exception):
    """More steps than any honest run takes: something spins without letting time pass."""


class ProcessDeath(BaseException):
    """Raised into what still runs of a process that has been killed."""


class Process:
    """What is killed together. `on_step` is called with the number of each step before it runs, and may kill."""

    def __init__(self, name: str, on_step: Callable[[int], None] = lambda _step: None) -> None:
        """Live, at step 0."""
        self.name = name
        self.alive = True
        self.steps = 0
        self.on_step = on_step
        self.tasks: list[asyncio.Task[Any]] = []
        self.died: asyncio.Future[None] | None = None
        self.held: list[asyncio.Handle] | None = None

    def pause(self, loop: VirtualLoop, until_s: float) -> None:
        """Run nothing of it until a loop time, as a suspended machine; what became due meanwhile is due then."""
        if self.held is None:
            self.held = []
            loop.call_at(until_s, self._resume, loop, context=contextvars.Context())

    def _resume(self, loop: VirtualLoop) -> None:
        held, self.held = self.held, None
        loop._ready.extend(held or ())

    def waits(self) -> list[str]:
        """Return where its tasks wait: module:line of every coroutine on their stacks, outermost first."""
        found = []
        for task in self.tasks:
            awaited = None if task.done() else task.get_coro()
            while awaited is not None:
                frame = getattr(awaited, "cr_frame", None)
                if frame is not None:
                    found.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
                awaited = getattr(awaited, "cr_await", None)
        return found

    def kill(self) -> None:
        """Let nothing of it run again."""
        self.alive = False
        if self.died is not None and not self.died.done():
            self.died.set_result(None)

    def must_live(self) -> None:
        """Keep the dead from touching the world while their stack unwinds.

        Raises:
            ProcessDeath: it was killed.
        """
        if not self.alive:
            raise ProcessDeath(self.name)


PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class VirtualLoop(base_events.BaseEventLoop):
    """See the module. `steps_max` bounds a run; `origin_s` is the first value of `time()`."""

    def __init__(self, *, shuffle: Random | None = None, steps_max: int = 2_000_000, origin_s: float = 0.0) -> None:
        """Stand at `origin_s`, with nothing to do."""
        super().__init__()
        self.steps = 0
        self.after_step: Callable[[], None] = lambda: None
        self._now = origin_s
        self._shuffle = shuffle
        self._steps_max = steps_max
        self._clock_resolution = 1e-9
        self.set_task_factory(_tracked)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def step_time(self, to_s: float) -> None:
        """Jump ahead, as a suspended machine does."""
        self._now = max(self._now, to_s)

    def run_in_executor(self, *_: Any) -> Any:
        """Refuse: a thread would bring its own time.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("no threads on virtual time")

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """Call soon: there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def _process_events(self, event_list: Any) -> None:
        """Do nothing: nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Do nothing: there is nobody to wake."""

    def _run_once(self) -> None:
        """Run one step: one ready handle, after time has gone on to the next timer when none was ready.

        Raises:
            DeadlockError: nothing can ever run.
            EndlessError: too many steps.
        """
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(scheduled)._scheduled = False
        if not ready:
            if not scheduled:
                raise DeadlockError("; ".join(sorted(map(_waiting, asyncio.all_tasks(self)))) or "no task at all")
            self._now = max(self._now, scheduled[0]._when)
        due = self._now + self._clock_resolution
        while scheduled and scheduled[0]._when <= due:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        if self._shuffle is not None and len(ready) > 1:
            at = int(self._shuffle.random() * len(ready))
            ready.rotate(-at)
            self._run(ready.popleft())
            ready.rotate(at)
        else:
            self._run(ready.popleft())

    def _run(self, handle: asyncio.Handle) -> None:
        if handle._cancelled:
            return
        process = handle._context.get(PROCESS)
        if process is not None:
            if not process.alive:
                return
            if process.held is not None:
                process.held.append(handle)
                return
            process.steps += 1
            process.on_step(process.steps)
            if not process.alive:
                return
        self.steps += 1
        if self.steps > self._steps_max:
            raise EndlessError(f"{self.steps} steps at {self._now:.3f} s")
        handle._run()
        self.after_step()


async def run_process(process: Process, main: Coroutine[Any, Any, Any]) -> Any:
    """Run `main` as `process`: all tasks it starts die with it. Returns its result, None once it was killed."""
    context = contextvars.copy_context()
    context.run(PROCESS.set, process)
    loop = asyncio.get_running_loop()
    process.died = loop.create_future()
    task = loop.create_task(main, context=context)
    await asyncio.wait({task, process.died}, return_when=asyncio.FIRST_COMPLETED)
    if not process.alive:
        bury(process)
        return None
    return task.result()


def bury(process: Process) -> None:
    """Drop what is left of a dead process; whatever its `finally` blocks try, the world refuses."""
    process.kill()
    for task in process.tasks:
        if task.done():
            if not task.cancelled():
                task.exception()
            continue
        task._log_destroy_pending = False
        token = PROCESS.set(process)
        try:
            task.get_coro().close()
        except (RuntimeError, ProcessDeath):
            pass  # it awaited, or touched the world, while it was ended: the dead may not
        finally:
            PROCESS.reset(token)
    process.tasks.clear()


def _tracked(loop: Any, main: Any, **how: Any) -> asyncio.Task[Any]:
    context = how.get("context")
    process = PROCESS.get() if context is None else context.get(PROCESS)
    task: asyncio.Task[Any] = asyncio.Task(main, loop=loop, **how)
    if process is not None:
        process.tasks = [one for one in process.tasks if not one.done() or _failed(one)]
        process.tasks.append(task)
    return task


def _failed(task: asyncio.Task[Any]) -> bool:
    return not task.cancelled() and task.exception() is not None


def _waiting(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack(limit=1)
    where = f"{frames[0].f_code.co_filename.rpartition('/')[2]}:{frames[0].f_lineno}" if frames else "?"
    return f"{task.get_name()} waits at {where}"
