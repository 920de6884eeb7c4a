"""`autarch` alone: where the user stands, and the next sensible command."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autarch.errors import AutarchError, ConfigError

if TYPE_CHECKING:
    from autarch.workspace import Workspace

PULLS_SHOWN = 5
TITLE_CHARS = 60
SILENT_MS = 5_000
WEIGHT = {"accepted": 0, "undecided": 1, "rejected": 2, "running": 3, "queued": 4}
"""What asks for a human comes first."""
NEXT = {
    "accepted": "autarch report {n}, then autarch pr merge {n}",
    "undecided": "autarch pr show {n}, then autarch pr rerun {n}",
    "running": "autarch pr wait {n}",
    "queued": "autarch pr wait {n}",
    "rejected": "autarch report {n}, then autarch pr close {n}",
}
"""The gate's word on an open pull request -> what to do about it, what is most urgent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPull:
    """One open pull request: its number, title, author and the gate's word."""

    number: int
    title: str
    author: str
    gate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStands:
    """One live account: what it trades, its state, whether its executor runs, and a halt if there is one."""

    name: str
    tag: str
    state: str
    running: bool
    halt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that `autarch` alone shows. `forge` is where it answers, empty while it does not run."""

    root: str
    forge: str
    pulls: tuple[OpenPull, ...] = ()
    accounts: tuple[AccountStands, ...] = ()
    newest_tag: str = ""
    problem: str = ""


def standing(*, json_: bool = False) -> int:
    """Print where the workspace around the working directory stands; exit code 0, 2 where there is none."""
    try:
        from autarch.workspace import Workspace

        found = gather(Workspace.find(), now_ms=time.time_ns() // 1_000_000)
    except ConfigError as error:
        sys.stderr.write(f"autarch: {error}\n")
        sys.stderr.write("autarch: all commands: autarch --help\n")
        return error.exit_code
    if json_:
        print(json.dumps(as_json(found)))
    else:
        print("\n".join(lines(found)))
    return 0


def gather(workspace: Workspace, *, now_ms: int) -> Standing:
    """Return where a workspace stands: a local forge is read from its repository, whether or not it runs."""
    problem, url = "", ""
    pulls: tuple[OpenPull, ...] = ()
    try:
        pulls = _pulls(workspace)
    except AutarchError as error:
        problem = str(error)
    with suppress(ConfigError):
        url = workspace.forge_url
    return Standing(
        root=str(workspace.root),
        forge=url,
        pulls=pulls,
        accounts=_accounts(workspace.host_folder, now_ms=now_ms),
        newest_tag=_newest_tag(workspace),
        problem=problem,
    )


def lines(found: Standing) -> list[str]:
    """Return the answer for a terminal, at most a screen of it."""
    from autarch.forge.terminal import plain

    told = [f"workspace   {found.root}", f"forge       {found.forge or 'not running'}"]
    if found.problem:
        told.append(f"            {plain(found.problem)}")
    waiting = [pull for pull in found.pulls if pull.gate in {"accepted", "rejected", "undecided"}]
    told.append(f"open        {len(found.pulls)} pull requests, {len(waiting)} with a verdict that waits for you")
    first = sorted(found.pulls, key=_weight)
    told += [_pull_line(pull) for pull in first[:PULLS_SHOWN]]
    if len(first) > PULLS_SHOWN:
        told.append(f"         and {len(first) - PULLS_SHOWN} more: autarch pr ls")
    told.append(f"released    {found.newest_tag or 'nothing yet'}")
    for one in found.accounts:
        idle = "" if one.running else ", executor not running"
        told += [f"live        {one.name}: {one.state} on {one.tag}{idle}"]
        told += [f"            {plain(one.halt)}"] if one.halt else []
    if not found.accounts:
        told.append("live        nothing trades on this host")
    return [*told, f"next        {next_command(found)}"]


def _pull_line(pull: OpenPull) -> str:
    from autarch.forge.terminal import plain

    return f"  {pull.number:>5}  {pull.gate:<9}  {plain(pull.title)[:TITLE_CHARS]}  ({plain(pull.author)})"


def next_command(found: Standing) -> str:
    """Return the next sensible command, what is most urgent first."""
    halted = next((one for one in found.accounts if one.halt or one.state == "HALTED"), None)
    if halted is not None:
        return f"autarch live status {halted.name}, then autarch live resume {halted.name} --from adopt"
    by_word: dict[str, int] = {}
    for pull in sorted(found.pulls, key=_weight):
        by_word.setdefault(pull.gate, pull.number)
    if not found.forge and "accepted" not in by_word:
        return "autarch forge serve"
    for word, command in NEXT.items():
        if word in by_word:
            return command.format(n=by_word[word])
    if found.newest_tag and not found.accounts:
        return f"autarch live run {found.newest_tag}"
    return "autarch propose --agent tuner --strategy ema_trend"


def as_json(found: Standing) -> dict[str, Any]:
    """Return the answer for machines."""
    from dataclasses import asdict

    return {**asdict(found), "next": next_command(found)}


def _weight(pull: OpenPull) -> tuple[int, int]:
    return WEIGHT.get(pull.gate, len(WEIGHT)), -pull.number


def _pulls(workspace: Workspace) -> tuple[OpenPull, ...]:
    if workspace.config.forge.url:
        return _pulls_elsewhere(workspace)
    from autarch.forge.pulls import FILE, PREFIX, parse_record
    from autarch.repo.git import GitRepo

    folder = workspace.forge_folder / "repo.git"
    if not folder.is_dir():
        raise ConfigError(f"there is no forge in {workspace.forge_folder}; run: autarch init")
    repo = GitRepo(folder)
    tips = repo.refs(PREFIX)
    asked = "".join(f"{tip}:{FILE}\n" for tip in tips.values()).encode()
    answer = repo.run("cat-file", "--batch", stdin=asked).stdout if tips else b""
    records = [parse_record(content) for content in blobs_in(answer)]
    return tuple(
        OpenPull(
            number=record.number,
            title=record.title,
            author=record.author,
            gate=record.gate.state if record.gate is not None else "queued",
        )
        for record in records
        if record.state == "open"
    )


def blobs_in(answer: bytes) -> Iterator[bytes]:
    """Yield the contents in what `git cat-file --batch` answers: `oid kind size`, the bytes, a line end; each in turn.

    Raises:
        ConfigError: an object is missing.
    """
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        header = answer[at:end].split(b" ")
        if len(header) != 3 or not header[2].isdigit():
            raise ConfigError("a stored pull request is damaged; look with: autarch pr ls")
        size = int(header[2])
        yield answer[end + 1 : end + 1 + size]
        at = end + size + 2


def _pulls_elsewhere(workspace: Workspace) -> tuple[OpenPull, ...]:
    from autarch.forge.connect import open_forge

    with open_forge(workspace, "human") as forge:
        return tuple(
            OpenPull(
                number=pull.number,
                title=pull.title,
                author=pull.author,
                gate=pull.gate.state if pull.gate is not None else "unknown",
            )
            for pull in forge.pulls(state="open")
        )


def _newest_tag(workspace: Workspace) -> str:
    """Return the highest `v` tag of the clone, or of a local forge beside it."""
    from autarch.repo.git import GitRepo

    folder = workspace.forge_folder / "repo.git"
    repo = GitRepo(folder) if folder.is_dir() and not workspace.config.forge.url else workspace.repo
    with suppress(AutarchError):
        names = [ref.rpartition("/")[2] for ref in repo.refs("refs/tags/") if "/v" in ref]
        return max(names, key=_version, default="")
    return ""


def _version(tag: str) -> tuple[int, ...]:
    parts = tag.removeprefix("v").split(".")
    return tuple(int(part) if part.isdigit() else -1 for part in parts)


def _accounts(host_folder: Path, *, now_ms: int) -> tuple[AccountStands, ...]:
    """Return the accounts of a live host by heartbeat and latch alone; none where nothing live is installed."""
    journals: Sequence[Path] = sorted((host_folder / "journal").glob("*.sqlite3")) if host_folder.is_dir() else ()
    if not journals:
        return ()
    from autarch.cli.main import load

    try:
        host = load("live.host").Host(root=host_folder)
        return tuple(_account(host, path.stem, now_ms=now_ms) for path in journals)
    except AutarchError:
        return ()


def _account(host: Any, name: str, *, now_ms: int) -> AccountStands:
    from autarch.cli.main import load

    beating, places = load("live.observing.heartbeat"), load("live.stopping.places")
    latch = places.Places(root=host.root, account=name).latch
    latched = load("live.stopping.latch").FileLatch(path=latch, account=name).read()
    halts = "; ".join(str(halted) for halted in latched.halts)
    try:
        beat = beating.read_heartbeat(beating.heartbeat_path(host, name))
    except ConfigError as error:
        return AccountStands(name=name, tag="unknown", state="unknown", running=False, halt=halts or str(error))
    if beat is None:
        return AccountStands(name=name, tag=_opened(host, name), state="ended", running=False, halt=halts)
    return AccountStands(
        name=name,
        tag=beat.tag or "no release",
        state=beat.state,
        running=beat.age_ms(now_ms) <= SILENT_MS,
        halt=halts,
    )


def _opened(host: Any, name: str) -> str:
    """Return the release of an account's newest run, as its journal says: runs on recorded bars keep no heartbeat."""
    from autarch.cli.main import load

    with load("live.journal").Journal(host.journal_path(name), account=name, read_only=True) as journal:
        opened = journal.last("opened")
    return str(opened.body.get("tag", "")) if opened is not None else "no release"
