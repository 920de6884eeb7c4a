"""The folder a command-line agent works in: main's strategies and the guide to read, one folder to write, its tools."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agents.tools.library import GUIDE
from autarch.canonical import Sha256, sha256_hex
from autarch.errors import StrategyError, UsageError
from autarch.repo.git import GitRepo
from autarch.repo.strategies import BYTES_MAX, list_strategies, read_strategy

ENTRIES_MAX = 200
SKILLS = Path(__file__).parent.parent / "skills"
PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("agents", "autarch")
_BRIDGE = """\
import sys

sys.path.insert(0, {root!r})
from agents.tools.bridge import main

raise SystemExit(main(sys.argv[1:], gateway={gateway!r}, word={word!r}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    """`root` is where the agent begins; `own` the one folder it may write; `home` and `scratch` its own besides.

    `code` leads to our packages and to nothing beside them.
    """

    root: Path
    own: Path
    home: Path
    scratch: Path
    code: Path
    before: dict[str, Sha256]

    def files(self) -> dict[str, bytes]:
        """Return the files of the agent's folder, as far as they may be a strategy's.

        Raises:
            UsageError: something lies there that is no file of a strategy.
        """
        found: dict[str, bytes] = {}
        for entry in sorted(os.scandir(self.own), key=lambda one: one.name)[:ENTRIES_MAX]:
            if entry.name.startswith((".", "__pycache__")) or entry.name.endswith((".pyc", "~")):
                continue
            if entry.name not in BYTES_MAX:
                raise UsageError(
                    f"strategies/{self.own.name}/{entry.name[:60]!r} does not belong there; the folder holds "
                    f"{', '.join(BYTES_MAX)} and nothing else: remove it"
                )
            found[entry.name] = _read(self.own / entry.name, BYTES_MAX[entry.name] + 1)
        return found

    def outside_edits(self) -> tuple[str, ...]:
        """Return which files beside the agent's own folder were changed, made or removed."""
        now = _digests(self.root, without=self.own)
        return tuple(sorted(path for path in now.keys() | self.before.keys() if now.get(path) != self.before.get(path)))


def make_worktree(folder: Path, *, repo: GitRepo, base: str, slug: str, own: dict[str, bytes]) -> Worktree:
    """Write a worktree into an empty folder; `own` are the files the agent begins with."""
    root = folder / "work"
    for name in list_strategies(repo, base):
        with suppress(StrategyError, UsageError):
            source = read_strategy(repo, base, name)
            _write(root / "strategies" / name / "manifest.toml", source.manifest_bytes)
            _write(root / "strategies" / name / "strategy.py", source.code)
    guide = repo.blob_at(base, GUIDE)
    if guide is not None:
        _write(root / GUIDE, guide)
    for skill in sorted(SKILLS.glob("*/SKILL.md")):
        for place in (".claude/skills", ".agents/skills"):
            _write(root / place / skill.parent.name / "SKILL.md", skill.read_bytes())
    mine = root / "strategies" / slug
    mine.mkdir(parents=True, exist_ok=True)
    for file in mine.iterdir():
        file.unlink()
    for name, content in own.items():
        _write(mine / name, content)
    for name in ("home", "scratch", "code"):
        (folder / name).mkdir(mode=0o700)
    for package in PACKAGES:  # links: the project's own folder holds keys, and is not opened
        (folder / "code" / package).symlink_to(PROJECT / package)
    return Worktree(
        root=root, own=mine, home=folder / "home", scratch=folder / "scratch", code=folder / "code", before={}
    )


def arm(tree: Worktree, *, instructions: str, python: str, gateway: str, word: str) -> tuple[Worktree, dict[str, str]]:
    """Add the run's instructions and its tools; return the tree as it is now, and what recipes may name of it."""
    for name in ("AGENTS.md", "CLAUDE.md"):
        _write(tree.root / name, instructions.encode())
    bridge = tree.root / "tool.py"
    _write(bridge, _BRIDGE.format(root=str(tree.code), gateway=gateway, word=word).encode())
    served = {"type": "stdio", "command": python, "args": [str(bridge), "--mcp"]}
    config = tree.root / "tools.json"
    _write(config, json.dumps({"mcpServers": {"autarch": served}}).encode())
    values = {"tools": str(config), "mcp_arguments": json.dumps([str(bridge), "--mcp"])}
    found = _digests(tree.root, without=tree.own)
    return replace(tree, before=found), values


def _digests(root: Path, *, without: Path) -> dict[str, Sha256]:
    found = {}
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if here / name != without and name != "__pycache__")
        for name in sorted(names):
            path = here / name
            content = b"link" if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(root))] = sha256_hex(content)
    return found


def _read(path: Path, most: int) -> bytes:
    """Return at most `most` bytes of a regular file; a link is not followed, since it may lead to what is ours."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read ({error.strerror}); write a plain file") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise UsageError(f"{path.name} is no regular file; write a plain one")
        return file.read(most)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
