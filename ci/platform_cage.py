"""Run a proposal's own gate in an enclosure: its tree, the train bars and Git's objects are all it sees.

Neither keys, hidden bars, network nor processes of ours are within its reach, and nothing it starts outlives it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from autarch.machine_code import cache_of
from autarch.numerics import pinned_environment
from autarch.repo.git import GitRepo
from autarch.sandbox import enclosure
from ci.platform_changes import Found
from ci.platform_child import Task

ANSWER_BYTES_MAX = 64 << 20
_COMPILED = ("autarch/engine", "autarch/strategy")
_SYSTEM = (
    *("/usr", "/bin", "/lib", "/lib64", "/proc", "/sys/devices/system/cpu"),
    *("/etc/ld.so.cache", "/etc/localtime", "/dev/urandom"),
)


def judged_by(code: Path, task: Task, repo: GitRepo, *, seconds: float) -> dict[str, Found]:
    """Return what the code in the folder `code` says of each claim's strategy, as far as it comes in `seconds`.

    Args:
        code: A tree written for a run.
        task: What to judge; its `repo` is replaced by one that borrows the objects of `repo`.
        repo: Where the objects are.
        seconds: Then it is ended, with all it has started.
    """
    with tempfile.TemporaryDirectory(prefix="autarch-platform-") as made:
        folder = Path(made).resolve()
        objects = _object_folders(repo)
        lent = _borrowing_repo(folder / "repo.git", objects[0])
        task = msgspec.structs.replace(task, repo=str(lent))
        (folder / "task.json").write_bytes(msgspec.json.encode(task))
        own = folder / "own"
        _furnish(own, code)
        order = enclosure.Order(
            command=(sys.executable, "-P", "-m", "ci.platform_child", str(folder / "task.json")),
            environment=_environment(own, code),
            reads=(*_SYSTEM, sys.prefix, sys.base_prefix, str(code), task.train, str(folder), *map(str, objects)),
            writes=(str(own), "/dev/null"),
        )
        (folder / "order.json").write_bytes(msgspec.json.encode(order))
        answered, told = _run(folder, seconds)
    found: dict[str, Found] = {}
    if told:
        found = {
            name: Found(slug=name, problem=f"its code ended early: {told}")
            for name in (claim.strategy.name for claim in task.claims)
        }
    return {**found, **{one.slug: one for one in answered}}


def _run(folder: Path, seconds: float) -> tuple[list[Found], str]:
    """Run the order in `folder`; return its whole lines, and its last words where it ended by itself and badly."""
    command = [sys.executable, "-P", "-m", "autarch.sandbox.enclosure", str(folder / "order.json")]
    with (folder / "answer").open("wb") as answer, (folder / "told").open("wb") as told:
        running = subprocess.Popen(
            command, cwd=folder / "own", stdin=subprocess.DEVNULL, stdout=answer, stderr=told, start_new_session=True
        )
        try:
            code = running.wait(max(1.0, seconds))
        except subprocess.TimeoutExpired:
            code = 0  # who was not reached is told by name
        finally:
            running.terminate()  # it ends all that it has started, then itself
            running.wait()
    lines = []
    with suppress(msgspec.DecodeError, UnicodeDecodeError, OSError), (folder / "answer").open("rb") as said:
        lines = [
            msgspec.json.decode(line, type=Found, strict=True) for line in said.read(ANSWER_BYTES_MAX).splitlines()
        ]
    return lines, "" if code == 0 else _last_words(folder / "told", code)


def _last_words(told: Path, code: int) -> str:
    with told.open("rb") as file:
        file.seek(max(0, told.stat().st_size - 4_096))
        lines = [line.strip() for line in file.read().decode("ascii", "replace").splitlines() if line.strip()]
    said = "".join(letter for letter in lines[-1][:200] if letter.isprintable()) if lines else "it said nothing"
    return f"exit code {code}, {said}"


def _object_folders(repo: GitRepo) -> list[Path]:
    """Return the object store of `repo` and all it borrows from."""
    answer = repo.run("rev-parse", "--git-path", "objects").stdout.decode("utf-8", "surrogateescape").strip()
    folders, waiting = [], [(repo.path / answer).resolve()]
    while waiting:
        folder = waiting.pop()
        folders.append(folder)
        with suppress(FileNotFoundError):
            lent = (folder / "info" / "alternates").read_text(encoding="utf-8").splitlines()
            waiting += [path for line in lent if (path := (folder / line).resolve()) not in folders]
    return folders


def _borrowing_repo(path: Path, objects: Path) -> Path:
    """Make an empty repository that sees the objects: no settings, no references, no way to another's."""
    subprocess.run(["git", "init", "-q", "--bare", "--template=", str(path)], check=True, capture_output=True)
    (path / "objects" / "info").mkdir(parents=True, exist_ok=True)
    (path / "objects" / "info" / "alternates").write_text(f"{objects}\n", encoding="utf-8")
    return path


def _furnish(own: Path, code: Path) -> None:
    """Give the change a home, a place for temporary files, and copies of what is compiled of the same sources."""
    for name in ("home", "tmp", "cache", "cache/numba"):
        (own / name).mkdir(parents=True, mode=0o700)
    for package in _COMPILED:
        compiled = cache_of(code / package)
        if compiled.is_dir():
            shutil.copytree(compiled, own / "cache" / "numba" / compiled.name)


def _environment(own: Path, code: Path) -> dict[str, str]:
    """Return an environment of nothing but what it takes: no token is named in it, nor where one lies."""
    plain = {
        "PATH": os.defpath,
        "HOME": str(own / "home"),
        "TMPDIR": str(own / "tmp"),
        "AUTARCH_CACHE": str(own / "cache"),
        "PYTHONPATH": str(code),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    return {**pinned_environment(plain), "NUMBA_CACHE_DIR": str(own / "cache" / "numba")}
