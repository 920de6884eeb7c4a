"""The doctor's checks by name. A module that has one registers it; the doctor runs all that apply.

    @check("models", area="agents")
    def models_are_fresh(patient: Patient) -> Iterator[Finding]:
        yield Finding.drift("models.toml is 90 days old", fix="autarch models refresh")

A check reads and changes nothing. It yields what it found: nothing at all means that all is well.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autarch.errors import AutarchError
from autarch.forge.client import ForgeClient
from autarch.workspace import Workspace

Area = Literal["forge", "repository", "host", "agents", "live"]
Word = Literal["ok", "drift", "unknown", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found. drift: not as it should be; unknown: it could not be read; note: worth knowing, no fault."""

    word: Word
    told: str
    fix: str = ""

    @classmethod
    def drift(cls, told: str, *, fix: str) -> Finding:
        """Return a finding that makes the doctor exit with 1."""
        return cls(word="drift", told=told, fix=fix)

    @classmethod
    def unknown(cls, told: str, *, fix: str) -> Finding:
        """Return a finding that makes the doctor exit with 1 as well: what cannot be seen is not known to hold."""
        return cls(word="unknown", told=told, fix=fix)

    @classmethod
    def note(cls, told: str) -> Finding:
        """Return a finding that is no fault."""
        return cls(word="note", told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What a check may look at.

    `forge` is None when it cannot be reached: the check of area `forge` named `reachable` says why. `now_ms` is
    epoch ms; `environment` the process's.
    """

    workspace: Workspace
    forge: ForgeClient | None
    now_ms: int
    environment: Mapping[str, str]

    @property
    def root(self) -> Path:
        """The clone's root."""
        return self.workspace.root


Run = Callable[[Patient], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One registered check."""

    name: str
    area: Area
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One check with what it found; no findings that matter is ok."""

    name: str
    area: Area
    findings: tuple[Finding, ...]

    @property
    def word(self) -> Word:
        """The worst of the findings."""
        words = {finding.word for finding in self.findings}
        return next((word for word in _WORST_FIRST if word in words), "ok")


_WORST_FIRST: tuple[Word, ...] = ("drift", "unknown", "note")
_CHECKS: dict[str, Check] = {}
_OWN = ("autarch.doctor.forge_checks", "autarch.doctor.repository_checks", "autarch.doctor.host_checks")
ELSEWHERE = ("agents.doctor", "live.doctor")
"""Modules of other packages that register checks when imported; the command line loads those that are installed."""


def check(name: str, *, area: Area) -> Callable[[Run], Run]:
    """Register a function as the check `name`; a second one of that name replaces the first."""

    def register(run: Run) -> Run:
        _CHECKS[name] = Check(name=name, area=area, run=run)
        return run

    return register


def checks() -> tuple[Check, ...]:
    """Return every registered check: ours, and those of modules that were imported before."""
    for module in _OWN:
        importlib.import_module(module)
    return tuple(_CHECKS.values())


def examine(patient: Patient, *, only: Iterable[str] = ()) -> Iterator[Examined]:
    """Run the checks (`only` those named, where any are) and yield each as it ends.

    A check that raises has found out nothing, and says so.
    """
    wanted = set(only)
    for each in checks():
        if wanted and each.name not in wanted:
            continue
        yield Examined(name=each.name, area=each.area, findings=_findings(each, patient))


def _findings(each: Check, patient: Patient) -> tuple[Finding, ...]:
    try:
        return tuple(each.run(patient))
    except (AutarchError, OSError, ValueError) as error:
        return (Finding.unknown(f"could not be checked: {error}", fix="cure what is named, then run the doctor again"),)
