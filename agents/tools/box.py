"""One proposal's tools: what they read and write, how often, how much and how long. The model has no other hands."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.ports import Brief
from agents.quoting import shorten
from agents.tools.counted import Counter, Record
from agents.tools.library import Library, show_files
from agents.tools.offered import NAMES
from agents.tools.trying import Bench
from autarch.errors import AutarchError, StrategyError, UndecidedError, UsageError
from autarch.manifest import ParamValue, StrategySource, parse_source
from autarch.redacting import Redactor
from autarch.repo.strategies import BYTES_MAX, REQUIRED_FILES
from autarch.sandbox.source_policy import check_source

SAID_MAX = {"hypothesis": 1_000, "mechanism": 2_000, "falsifier": 1_000, "expected": 1_000}
SHOWN = (
    "sharpe",
    "total_return",
    "annual_return",
    "max_drawdown",
    "turnover_per_day",
    "independent_bets",
    "exposure_time",
    "win_rate",
    "fees",
    "funding",
    "slippage",
    "average_trade",
    "beta",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one proposal's tools may do: calls, trials, bytes of one answer, seconds of all of them."""

    calls: int = 80
    trials: int = 12
    answer_bytes: int = 16_000
    seconds: float = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A folder handed in, with what is said of it."""

    files: dict[str, bytes]
    hypothesis: str
    mechanism: str
    falsifier: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """What a tool says; `failed` that it did not do what was asked."""

    text: str
    failed: bool = False


class Toolbox:
    """The tools of one brief. Not for two threads at once."""

    def __init__(  # noqa: PLR0913  what a box is made of
        self,
        *,
        brief: Brief,
        library: Library,
        bench: Bench,
        counter: Counter,
        redactor: Redactor,
        bounds: Bounds | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with the parent's files where the brief is to change one strategy in place, else with none."""
        self.brief, self.counter = brief, counter
        self.bounds = bounds or Bounds()
        self.finished: Finished | None = None
        self.gave_up: str | None = None
        self.calls = 0
        self._library, self._bench, self._redactor = library, bench, redactor
        self._seconds, self._began = seconds, seconds()
        self._files: dict[str, bytes] = {}
        if brief.operator == "repair" and brief.parents:
            self._files = {"manifest.toml": brief.parents[0].manifest, "strategy.py": brief.parents[0].code}

    @property
    def is_over(self) -> bool:
        """Whether the folder was handed in, or given up."""
        return self.finished is not None or self.gave_up is not None

    @property
    def files(self) -> dict[str, bytes]:
        """The folder as it is."""
        return dict(self._files)

    def put(self, name: str, content: bytes) -> None:
        """Write a file of the folder, as `write_file` does.

        Raises:
            UsageError: not a file of a strategy, too big, or not ASCII.
        """
        if name not in BYTES_MAX:
            raise UsageError(
                f"{name[:80]!r} is outside your folder: strategies/{self.brief.slug}/ holds {', '.join(BYTES_MAX)} and "
                "nothing else. Write one of these; whatever else you want cannot be part of a proposal"
            )
        if len(content) > BYTES_MAX[name]:
            raise UsageError(
                f"{name} would have {len(content):,} bytes; at most {BYTES_MAX[name]:,} are allowed: shorten it"
            )
        if not content.isascii() or b"\0" in content:
            raise UsageError(f"{name} holds a byte that is not ASCII text; spell it in ASCII")
        self._files[name] = content

    def call(self, name: str, arguments: Mapping[str, Any] | None) -> ToolAnswer:
        """Do what a model asks for, and say what came of it; bad calls are answered, never raised.

        Raises:
            UndecidedError: this host cannot run strategies; no other call would help.
        """
        self.calls += 1
        try:
            self._check_bounds()
            text = self._do(name, arguments)
        except UndecidedError:
            raise
        except AutarchError as error:
            return self._answer(str(error), failed=True)
        return self._answer(text)

    def _answer(self, text: str, *, failed: bool = False) -> ToolAnswer:
        clean = self._redactor.clean_all(text)
        return ToolAnswer(text=shorten(clean, self.bounds.answer_bytes), failed=failed)

    def _check_bounds(self) -> None:
        if self.is_over:
            raise UsageError("this proposal is over; there is nothing more to do")
        if self.calls > self.bounds.calls:
            raise UsageError(f"all {self.bounds.calls} calls of this proposal are used; it ends here")
        if self._seconds() - self._began > self.bounds.seconds:
            raise UsageError(f"the {self.bounds.seconds:,.0f} s of this proposal are over; it ends here")

    def _do(self, name: str, arguments: Mapping[str, Any] | None) -> str:
        if name not in NAMES:
            raise UsageError(f"there is no tool {name[:80]!r}; there are: {', '.join(NAMES)}")
        if arguments is None:
            raise UsageError("the arguments are not one JSON object; write them again")
        doing = getattr(self, f"_{name}")
        try:
            bound = inspect.signature(doing).bind(**arguments)
        except TypeError as error:
            raise UsageError(f"{name}: {error}; see its schema") from error
        return str(doing(*bound.args, **bound.kwargs))

    def _list_strategies(self) -> str:
        return self._library.list()

    def _read_strategy(self, slug: str) -> str:
        return self._library.read(_text(slug, "slug"))

    def _read_guide(self, section: str | None = None) -> str:
        return self._library.guide(
            None if section is None else _text(section, "section"), bytes_max=self.bounds.answer_bytes
        )

    def _leaderboard(self) -> str:
        return self._library.show_board("leaderboard")

    def _rejections(self) -> str:
        return self._library.show_board("rejections")

    def _write_file(self, name: str, content: str) -> str:
        encoded = _text(content, "content").encode("utf-8", "replace")
        self.put(_text(name, "name"), encoded)
        return f"{name}: {len(encoded):,} bytes. The folder holds {', '.join(sorted(self._files))}"

    def _read_draft(self) -> str:
        return show_files(self._files, where="your folder") if self._files else "your folder is empty"

    def _check_policy(self) -> str:
        self._checked()
        return (
            "passed: the manifest and the source policy find nothing. The gate asks more: causality, warm-up, evidence"
        )

    def _backtest(self, params: Mapping[str, Any] | None = None) -> str:
        record, is_new = self.counter.run(self._checked(), _params(params))
        if record.refused:
            raise StrategyError(f"{record.refused} ({self._left()})")
        told = f"score {_number(record.score)}{f' ({record.detail})' if record.detail else ''}"
        again = "" if is_new else "; played before, not counted again"
        return f"on train: {told}\n{_table(record.metrics or {})}\n{self._left()}{again}"

    def _compare(self, slug: str | None = None) -> str:
        other = self._parent(slug)
        source = self._checked()
        record, _ = self.counter.run(source, {})
        if record.refused:
            raise StrategyError(f"{record.refused} ({self._left()})")
        compared = self._bench.compare(source, {}, other)
        rows = [
            f"{name}: {_number((record.metrics or {}).get(name))} against {_number(compared.other.get(name))}"
            for name in SHOWN
        ]
        like = f"correlation {_number(compared.correlation)}, alike {_number(compared.alike)} of bars"
        return "\n".join([f"yours against {other.manifest.name}, on train", *rows, like, self._left()])

    def _finish(self, hypothesis: str, mechanism: str, falsifier: str, expected: str) -> str:
        said = {"hypothesis": hypothesis, "mechanism": mechanism, "falsifier": falsifier, "expected": expected}
        for name, text in said.items():
            if len(_text(text, name).strip()) < 10 or len(text) > SAID_MAX[name]:
                raise UsageError(f"{name} has {len(text.strip())} characters; 10 to {SAID_MAX[name]} are wanted")
        record = self._played()
        if record.refused:
            raise StrategyError(f"this version cannot be played: {record.refused}")
        clean = {name: self._redactor.clean_all(text.strip()) for name, text in said.items()}
        self.finished = Finished(files=dict(self._files), **clean)
        return "handed in"

    def _give_up(self, reason: str) -> str:
        self.gave_up = self._redactor.clean_all(_text(reason, "reason"))[:500]
        return "nothing is handed in"

    def _played(self) -> Record:
        found = self.counter.find(self._checked(), {})
        if found is None:
            raise UsageError("this version was never played as it is; run backtest without params, then finish")
        return found

    def _checked(self) -> StrategySource:
        missing = [name for name in REQUIRED_FILES if name not in self._files]
        if missing:
            raise UsageError(f"your folder lacks {' and '.join(missing)}; write_file first")
        source = parse_source(
            slug=self.brief.slug, manifest_bytes=self._files["manifest.toml"], code=self._files["strategy.py"]
        )
        findings = check_source(source)
        if findings:
            raise StrategyError("the policy refuses:\n" + "\n".join(str(finding) for finding in findings[:20]))
        return source

    def _parent(self, slug: str | None) -> StrategySource:
        if slug is not None:
            return self._library.strategy(_text(slug, "slug"))
        if not self.brief.parents:
            raise UsageError("this brief has no parent; name a strategy of list_strategies")
        parent = self.brief.parents[0]
        return parse_source(slug=parent.slug, manifest_bytes=parent.manifest, code=parent.code)

    def _left(self) -> str:
        return f"{self.counter.left} of {self.bounds.trials} trials left"


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {type(value).__name__}, expected text")
    return value


def _params(given: object) -> dict[str, ParamValue]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(v, int | float) for v in given.values()):
        raise UsageError('params is an object of numbers and booleans by name, such as {"length": 48}')
    return {str(name): value for name, value in given.items()}


def _table(metrics: Mapping[str, float | None]) -> str:
    return "\n".join(f"{name}: {_number(metrics.get(name))}" for name in SHOWN if name in metrics)


def _number(value: float | None) -> str:
    return "-" if value is None else format(value, ",.4g" if abs(value) < 1000 else ",.0f")
