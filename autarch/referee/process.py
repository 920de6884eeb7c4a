"""A process of its own for whoever plays decisions again, so that it does so while other checks ask the strategy."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Final, Generic, Self, TypeVar

from autarch.errors import UndecidedError
from autarch.numerics import pinned_environment
from autarch.referee.rehearsal import MODULE, Rehearsal, Rehearsed
from autarch.referee.result import Refereed
from autarch.referee.serve import receive, send
from autarch.referee.sheet import Sheet

SECONDS_MAX: Final = 600
"""Some hundred times what the gate's bars take."""

_KEPT: Final = ("AUTARCH_CACHE", "HOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
_WORDS_MAX: Final = 2_000


Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class PlayerProcess(Generic[Asked, Answered]):
    """Plays sheets under the numeric pin; starts with the first question and serves until closed.

    It sees decisions and bars, never a strategy's code, and so needs no confinement. One question is
    answered at a time. A context manager.
    """

    def __init__(
        self, *, module: str, who: str, seconds_max: float = SECONDS_MAX, python: str = sys.executable
    ) -> None:
        """Prepare to run `module`, which is called `who` where it fails; nothing is started yet."""
        self._module, self._who = module, who
        self._seconds_max, self._python = seconds_max, python
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=module)
        self._last: Future[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, sheets: Sequence[Asked]) -> Future[Any]:
        """Begin to play `sheets`; give the future to `answer`. A question nobody waited for is dropped.

        Raises:
            UndecidedError: the process cannot be started.
        """
        if self._last is not None and not self._last.done():
            self.drop()
        if self._process is None or self._process.poll() is not None:
            self.drop()
            self._process, self._stderr = self._started()
        self._last = self._thread.submit(_exchange, self._process, tuple(sheets))
        return self._last

    def answer(self, question: Future[Any]) -> tuple[Answered, ...]:
        """Return what came of each sheet of `question`.

        Raises:
            UndecidedError: the process could not play them, ended, or took too long.
        """
        try:
            found = question.result(timeout=self._seconds_max)
        except TimeoutError as error:
            self.drop()
            raise UndecidedError(
                f"{self._who} did not answer within {self._seconds_max:g} s; ask for fewer bars or free the machine"
            ) from error
        except (OSError, EOFError, CancelledError) as error:
            raise UndecidedError(f"{self._who}'s process failed: {error!r}. {self._last_words()}") from error
        if isinstance(found, str):
            raise UndecidedError(f"{self._who} could not replay the decisions; report this: {found.strip()}")
        if found is None:
            raise UndecidedError(f"{self._who}'s process ended without an answer. {self._last_words()}")
        answered: tuple[Answered, ...] = found
        return answered

    def drop(self) -> None:
        """End the process, and with it a question nobody waits for; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if self._last is not None and not self._last.cancel():
                wait((self._last,))  # it reads the end of the pipe that it still holds
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was not written yet has nobody to read it
                    if pipe is not None:
                        pipe.close()
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def close(self) -> None:
        """End the process; nothing is left running. Twice is fine."""
        self.drop()
        self._thread.shutdown(wait=True)

    def _started(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed by `drop`
        try:
            process = subprocess.Popen(
                [self._python, "-P", "-m", self._module],
                env=pinned_environment(_clean(os.environ)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # a Ctrl-C at the terminal is the asker's to handle
            )
        except OSError as error:
            stderr.close()
            raise UndecidedError(f"{self._who}'s process cannot be started: {error}") from error
        return process, stderr

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        return self._stderr.read()[-_WORDS_MAX:].decode("utf-8", "replace").strip()


class RefereeProcess(PlayerProcess[Sheet, Refereed]):
    """backtrader, in a process of its own."""

    def __init__(self, *, seconds_max: float = SECONDS_MAX, python: str = sys.executable) -> None:
        super().__init__(module="autarch.referee.serve", who="the referee", seconds_max=seconds_max, python=python)


class RehearsalProcess(PlayerProcess[Rehearsal, Rehearsed]):
    """The live path: executor and paper venue, in a process of its own."""

    def __init__(self, *, seconds_max: float = SECONDS_MAX, python: str = sys.executable) -> None:
        super().__init__(module=MODULE, who="the live path", seconds_max=seconds_max, python=python)


def _exchange(process: subprocess.Popen[bytes], sheets: tuple[object, ...]) -> Any:
    if process.stdin is None or process.stdout is None:
        raise EOFError("it has no pipes")
    send(process.stdin, sheets)
    return receive(process.stdout)


def _clean(base: Mapping[str, str]) -> dict[str, str]:
    """Return the few variables the process is given: no keys, no tokens."""
    return {**{name: base[name] for name in _KEPT if name in base}, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
