"""Every backtest of a draft, counted before it runs and kept for good: see `agents.spending.purse`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from agents.study import Study, Trial
from agents.tools.trying import Bench, Tried
from autarch.canonical import Sha256
from autarch.errors import DataError, StrategyError, UsageError
from autarch.manifest import ParamValue, StrategySource
from autarch.sweep import OBJECTIVE

ENDED_EARLY = "begun, and the process ended before anything was recorded"


class TrialBook(Protocol):
    """Where trials are written down; `agents.spending.purse.Purse` is one."""

    def begin_trial(self, brief: str, seq: int) -> None:
        """Count trial `seq` of a brief before anybody sees a score."""

    def end_trial(self, brief: str, seq: int, content: bytes) -> None:
        """Record what came of it."""

    def trials(self, brief: str) -> tuple[bytes | None, ...]:
        """Return the trials of a brief in order."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One trial as it is written down; `source` is the digest of the files, `refused` why there are no metrics."""

    source: str
    params: dict[str, ParamValue]
    metrics: dict[str, float | None] | None = None
    score: float | None = None
    sharpe: float | None = None
    decisions: str | None = None
    detail: str = ""
    refused: str = ""


class Counter:
    """The trials of one brief. The same files with the same numbers are one trial, however often they are asked for."""

    def __init__(self, *, brief: str, book: TrialBook, bench: Bench, trials_max: int) -> None:
        """Go on from what `book` holds of `brief`."""
        self._brief, self._book, self._bench, self._most = brief, book, bench, trials_max
        self._records: list[Record | None] = [
            None if content is None else msgspec.json.decode(content, type=Record) for content in book.trials(brief)
        ]

    @property
    def left(self) -> int:
        """How many more may be run."""
        return max(0, self._most - len(self._records))

    def run(self, source: StrategySource, params: Mapping[str, ParamValue]) -> tuple[Record, bool]:
        """Return what a version came to, and whether that was a new trial.

        Raises:
            UsageError: no trial is left.
            SandboxError: it could not be confined; the trial counts.
        """
        known = self.find(source, params)
        if known is not None:
            return known, False
        if not self.left:
            raise UsageError(
                f"all {self._most} trials of this proposal are used; finish with a version that was played"
            )
        seq = len(self._records)
        self._book.begin_trial(self._brief, seq)
        self._records.append(None)
        record = self._play(source, params)
        self._book.end_trial(self._brief, seq, msgspec.json.encode(record))
        self._records[seq] = record
        return record, True

    def find(self, source: StrategySource, params: Mapping[str, ParamValue]) -> Record | None:
        """Return the trial of this version, if it was run."""
        wanted = (str(source.digest), dict(params))
        return next((r for r in self._records if r is not None and (r.source, r.params) == wanted), None)

    def trials(self) -> tuple[Trial, ...]:
        """Return every trial, those that ended early included."""
        return tuple(_trial(record) for record in self._records)

    def study(self, *, slug: str, parent: str, agent: str, seed: int) -> Study | None:
        """Return the trials as a study, None when there were none."""
        if not self._records:
            return None
        return Study(
            strategy=slug,
            parent=parent,
            dataset=self._bench.dataset,
            objective=OBJECTIVE,
            sampler=f"agent {agent}",
            seed=seed,
            trials=self.trials(),
        )

    def _play(self, source: StrategySource, params: Mapping[str, ParamValue]) -> Record:
        named = {"source": str(source.digest), "params": dict(params)}
        try:
            tried: Tried = self._bench.play(source, params)
        except (StrategyError, DataError, UsageError) as error:
            return msgspec.convert({**named, "refused": str(error)}, Record)
        found = {"metrics": dict(tried.metrics), "score": tried.score, "sharpe": tried.sharpe}
        return msgspec.convert({**named, **found, "decisions": tried.decisions, "detail": tried.detail}, Record)


def _trial(record: Record | None) -> Trial:
    if record is None:
        return Trial(params={}, score=None, sharpe=None, decisions=None, detail=ENDED_EARLY)
    said = record.refused or record.detail
    return Trial(
        params=dict(record.params),
        score=record.score,
        sharpe=record.sharpe,
        decisions=None if record.decisions is None else Sha256(record.decisions),
        detail=f"files {record.source[:12]}" + (f": {said[:300]}" if said else ""),
    )
