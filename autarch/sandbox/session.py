"""One strategy in one confined child: windows go in, checked targets or the cause of death come out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import numpy as np

from autarch.errors import SandboxError, StrategyError, UsageError
from autarch.manifest import ParamValue, StrategySource
from autarch.sandbox import answers, protocol
from autarch.sandbox.answers import ERROR_BYTES_MAX, Group
from autarch.sandbox.budget import Budget
from autarch.sandbox.failure import StrategyRunError, printable
from autarch.sandbox.forked import Child, death, reported
from autarch.sandbox.pipes import PIPE_BYTES, PipeClosedError, PipeGarbageError, PipeTimeoutError
from autarch.sandbox.protocol import PANEL, WINDOW_COLUMNS, DecideRequest, OpenRequest, Planned, Stream, groups_of
from autarch.sandbox.values import Question, SandboxLevel, TargetRows, Window, WorkerLimits
from autarch.strategy.answer import check_values, is_within

T = TypeVar("T")

DAY_MS = 86_400_000
DECIDING, LOADING = "decide()", "loading strategy.py"
_GROUP_SECONDS = 0.2
"""About how long a group of answers may take together, so that a call that hangs is found by its own time limit."""


class Session:
    """A strategy loaded in its own confined child, with one parameter set or many. Windows must not go back in time.

    The process's first failure is final: the child is gone and every later call raises the same error.
    A parameter set that raises or answers wrongly is not asked again; with the last one the session ends.

    Attributes:
        failed: Parameter set, by its place in `params`, and why it is not asked any more.
        awaited: Sets whose answers were awaited last; after a death one of them is the cause.
    """

    def __init__(  # noqa: PLR0913  all are named at the one call
        self,
        child: Child,
        source: StrategySource,
        *,
        params: Sequence[Mapping[str, ParamValue]],
        limits: WorkerLimits,
        forget: Callable[[Session], None],
        budget: Budget | None = None,
    ) -> None:
        self._child, self._limits, self._forget, self._budget = child, limits, forget, budget
        self._charged, self._expected = 0.0, 0
        self._manifest, self._code, self._params = source.manifest, source.code, params
        self._streams = (*source.manifest.symbols, *source.manifest.context)
        self._numbers = {symbol: number for number, symbol in enumerate(self._streams)}
        self._columns = protocol.columns_named(source.code)
        self._held: dict[str, tuple[int, int]] = {}  # symbol -> first and one-past-last bar number the child holds
        self._known: dict[tuple[str | None, ...], tuple[tuple[int, ...], tuple[str, ...]]] = {}
        self._failure: Exception | None = None
        self._seconds_left = limits.session_seconds
        self._seconds_an_answer = limits.request_seconds  # until one has come, any may take as long
        self._since = 0.0  # when the child began what it is at, on time.monotonic()
        self.failed: dict[int, StrategyRunError] = {}
        self._left = tuple(range(len(params)))
        self.awaited: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._child.pid

    @property
    def level(self) -> SandboxLevel:
        """The layers this very child reached."""
        return self._child.level

    @property
    def max_resident_kib(self) -> int:
        """Largest resident size of the child in KiB, known once it is closed."""
        return self._child.max_resident_kib

    @property
    def processor_seconds(self) -> float:
        """Processor time of the child so far."""
        return self._child.processor_seconds()

    @property
    def is_spent(self) -> bool:
        """True when the session ended because all its calls together took too long, whichever was the last."""
        of_processor = isinstance(self._failure, StrategyRunError) and self._failure.cause == "cpu"
        return of_processor or self._seconds_left < self._limits.request_seconds

    def open(self) -> None:
        """Send the strategy and wait until it has loaded; called by `Worker.session`.

        Raises:
            StrategyError: it does not load, or the parameters do not fit.
        """
        try:
            request = OpenRequest(
                code=self._code,
                symbols=self._manifest.symbols,
                context=self._manifest.context,
                columns=self._columns,
                interval_ms=self._manifest.interval_ms,
                mode=self._manifest.mode,
                params=tuple(merge_params(self._manifest.params, each) for each in self._params),
            )
            failure = self._guarded(LOADING, self._limits.open_seconds, lambda deadline: self._load(request, deadline))
            if failure is not None:
                self._fail(failure)
        except BaseException:
            self.close()
            raise

    def decide(self, window: Window, *, keep: int) -> TargetRows:
        """Return the last `keep` rows of `decide` on `window`, of a session with one parameter set.

        Raises:
            StrategyRunError: the strategy raised, broke its contract, or its process ended; the text says how.
            UsageError: the window goes back in time, lacks a symbol, or `keep` does not fit.
            SandboxError: the child was killed from outside.
        """
        needed = set(self._streams if window.target is None else (window.target, *self._manifest.context))
        if set(window.columns) != needed:
            raise UsageError(f"the window holds {sorted(window.columns)}; expected {sorted(needed)}")
        question = Question(
            targets=(window.target,),
            first_bar=window.first_bar,
            n_rows=window.n_rows,
            column=lambda symbol, name: window.columns[symbol][WINDOW_COLUMNS.index(name)],
        )
        (rows,) = [_rows(group, is_panel=window.target is None) for _, _, group in self.ask(question, keep=keep)]
        return rows

    def ask(self, question: Question, *, keep: int) -> Iterator[tuple[slice, tuple[int, ...], Group]]:
        """Yield the last `keep` rows of `decide` for each target and each parameter set that has not failed.

        They come checked, in groups, each for one target and some sets or for several targets and a lone set:
        places in `targets`, the sets, their answers. A group's arrays are views that are valid until the
        next; what failed in it is in `failed` from then on.

        Raises:
            StrategyRunError: the child's process ended, or no parameter set is left.
            UsageError, SandboxError: as `decide`.
        """
        for _, places, chosen, group in self.ask_each([(question, keep)]):
            yield places, chosen, group

    def ask_each(self, asked: Iterable[tuple[Question, int]]) -> Iterator[tuple[int, slice, tuple[int, ...], Group]]:
        """Yield what `ask` does for one (question, keep) after another, in ascending order, its place first.

        While the child works on one, the next is made ready; it is sent when the last answer to the one before has come
        whole, and the child works on while that is looked at. So a set that fails may be asked once more.

        Raises:
            StrategyRunError, UsageError, SandboxError: as `ask`.
        """
        waiting = iter(asked)
        place, current = 0, self._planned(next(waiting, None))
        if current is not None:
            self._send(current)
        while current is not None:
            following = self._planned(next(waiting, None))
            for number, (places, chosen) in enumerate(current.groups, start=1):
                self.awaited = chosen
                group = self._receive((places.stop - places.start) * len(chosen), current)
                if number == len(current.groups) and following is not None:
                    self._send(following)
                self._check(group, chosen, rows_before=current.rows_before)
                yield place, places, chosen, group
            if len(self.failed) == len(self._params):
                self._fail(self.failed[current.sets[0]])
            place, current = place + 1, following

    def expect(self, windows: int) -> None:
        """Tell how many answers will be asked for, so that who is too slow for the budget is found out early."""
        self._expected = windows

    def close(self) -> None:
        """Kill and reap the child. Twice is fine."""
        if self._failure is None:
            self._failure = UsageError("this session is closed; open another with worker.session(source)")
        self._child.close()
        self._forget(self)

    def _load(self, request: OpenRequest, deadline: float) -> Exception | None:
        self._child.pipes.send(protocol.encode_open(request), deadline=deadline)
        body = self._child.pipes.receive(bytes_max=ERROR_BYTES_MAX, deadline=deadline)
        error = answers.decode_loaded(bytes(body))
        return None if error is None else reported(error, doing=LOADING)

    def _sets_left(self) -> tuple[int, ...]:
        if len(self._left) + len(self.failed) != len(self._params):
            self._left = tuple(i for i in range(len(self._params)) if i not in self.failed)
        return self._left

    def _group_size(self, *, answer_bytes: int) -> int:
        within_time = int(_GROUP_SECONDS / max(self._seconds_an_answer, 1e-6))
        within_pipe = PIPE_BYTES // 2 // answer_bytes  # the child fills one half while the other is read
        return max(1, min(within_time, within_pipe))

    def _planned(self, asked: tuple[Question, int] | None) -> Planned | None:
        """Return a question ready to be sent; from here on the child is taken to hold its rows."""
        if self._failure is not None:
            raise self._failure
        if asked is None:
            return None
        question, keep = asked
        if not 1 <= keep <= question.n_rows:
            raise UsageError(f"keep is {keep}; expected 1 to the window's {question.n_rows} rows")
        columns = 1 if self._manifest.mode == "each" else len(self._manifest.symbols)
        sets, n_targets = self._sets_left(), len(question.targets)
        size = min(self._group_size(answer_bytes=8 * keep * columns), n_targets * len(sets))
        return Planned(
            body=protocol.encode_decide(self._request(question, sets, keep=keep, group=size)),
            groups=groups_of(n_targets, sets, size),
            sets=sets,
            keep=keep,
            columns=columns,
            rows_before=question.n_rows - keep,
        )

    def _send(self, planned: Planned) -> None:
        """Send a question; the child works on it from here on."""
        self.awaited = planned.groups[0][1]
        seconds = min(self._limits.request_seconds, self._seconds_left)
        self._guarded(DECIDING, seconds, lambda deadline: self._child.pipes.send(planned.body, deadline=deadline))
        self._since = time.monotonic()

    def _receive(self, count: int, planned: Planned) -> Group:
        """Return the next `count` answers."""
        keep, columns = planned.keep, planned.columns
        bytes_max = answers.group_bytes_max(count=count, keep=keep, columns=columns)

        def received(deadline: float) -> Group:
            content = self._child.pipes.receive(bytes_max=bytes_max, deadline=deadline)
            return answers.decode_group(content, count=count, keep=keep, columns=columns)

        began = time.monotonic()
        seconds = min(self._limits.request_seconds, self._seconds_left)
        group = self._guarded(DECIDING, seconds, received, windows=count)
        now = time.monotonic()
        self._seconds_left -= now - began
        self._seconds_an_answer, self._since = (now - self._since) / count, now
        return group

    def _check(self, group: Group, chosen: tuple[int, ...], *, rows_before: int) -> None:
        """Look at every value, and put down in `failed` whose answers cannot be acted on."""
        if group.failed:
            for index, error in group.failed.items():
                self.failed.setdefault(chosen[index % len(chosen)], reported(error, doing=DECIDING))
        mode, limit = self._manifest.mode, self._manifest.max_leverage
        if is_within(group.exposure, group.stop_loss, group.take_profit, mode=mode, max_leverage=limit):
            return
        for index in range(group.count):
            stop, take = (None if a is None else a[index] for a in (group.stop_loss, group.take_profit))
            try:
                check_values(
                    group.exposure[index],
                    stop,
                    take,
                    mode=mode,
                    max_leverage=limit,
                    counts_from=0,
                    rows_before=rows_before,
                )
            except StrategyError as error:
                text = f"{DECIDING} answered wrongly: {printable(str(error))}"
                which = chosen[index % len(chosen)]
                self.failed.setdefault(which, StrategyRunError(text, "answer"))

    def _request(self, question: Question, sets: tuple[int, ...], *, keep: int, group: int) -> DecideRequest:
        if question.targets not in self._known:
            self._known[question.targets] = self._numbered(question.targets)
        numbers, shown = self._known[question.targets]
        return DecideRequest(
            phase=question.first_bar % (DAY_MS // self._manifest.interval_ms),
            keep=keep,
            group=group,
            sets=sets,
            targets=numbers,
            streams=tuple(self._stream(symbol, question) for symbol in shown),
        )

    def _numbered(self, targets: tuple[str | None, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return the targets by their numbers, and the symbols whose rows they are shown."""
        asks_panel = targets == (None,)
        if asks_panel != (self._manifest.mode == "panel"):
            raise UsageError(f"a {self._manifest.mode} strategy got a window with targets {targets}")
        if asks_panel:
            return (PANEL,), self._streams
        named = [target for target in targets if target is not None]
        shown = tuple(dict.fromkeys((*named, *self._manifest.context)))
        return tuple(self._numbers[target] for target in named), shown

    def _stream(self, symbol: str, question: Question) -> Stream:
        """Return what brings the child from the rows it holds of `symbol` to those of the question."""
        first, end = question.first_bar, question.first_bar + question.n_rows
        held_first, held_end = self._held.get(symbol, (first, first))
        if first < held_first or end < held_end:
            raise UsageError(
                f"window [{first}, {end}) of {symbol} goes back behind [{held_first}, {held_end}); "
                "ask in ascending order, or open another session"
            )
        drop = min(first, held_end) - held_first
        new_from = max(first, held_end)
        self._held[symbol] = (first, end)
        new = [question.column(symbol, name)[new_from - first :] for name in self._columns] if new_from < end else []
        return Stream(index=self._numbers[symbol], drop=drop, n_rows=end - new_from, columns=new)

    def _guarded(self, doing: str, seconds: float, work: Callable[[float], T], *, windows: int = 0) -> T:
        """Return `work(deadline)`; whatever the child does meanwhile ends the session with its cause.

        The budget, where there is one, is charged for `windows` answers.
        """
        if self._failure is not None:
            raise self._failure
        if self._budget is not None:
            self._require_budget(0)
            seconds = min(seconds, self._budget.patience)
        began = time.monotonic()
        try:
            done = work(began + seconds)
        except PipeTimeoutError:
            self._charge(time.monotonic() - began, 0)
            self._require_budget(0)
            self._fail(self._too_slow(doing, seconds))
        except (PipeGarbageError, ValueError) as error:
            self._fail(StrategyRunError(f"{doing} wrote what is no answer ({error})", "garbage"))
        except PipeClosedError:
            status, limit = self._child.close(), self._limits.cpu_seconds
            self._fail(death(status, doing=doing, spent_seconds=self._child.cpu_seconds, cpu_seconds=limit))
        except OSError as error:
            self._fail(SandboxError(f"the pipe to a worker broke: {error}"))
        if self._budget is not None:
            self._charge(time.monotonic() - began, windows)
            self._require_budget(self._expected)
        return done

    def _charge(self, waited: float, windows: int) -> None:
        if self._budget is not None:
            used = self._child.processor_seconds()
            self._budget.charge(processor=used - self._charged, waited=waited, windows=windows)
            self._charged, self._expected = used, max(0, self._expected - windows)

    def _require_budget(self, windows: int) -> None:
        """End the session when the budget does not allow `windows` more."""
        refusal = None if self._budget is None else self._budget.refusal(windows=windows)
        if refusal is not None:
            self._fail(refusal)

    def _too_slow(self, doing: str, seconds: float) -> StrategyRunError:
        if self.is_spent and doing == DECIDING:
            text = f"all {doing} calls together took longer than {self._limits.session_seconds:g} s"
            return StrategyRunError(f"{text}; make it cheaper", "timeout")
        return StrategyRunError(f"{doing} took longer than {seconds:g} s and was stopped", "timeout")

    def _fail(self, failure: Exception) -> NoReturn:
        self._failure = failure
        self.close()
        raise failure


def _rows(group: Group, *, is_panel: bool) -> TargetRows:
    exposure = group.exposure[0].copy()
    stop, take = (
        np.full(exposure.shape, np.nan) if given is None else given[0].copy()
        for given in (group.stop_loss, group.take_profit)
    )
    if is_panel:
        return TargetRows(exposure=exposure, stop_loss=stop, take_profit=take)
    return TargetRows(exposure=exposure[:, 0], stop_loss=stop[:, 0], take_profit=take[:, 0])


def merge_params(defaults: Mapping[str, ParamValue], override: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Return `defaults` with values replaced by name, types kept.

    Raises:
        StrategyError: a name the manifest lacks, or a value of another type.
    """
    for name, value in override.items():
        if name not in defaults:
            raise StrategyError(f"there is no parameter {name!r}; [params] has: {', '.join(defaults) or 'none'}")
        if type(value) is not type(defaults[name]):
            raise StrategyError(f"parameter {name} is {type(defaults[name]).__name__} in the manifest; found {value!r}")
    return {**defaults, **override}
