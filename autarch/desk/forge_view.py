"""The forge as the desk sees it: open pull requests kept for a moment, one client that outlives a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from autarch.errors import AutarchError, RefusedError
from autarch.forge.client import ForgeClient
from autarch.forge.connect import open_forge
from autarch.forge.files import DIFF_BYTES_MAX
from autarch.forge.terminal import verdict_of
from autarch.forge.wire import CombinedStatus, Comment, Pull, PullFile, Review
from autarch.repo.git import GitRepo
from autarch.workspace import Workspace

KEEP_S: Final = 2.0
PATIENCE_S: Final = 5.0
LOG_BYTES: Final = 4_096
REPORT_BYTES_MAX: Final = 16 * 1024 * 1024
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What a judgement measured, as far as its answer lies here: Sharpe ratio, and change of the book's."""

    sharpe: float | None = None
    book: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pull request in the queue. `since_s` is when its head was committed, epoch seconds."""

    pull: Pull
    verdict: str
    since_s: int
    numbers: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One pull request with all that was said of it."""

    pull: Pull
    verdict: str
    status: CombinedStatus
    files: tuple[PullFile, ...]
    reviews: tuple[Review, ...]
    comments: tuple[Comment, ...]
    diff: str


@dataclass(slots=True, kw_only=True)
class ForgeView:
    """Reads pull requests and does what a human may do; `clock` is monotonic seconds."""

    workspace: Workspace
    clock: Callable[[], float]
    _client: ForgeClient | None = None
    _url: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _rows: tuple[float, tuple[Row, ...]] | None = None
    _numbers: dict[str, Numbers] = field(default_factory=dict)

    def rows(self) -> tuple[Row, ...]:
        """Return the open pull requests, newest first; at most `KEEP_S` old.

        Raises:
            AutarchError: the forge does not answer.
        """
        with self._lock:
            if self._rows is None or self.clock() >= self._rows[0]:
                pulls = self._ask(lambda forge: forge.pulls(state="open"))
                since = self._since([pull.head_sha for pull in pulls])
                found = tuple(
                    Row(
                        pull=pull,
                        verdict=pull.gate.state if pull.gate is not None else "unknown",
                        since_s=since.get(pull.head_sha, 0),
                        numbers=self._numbers_of(pull),
                    )
                    for pull in pulls
                )
                self._rows = (self.clock() + KEEP_S, found)
            return self._rows[1]

    def detail(self, number: int) -> Detail:
        """Return one pull request.

        Raises:
            AutarchError: there is none, or the forge does not answer.
        """

        def read(forge: ForgeClient) -> Detail:
            pull = forge.pull(number)
            status = forge.combined_status(pull.head_sha)
            return Detail(
                pull=pull,
                verdict="merged" if pull.merged else verdict_of(pull, status) if pull.state == "open" else "closed",
                status=status,
                files=forge.pull_files(number),
                reviews=forge.reviews(number),
                comments=forge.comments(number),
                diff=self._diff(pull),
            )

        return self._ask(read)

    def do(self, deed: Callable[[ForgeClient], _T]) -> _T:
        """Do what changes something, once: never again by itself, whatever comes back.

        By a client of its own and without the lock: a merge may wait for the forge, and pages do not wait with it.
        """
        try:
            with open_forge(self.workspace, "human", patience_s=PATIENCE_S) as forge:
                return deed(forge)
        finally:
            with self._lock:
                self._rows = None

    def repo(self) -> GitRepo:
        """Return the repository that Git is read from: a local forge's own, else the clone."""
        folder = self.workspace.forge_folder / "repo.git"
        is_local = not self.workspace.config.forge.url and folder.is_dir()
        return GitRepo(folder) if is_local else self.workspace.repo

    def main(self) -> str | None:
        """Return where main is, as far as is known here."""
        repo = self.repo()
        return repo.resolve("refs/heads/main") or repo.resolve("refs/remotes/origin/main")

    def report_file(self, pull: Pull) -> Path | None:
        """Return the report the local forge's gate left of the head's newest judgement, None without one."""
        found = self._gate_file(pull, ".html")
        return found if found is not None and found.stat().st_size <= REPORT_BYTES_MAX else None

    def log_tail(self, pull: Pull) -> str:
        """Return the last lines the gate has told of this head; empty where none lies here."""
        found = self._gate_file(pull, ".log")
        if found is None:
            return ""
        with found.open("rb") as file:
            file.seek(max(0, found.stat().st_size - LOG_BYTES))
            return file.read(LOG_BYTES).decode("utf-8", "replace")

    def close(self) -> None:
        """Let the client go."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _ask(self, read: Callable[[ForgeClient], _T]) -> _T:
        """Read; once more with a new client where the old one fails, since a forge may have moved to another port."""
        with self._lock:
            try:
                return read(self._open())
            except RefusedError:
                raise
            except AutarchError:
                self.close()
                return read(self._open())

    def _open(self) -> ForgeClient:
        url = self.workspace.forge_url  # read anew: whoever began again elsewhere is not waited for at the old place
        if self._client is None or url != self._url:
            self.close()
            self._client, self._url = open_forge(self.workspace, "human", patience_s=PATIENCE_S), url
        return self._client

    def _since(self, heads: list[str]) -> dict[str, int]:
        if not heads:
            return {}
        asked = "".join(f"{head}\n" for head in dict.fromkeys(heads)).encode()
        with suppress(AutarchError):  # a clone may not have fetched them
            answer = self.repo().run("log", "--no-walk=unsorted", "--stdin", "--format=%H %ct", stdin=asked)
            rows = (line.split(" ") for line in answer.stdout.decode("ascii", "replace").splitlines())
            return {head: int(time_s) for head, time_s in rows}
        return {}

    def _gate_file(self, pull: Pull, suffix: str) -> Path | None:
        if self.workspace.config.forge.url or pull.gate is None:
            return None
        name = f"{pull.number}-{pull.gate.head[:12]}-{pull.gate.base[:12]}{suffix}"
        found = self.workspace.forge_folder / "logs" / name
        return found if found.is_file() else None

    def _numbers_of(self, pull: Pull) -> Numbers:
        found = self._gate_file(pull, ".json") if pull.gate and pull.gate.state in {"accepted", "rejected"} else None
        if found is None:
            return Numbers()
        if found.name not in self._numbers:
            self._numbers[found.name] = numbers_in(found.read_bytes())
        return self._numbers[found.name]

    def _diff(self, pull: Pull) -> str:
        repo, main = self.repo(), self.main()
        with suppress(AutarchError):
            against = repo.read_commit(pull.merge_commit).parents[0] if pull.merge_commit else main
            fork = None if against is None else repo.merge_base(against, pull.head_sha)
            if fork is not None:
                options = ("-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv")
                answer = repo.run("diff-tree", *options, fork, pull.head_sha)
                return answer.stdout[:DIFF_BYTES_MAX].decode("utf-8", "replace")
        return ""


def numbers_in(answer: bytes) -> Numbers:
    """Return the numbers of a `gate --json` answer; none where it is none."""
    try:
        found: Any = msgspec.json.decode(answer)
        checks: Mapping[str, Any] = {check["name"]: check for check in found["checks"]}
        sharpe = found["metrics"].get("train", {}).get("sharpe")
        measures = {m["name"]: m["value"] for m in checks.get("robustness", {}).get("measures", ())}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return Numbers()
    return Numbers(sharpe=_number(sharpe), book=_number(measures.get("book_sharpe")))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
