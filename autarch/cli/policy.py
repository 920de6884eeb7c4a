"""`autarch policy`: which limits judge here, and how they are changed for another preset's."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from autarch.repo.git import GitRepo

PATH = "ci/policy.toml"


def register(app: typer.Typer) -> None:
    """Add the verb `policy` with its own: show, use."""
    group = typer.Typer(no_args_is_help=True, help="Show the limits that judge, and choose another preset.")
    group.command("show")(show)
    group.command("use")(use)
    app.add_typer(group, name="policy")


def show(
    *,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Say which preset ci/policy.toml of this clone is, and where it differs from the one it names.

    Example: autarch policy show
    """
    root = _root()
    present = _file(root, PATH)
    preset = _load("ci.policy").preset_of(_parsed(present), lambda path: _file(root, path))
    named = _parsed(present).preset
    differs = _own(root, present, named)
    if json_:
        said = {"preset": preset, "named": named, "paper_only": _parsed(present).paper_only}
        print(json.dumps({**said, "digest": _parsed(present).digest, "differs": _rows(differs)}))
        return 0
    own = "" if preset != "own" else f", made from {named}"
    print(f"{PATH} is preset {preset}{own}" + (", for paper alone" if _parsed(present).paper_only else ""))
    _print(differs)
    return 0


def use(
    preset: Annotated[str, typer.Argument(help="research (paper only), standard or strict.")],
    *,
    here: Annotated[bool, typer.Option("--here", help="Write the file in this work tree; propose nothing.")] = False,
    reason: Annotated[str, typer.Option(help="Why, in one line; everybody reads it.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Propose a preset's limits for ci/policy.toml, as a platform change that a code owner approves.

    The data sets stay; limits of your own are replaced, and shown. Exit code 0 done, 1 refused, 2 misuse.

    Example: autarch policy use strict --reason "real money from here on"
    """
    changing = _load("ci.policy_change")
    path = changing.preset_path(preset)
    if here:
        root = _root()
        was = _file(root, PATH)
        made = changing.switched(was, _file(root, path))
        (root / PATH).write_bytes(made)
        return _told(changing.changes(_parsed(was), _parsed(made)), f"{root / PATH} is preset {preset} now", json_, {})
    return _proposed(preset, path, reason, json_=json_)


def _proposed(preset: str, path: str, reason: str, *, json_: bool) -> int:
    from autarch.forge.by_hand import need_human, open_by_hand
    from autarch.forge.connect import open_forge
    from autarch.repo.mainline import fetch_main
    from autarch.workspace import Workspace

    changing, workspace = _load("ci.policy_change"), Workspace.find()
    repo, remote = workspace.repo, workspace.remote("human")
    with open_forge(workspace, "human") as forge:
        need_human(forge)
        main = fetch_main(repo, remote)
        was = _blob(repo, main, PATH)
        made = changing.switched(was, _blob(repo, main, path))
        differs = changing.changes(_parsed(was), _parsed(made))
        pull = open_by_hand(
            repo,
            remote,
            forge,
            main=main,
            files={PATH: made},
            branch=f"policy-{preset}",
            title=f"Judge by preset {preset}",
            body="\n".join([reason, "", *_lines(differs)]).strip() or f"Judge by preset {preset}",
            when_s=time.time_ns() // 1_000_000_000,
        )
    head = f"pull request {pull.number}: {pull.title}"
    code = _told(differs, head, json_, {"pull": pull.number, "branch": pull.head_ref})
    if not json_:
        sys.stdout.write(f"next  autarch pr wait {pull.number} && autarch pr merge {pull.number} --approve\n")
    return code


def _told(differs: Any, head: str, json_: bool, more: dict[str, Any]) -> int:  # noqa: FBT001  as the option says it
    if json_:
        print(json.dumps({**more, "differs": _rows(differs)}))
        return 0
    print(head)
    _print(differs)
    return 0


def _own(root: Path, present: bytes, named: str) -> Any:
    """Return what differs from the preset that a policy names; nothing where it names none that is here."""
    policy, changing = _load("ci.policy"), _load("ci.policy_change")
    path = policy.PRESETS.get(named)
    if path is None or not (root / path).is_file():
        return ()
    return changing.changes(policy.parse_policy(_file(root, path), path=path), _parsed(present))


def _print(differs: Any) -> None:
    for line in _lines(differs):
        print(line)


def _lines(differs: Any) -> list[str]:
    return [f"  {one.key}  {json.dumps(one.was)} -> {json.dumps(one.now)}" for one in differs]


def _rows(differs: Any) -> list[dict[str, Any]]:
    return [{"key": one.key, "was": one.was, "now": one.now} for one in differs]


def _parsed(content: bytes) -> Any:
    return _load("ci.policy").parse_policy(content, path=PATH)


def _root() -> Path:
    root: Path = _load("ci.target").find_root(Path.cwd())
    return root


def _file(root: Path, path: str) -> bytes:
    try:
        return (root / path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {root / path}: {error.strerror}; run in a clone of the project") from error


def _blob(repo: GitRepo, commit: str, path: str) -> bytes:
    content = repo.blob_at(commit, path)
    if content is None:
        raise UsageError(f"main at {commit[:12]} has no {path}; merge one first")
    return content


def _load(name: str) -> Any:
    from autarch.cli.main import load

    return load(name)
