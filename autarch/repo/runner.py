"""Run git with an environment that is ours: no user's configuration, no inherited repository.

Variables that begin with GIT_ decide which repository, index, configuration or helper git uses, so
none is inherited. What a pre-receive hook needs to see the pushed objects is given to it by name.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autarch.errors import ConfigError, RefusedError, UndecidedError

SAFE_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",  # refs/replace would show other bytes under a checked name
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ASKPASS": "true",
    "TZ": "UTC",
}
_PINNED = ("-c", f"core.attributesFile={os.devnull}", "-c", "merge.renames=true", "-c", "merge.renameLimit=2000")
TIMEOUT_S = 600.0


class GitError(UndecidedError):
    """Git could not answer: an object is missing or damaged, or the command failed for its own reasons."""


class StaleRefError(RefusedError):
    """A reference is not where its writer last saw it: somebody else wrote first. Read again, then retry."""


class PushRefusedError(RefusedError):
    """The receiving repository refused a push; the text is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository elsewhere: a URL or path, and the token its HTTP server expects, never shown."""

    url: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Remote(url={self.url!r})"

    def environment(self) -> dict[str, str]:
        """Return the variables that authenticate git here: by environment, since argv is public."""
        if self.token is None:
            return {}
        pair = base64.b64encode(f"x-access-token:{self.token}".encode()).decode("ascii")
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{self.url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one git process said."""

    code: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs git in one repository (`path`: bare, or a work tree's root), always with `variables`."""

    path: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, *arguments: str, stdin: bytes = b"", environment: dict[str, str] | None = None, check: bool = True
    ) -> Answer:
        """Run one git command to its end.

        Args:
            arguments: After `git`.
            stdin: What the process reads.
            environment: Variables beyond the safe ones: dates, identities, credentials.
            check: Raise when the exit code is not zero.

        Raises:
            GitError: git failed and `check` is set, or it took longer than `TIMEOUT_S`.
            ConfigError: git is not installed.
        """
        require_git()
        from git.cmd import Git  # noqa: PLC0415  importing GitPython takes 0.2 s; `--help` must not

        ours = {**SAFE_ENVIRONMENT, **self.variables, **(environment or {})}
        dropped = sorted(name for name in os.environ if name.startswith("GIT_") and name not in ours)
        unset = ["env", *(part for name in dropped for part in ("-u", name))] if dropped else []
        command = [*unset, "git", *_PINNED, *arguments]
        code, stdout, stderr = _execute(Git(str(self.path)), command, stdin, ours)
        if check and code != 0:
            raise GitError(
                f"git {arguments[0]} failed with exit code {code} in {self.path}: {stderr.strip() or 'no text'}"
                f"{_cure(stderr)}"
            )
        return Answer(code=code, stdout=stdout, stderr=stderr)


def _cure(said: str) -> str:
    """Return what to do about the two failures that are nobody's command: no answer, and lost objects."""
    if "unable to access" in said:
        return "; start the forge (`autarch forge serve`) or correct its URL"
    if "missing blob" in said or "corrupt" in said or "bad object" in said or "did not send" in said:
        return "; objects are damaged there: see what with `git fsck`, and restore them from a copy"
    return ""


def require_git() -> None:
    """Refuse to go on where no git is found: each caller would fail in its own words.

    Raises:
        ConfigError: it is not on PATH.
    """
    if shutil.which("git") is None:
        raise ConfigError("git is not on PATH; install git 2.38 or newer (Debian: git), or put its folder on PATH")


def _execute(git: Any, command: list[str], stdin: bytes, environment: dict[str, str]) -> tuple[int, bytes, str]:
    with tempfile.TemporaryFile() if stdin else open(os.devnull, "rb") as given:  # noqa: PTH123  no path to manage
        if stdin:
            given.write(stdin)
            given.seek(0)
        code, stdout, stderr = git.execute(
            command,
            istream=given,
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=TIMEOUT_S,
            env=environment,
        )
    return int(code), bytes(stdout), str(stderr)
