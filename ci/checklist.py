"""The list of checks of one gate run: asks each once, times it, and never lets one fail open."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from autarch.errors import AutarchError, StrategyError
from autarch.sandbox.failure import StrategyRunError
from autarch.verdict import CheckResult, CheckVerdict
from ci.context import Answer, Clock, Progress
from ci.policy import CHECK_NAMES, Policy

log = logging.getLogger(__name__)

STOPPED_BY: dict[str, tuple[str, ...]] = {
    "scope": (),
    "policy": ("scope",),
    "determinism": ("scope", "policy"),
    "causality": ("scope", "policy", "determinism"),
    "warmup": ("scope", "policy", "determinism"),
    "memory": ("scope", "policy", "determinism"),
    "backtest": ("scope", "policy", "determinism", "causality"),
    "parity": ("scope", "policy", "determinism", "causality"),
    "risk": ("scope", "policy", "determinism", "causality", "backtest"),
    "robustness": ("scope", "policy", "determinism", "causality", "backtest"),
    "evidence": ("scope", "policy", "determinism", "causality", "backtest"),
}
"""A check is not asked unless all of these passed: unsafe code is never run, and what sees the future gets no score."""

RESTS_ON: dict[str, tuple[str, ...]] = STOPPED_BY | {
    "backtest": ("scope", "policy", "determinism"),
    "parity": ("scope", "policy", "determinism"),
    "risk": ("scope", "policy", "determinism", "backtest"),
    "robustness": ("scope", "policy", "determinism", "backtest"),
    "evidence": ("scope", "policy", "determinism", "backtest"),
}
"""What `--only` adds: the checks without which the wanted one cannot be computed."""


def with_those_they_rest_on(names: frozenset[str]) -> frozenset[str]:
    """Return `names` and every check their answers need."""
    return names.union(*(RESTS_ON[name] for name in names))


@dataclass(kw_only=True)
class Checklist:
    """Results by name, filled in by `ask` alone; two threads may ask different checks.

    `of_machine` names those that failed for want of time or memory: another machine might find otherwise.
    """

    policy: Policy
    wanted: frozenset[str]
    progress: Progress
    clock: Clock
    results: dict[str, CheckResult] = field(default_factory=dict)
    of_machine: set[str] = field(default_factory=set)
    elapsed_s: dict[str, float] = field(default_factory=dict)

    def is_clear(self, name: str) -> bool:
        """Return True when `name` is wanted, unanswered, and nothing that stops it stands in its way."""
        return name in self.wanted and name not in self.results and self._stopper(name) is None

    def ask(self, name: str, check: Callable[[], Answer]) -> bool:
        """Answer one check, unless something stops it, and return whether it passed.

        A StrategyError is the strategy's failure. Whatever else goes wrong, a bug of ours included,
        leaves the check undecided, which blocks.
        """
        if not self.is_clear(name):
            return False
        started = self.clock()
        answer = self._guarded(name, check)
        elapsed = self.clock() - started
        self.elapsed_s[name] = round(elapsed, 3)
        self._record(name, answer.verdict, answer)
        told = f"{name} {answer.verdict} after {elapsed:.1f} s"
        self.progress(f"{len(self.results)} of {len(self.wanted)} checks: {told}")
        return answer.verdict == "passed"

    def close(self) -> tuple[CheckResult, ...]:
        """Mark what was wanted and not asked as skipped, and return all results in the gate's order."""
        for name in CHECK_NAMES:
            if name in self.wanted and name not in self.results:
                stopper = self._stopper(name)
                reason = f"not asked: {stopper} did not pass" if stopper else "not asked"
                self._record(name, "skipped" if stopper else "undecided", Answer(verdict="undecided", detail=reason))
        return tuple(self.results[name] for name in CHECK_NAMES if name in self.results)

    def _guarded(self, name: str, check: Callable[[], Answer]) -> Answer:
        try:
            return check()
        except StrategyRunError as error:
            if error.is_of_machine:
                self.of_machine.add(name)
            return Answer(verdict="failed", detail=str(error))
        except StrategyError as error:
            return Answer(verdict="failed", detail=str(error))
        except AutarchError as error:
            return Answer(verdict="undecided", detail=str(error))
        except Exception as error:  # a bug in a check must block, not pass and not read as the strategy's fault
            log.exception("check %s broke", name)
            return Answer(
                verdict="undecided",
                detail=f"the check itself broke ({type(error).__name__}: {error}); report it with this text",
            )

    def _stopper(self, name: str) -> str | None:
        for other in STOPPED_BY[name]:
            if other in self.wanted and (other not in self.results or self.results[other].verdict != "passed"):
                return other
        return None

    def _record(self, name: str, verdict: CheckVerdict, answer: Answer) -> None:
        self.results[name] = CheckResult(
            name=name,
            klass=self.policy.class_of(name),
            verdict=verdict,
            measures=answer.measures,
            detail=answer.detail,
        )
