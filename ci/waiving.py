"""Waivers at the gate: read from where the policy stands, held against what was measured, applied to limits alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autarch.errors import ConfigError
from autarch.evidence.waiver import (
    FOLDER,
    Waiver,
    day_of,
    is_waiver_path,
    parse_waivers,
    slug_of,
    void_reason,
    waived_text,
    waiver_path,
)
from autarch.repo.git import GitRepo
from autarch.repo.objects import REGULAR
from autarch.verdict import CheckResult
from ci.policy import CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Waivers:
    """The waiver files that count, by slug, and the instant their time is held against.

    `as_of_ms` is epoch ms of the base commit or of the newest ledger entry, whichever is later: both are inputs of
    the claim, so that no clock decides a verdict. None, where nothing is dated: no waiver counts.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    as_of_ms: int | None = None

    def held_against(self, ledger_ms: int | None) -> Waivers:
        """Return these waivers held against the newest ledger entry as well, recorded at `ledger_ms`."""
        if self.as_of_ms is None or ledger_ms is None:
            return self
        return replace(self, as_of_ms=max(self.as_of_ms, ledger_ms))

    @property
    def day(self) -> str | None:
        """The UTC day of `as_of_ms`, ISO 8601."""
        return None if self.as_of_ms is None else day_of(self.as_of_ms).isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Checks after waivers: `texts` name each waiver that was needed, `used` are they themselves."""

    checks: tuple[CheckResult, ...]
    texts: tuple[str, ...] = ()
    used: tuple[Waiver, ...] = ()


def waivers_at(repo: GitRepo, commit: str) -> Waivers:
    """Return the waivers that `commit` holds (main, as judged against, never a proposal), as of its date."""
    files = {}
    for entry in repo.ls_tree(commit, FOLDER):
        slug = slug_of(entry.path)
        if slug is not None and entry.mode == REGULAR:
            files[slug] = repo.cat_blob(entry.oid)
    return Waivers(files=files, as_of_ms=repo.read_commit(commit).committer.when_s * 1000)


def waivers_in_worktree(root: Path, repo: GitRepo, commit: str) -> Waivers:
    """Return the waivers among the files under `root`, as of the date of `commit`, which they are based on."""
    found = sorted((root / FOLDER).glob("*.toml"))
    files = {path.stem: path.read_bytes() for path in found if slug_of(f"{FOLDER}/{path.name}") and path.is_file()}
    return Waivers(files=files, as_of_ms=repo.read_commit(commit).committer.when_s * 1000)


def apply_waivers(
    checks: Sequence[CheckResult], waivers: Waivers, *, slug: str | None, decisions: str | None
) -> Applied:
    """Return `checks` with every failed limit that a waiver covers turned into `waived`.

    A waiver that covers nothing leaves the check failed and says why in its detail.
    """
    content = waivers.files.get(slug or "")
    if slug is None or content is None or waivers.as_of_ms is None:
        return Applied(checks=tuple(checks))
    day = day_of(waivers.as_of_ms)
    try:
        known = {waiver.check: waiver for waiver in parse_waivers(content, path=waiver_path(slug))}
    except ConfigError as error:
        return Applied(checks=tuple(_told(c, str(error)) if _may_be_waived(c) else c for c in checks))
    after, texts, used = [], [], []
    for check in checks:
        waiver = known.get(check.name)
        if waiver is None or not _may_be_waived(check):
            after.append(check)
            continue
        void = void_reason(waiver, check.measures, decisions=decisions, day=day)
        if void is not None:
            after.append(_told(check, void))
            continue
        after.append(replace(check, verdict="waived"))
        texts.append(waived_text(slug, waiver, check.measures))
        used.append(waiver)
    return Applied(checks=tuple(after), texts=tuple(texts), used=tuple(used))


def waiver_problems(repo: GitRepo, head: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Return what is wrong with the waiver files among `paths` as they stand at `head`, each with its cure."""
    problems = []
    for path in (path for path in paths if is_waiver_path(path)):
        content = repo.blob_at(head, path)
        if content is None:
            continue  # taken back
        try:
            found = parse_waivers(content, path=path)
        except ConfigError as error:
            problems.append(f"{error}.")
            continue
        problems += [
            f"{path} waives {waiver.check!r}, which is no limit; the limits are {', '.join(_LIMITS)}."
            for waiver in found
            if waiver.check not in _LIMITS
        ]
    return tuple(problems)


_LIMITS = tuple(name for name, classes in CLASSES.items() if "limit" in classes)


def _may_be_waived(check: CheckResult) -> bool:
    return check.verdict == "failed" and check.klass == "limit"


def _told(check: CheckResult, void: str) -> CheckResult:
    return replace(check, detail=f"{check.detail} (its waiver is void: {void})")
