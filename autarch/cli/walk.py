"""Drive the real command line through a workspace of its own, showing each command as a user would type it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from autarch.errors import ConfigError, UndecidedError

COMMAND_TIMEOUT_S = 1800.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
MARK = ".autarch-walk"
"""File that says a folder was made by us, so that the next run may remove it."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """A workspace under way. `code` is the folder whose `autarch` package every command runs."""

    workspace: Path
    code: Path
    say: Callable[[str], None]
    lock: IO[bytes]
    began_s: float = field(default_factory=time.monotonic)

    def title(self, text: str) -> None:
        """Announce the next step with the seconds since the start."""
        self.say(f"\n== {text}  [{time.monotonic() - self.began_s:.0f} s]")

    def run(
        self, *arguments: str, expect: Sequence[int] = (0,), show: Literal["all", "first part", "nothing"] = "all"
    ) -> str:
        """Run one `autarch` command to its end, show it and its answer, and return its standard output.

        `show` bounds what is shown of the answer; "first part" ends at the first empty line.

        Raises:
            UndecidedError: its exit code is not among `expect`; the text holds what it said.
        """
        self.say(f"$ autarch {shlex.join(arguments)}")
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.workspace,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if show == "all" else subprocess.PIPE,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        self._tell(done, show)
        if done.returncode not in expect:
            said = (done.stderr or "").strip() or done.stdout.strip()[-2000:]
            raise UndecidedError(
                f"`autarch {shlex.join(arguments)}` ended with exit code {done.returncode}, expected "
                f"{' or '.join(map(str, expect))}. {said}\nThe workspace is kept in {self.workspace}"
            )
        return done.stdout

    def ask(self, *arguments: str, expect: Sequence[int] = (0,)) -> Any:
        """Run one command with --json, showing only the command, and return what it answered; None: nothing."""
        answer = self.run(*arguments, "--json", expect=expect, show="nothing")
        return json.loads(answer) if answer.strip() else None

    def _tell(self, done: subprocess.CompletedProcess[str], show: str) -> None:
        if show == "nothing":
            for line in (done.stderr or "").strip().splitlines()[-1:] if done.returncode else ():
                self.say(line)
            return
        text = done.stdout if show == "all" else done.stdout.partition("\n\n")[0]
        for line in text.splitlines():
            self.say(line)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs `autarch` with this walk's code."""
        return [sys.executable, "-P", "-m", "autarch", *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment of every command: this walk's code, no other workspace, pinned from the start."""
        from autarch.numerics import pinned_environment

        kept = {k: v for k, v in os.environ.items() if k not in {"AUTARCH_WORKSPACE", "PYTHONDONTWRITEBYTECODE"}}
        return pinned_environment({**kept, "PYTHONPATH": str(self.code)})

    @contextlib.contextmanager
    def serving(self, *arguments: str) -> Iterator[str]:
        """Run a server command beside the walk; yields the first line it prints; ends it afterwards.

        Raises:
            UndecidedError: it ended or stayed silent at the start.
        """
        self.say(f"$ autarch {shlex.join(arguments)} &")
        with (self.workspace / MARK / "server.log").open("wb") as log:
            server = subprocess.Popen(
                self.command(*arguments),
                cwd=self.workspace,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C reaches us alone; we end it in our own order
            )
            (self.workspace / MARK / "server.pid").write_text(str(server.pid))
            try:
                yield _first_line(server.stdout, server, self.workspace / MARK / "server.log")
            finally:
                _end(server)


def begin(target: Path, *, say: Callable[[str], None]) -> Walk:
    """Return a walk in a fresh clone of this project at `target`, run with the code of its commit.

    Raises:
        ConfigError: this installation is no clone, `target` is in use, or there is no git.
    """
    from autarch.repo.git import GitRepo
    from autarch.repo.runner import require_git
    from autarch.repo.trusted import write_tree_from

    require_git()
    root = project_root()
    lock = _only_one(target)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    if changed:
        say(f"note: {len(changed)} changed files are not committed; the walk uses the last commit")
    fresh_workspace(root, target)
    repo = GitRepo(target)
    return Walk(workspace=target, code=write_tree_from(repo, repo.rev_parse("HEAD")), say=say, lock=lock)


def _only_one(target: Path) -> IO[bytes]:
    """Return an open file whose lock keeps a second walk out of `target` for as long as this process lives."""
    import fcntl

    from autarch.canonical import sha256_hex
    from autarch.paths import cache_root, private_directory

    name = f"walk-{sha256_hex(str(target).encode())[:16]}.lock"
    held = (private_directory(cache_root()) / name).open("wb")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise ConfigError(f"another walk is at work in {target}; wait for it, or name another folder") from error
    return held


def project_root() -> Path:
    """Return the clone of the project to walk through: the working directory's, else this code's.

    Raises:
        ConfigError: neither is one.
    """
    own = Path(__file__).resolve().parent.parent.parent
    for folder in (Path.cwd(), *Path.cwd().parents, own):
        if (folder / "autarch" / "cli" / "walk.py").is_file() and (folder / ".git").exists():
            return folder
    raise ConfigError("this needs a clone of the project to work on; run it inside one, or with: make demo")


def fresh_workspace(source: Path, target: Path) -> None:
    """Clone the project at `source` into `target`, which must be new or of our own making.

    Raises:
        ConfigError: `target` holds something else, or `source` cannot be cloned.
    """
    if target.exists():
        if not (target / MARK).is_dir():
            raise ConfigError(f"{target} exists and is no walk of ours; name another folder with --dir")
        end_left_over(target)
        _remove(target)
    first = target / MARK / "clone"
    try:
        (target / MARK).mkdir(parents=True)  # before all else: whatever stops us from here on, the next run removes it
        _git("clone", "--quiet", "--no-checkout", "--no-hardlinks", "--no-tags", str(source), str(first))
        (first / ".git").rename(target / ".git")
        first.rmdir()
        exclude = target / ".git" / "info" / "exclude"
        exclude.write_text(exclude.read_text() + f"{MARK}/\n")
        _git("-C", str(target), "checkout", "--quiet", "-B", "main")
    except (ConfigError, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise ConfigError(f"cannot make a clone of {source} in {target}: {error}") from error


def _remove(target: Path) -> None:
    """Remove a walk's folder, what says that it is ours last: an interrupted removal must not orphan the rest."""
    for entry in target.iterdir():
        if entry.name == MARK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    shutil.rmtree(target)


def _git(*arguments: str) -> None:
    answer = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = [line.strip() for line in answer.stderr.splitlines() if line.strip()]
        more = f" (and {len(said) - 2} more lines)" if len(said) > 2 else ""
        raise ConfigError(f"git: {' / '.join(said[:2]) or 'no text'}{more}")


def end_left_over(target: Path) -> None:
    """End the server of an earlier walk in `target` that was killed before it could."""
    told = target / MARK / "server.pid"
    if not told.is_file():
        return
    with contextlib.suppress(OSError, ValueError):
        pid = int(told.read_text())
        at = Path(f"/proc/{pid}/cwd")
        if at.resolve() == target.resolve():  # the number may be another process's by now
            os.kill(pid, signal.SIGTERM)
            for _ in range(100):
                if not Path(f"/proc/{pid}").exists():
                    return
                time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)


def _first_line(stream: IO[str] | None, server: subprocess.Popen[str], log: Path) -> str:
    import select

    ready = select.select([stream], [], [], START_TIMEOUT_S)[0] if stream is not None else []
    line = stream.readline().strip() if ready and stream is not None else ""
    if not line:
        said = log.read_text(errors="replace")[-2000:]
        raise UndecidedError(f"the server did not start (exit code {server.poll()}): {said}")
    return line


def _end(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
