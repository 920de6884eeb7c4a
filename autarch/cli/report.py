"""`autarch report`: one HTML file on a pull request, a strategy or an evidence, for eyes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.telling import tell
from autarch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from autarch.repo.git import GitRepo
    from autarch.workspace import Workspace

NUMBER = re.compile(r"[0-9]{1,7}\Z")
EVIDENCE = re.compile(r"[0-9a-f]{64}\Z")


def register(app: typer.Typer) -> None:
    """Add the verb `report`."""
    app.command("report")(report)


def report(
    target: Annotated[
        str,
        typer.Argument(help="A pull request's number, a strategy (slug or folder), an evidence id or a claim.json."),
    ],
    *,
    out: Annotated[Path | None, typer.Option(help="Where to write; default: report-<what>.html here.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the Markdown twin too.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set where nothing was judged; default: policy's.")] = None,
    policy: Annotated[str, typer.Option(help="Policy file in the project.")] = "ci/policy.toml",
    json_: Annotated[bool, typer.Option("--json", help="Print the first screen as JSON instead of text.")] = False,
    local_dev: Annotated[
        bool, typer.Option("--local-dev", help="Draw without full confinement of the strategy's process.")
    ] = False,
) -> int:
    """Write the report of a verdict as one HTML file that needs no network, and print its first screen.

    Judges nothing: checks are shown as the evidence has them, curves are played again on the same train bars.

    Example: autarch report 3

    Example: autarch report strategies/ema_trend --out ema.html
    """
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
    for path in (out, markdown):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise UsageError(f"{path} cannot be written there; name a file in a folder that exists")
    from autarch.cli.main import load
    from autarch.cli.putting import put

    with load("ci.workers").started_workers(allow_weak=local_dev) as workers:  # they import while this process does
        scene = _scene(target, policy=policy, dataset=dataset, allow_weak=local_dev, workers=workers)
    path = out or Path(f"report-{re.sub(r'[^a-z0-9_]+', '-', scene.subject)}.html")
    put(path, load("ci.report_html").html_of(scene), otherwise="choose another --out")
    if markdown is not None:
        put(markdown, load("ci.report").markdown_of(scene), otherwise="choose another --markdown")
    first = load("ci.report_first")
    if json_:
        lines = {line.label: line.text for line in first.first_screen(scene)}
        print(json.dumps({"verdict": scene.verdict, "notice": scene.notice, "first": lines, "html": str(path)}))
    else:
        print("\n".join([*([scene.notice] if scene.notice else []), *map(_plain, first.lines_of(scene))]))
    tell(f"report written to {path}")
    return 0


def _scene(target: str, *, policy: str, dataset: str | None, allow_weak: bool, workers: Any) -> Any:
    from autarch.cli.main import load

    finding = load("ci.report_find")
    repo = _repo(target)
    choice = load("ci.inputs").Choice(stores=_stores(), policy_path=policy, dataset=dataset, allow_weak=allow_weak)
    if NUMBER.match(target):
        workspace = _workspace()
        found = finding.of_pull(workspace.repo, _pull(workspace, int(target)), choice, bring=_bringer(workspace))
    elif EVIDENCE.match(target):
        found = finding.of_evidence(repo, target, choice, bring=_bringer(None))
    elif Path(target).is_file():
        found = finding.of_claim_file(repo, Path(target), choice)
    else:
        found = finding.of_strategy(repo, target, choice, cwd=Path.cwd())
    replaying = load("ci.report_replay")
    return replaying.replayed(found.candidate, found.inputs, found.told, workers=workers, progress=tell)


def _pull(workspace: Workspace, number: int) -> Any:
    """Return the pull request's head, and main as it was before the merge, or as it is."""
    from autarch.cli.main import load
    from autarch.repo.mainline import fetch_main

    repo, remote = workspace.repo, workspace.reading_remote()
    main = fetch_main(repo, remote)
    ref = f"refs/pull/{number}/head"
    if (head := repo.ls_remote(remote, ref).get(ref)) is None:
        raise UsageError(f"the forge has no {ref}; list pull requests with: autarch pr ls --state all")
    repo.fetch(remote, [head])
    base = main
    if repo.is_ancestor(head, main):
        mainline = (repo.read_commit(oid) for oid in repo.commits(main, first_parent=True))
        merge = next((commit for commit in mainline if head in commit.parents[1:]), None)
        base = main if merge is None else merge.parents[0]
    return load("ci.report_find").PullHead(number=number, head=head, base=base)


def _bringer(workspace: Workspace | None) -> Any:
    """Return what fetches a record of the forge that this clone lacks; what cannot be had is missing later."""
    from contextlib import suppress

    from autarch.errors import AutarchError

    def bring(pattern: str) -> None:
        with suppress(AutarchError):
            found = workspace or _workspace()
            remote = found.reading_remote()
            refs = [ref for ref in found.repo.ls_remote(remote, pattern) if found.repo.read_ref(ref) is None]
            if refs:
                found.repo.fetch(remote, [f"{ref}:{ref}" for ref in refs])

    return bring


def _repo(target: str) -> GitRepo:
    from contextlib import suppress

    from autarch.cli.main import load
    from autarch.repo.git import GitRepo

    path, find_root = Path(target), load("ci.target").find_root
    if path.exists():
        with suppress(UsageError):  # a claim that was sent may lie anywhere
            return GitRepo(find_root(path if path.is_dir() else path.absolute().parent))
    return GitRepo(find_root(Path.cwd()))


def _workspace() -> Workspace:
    from autarch.workspace import Workspace

    return Workspace.find()


def _stores() -> Any:
    from autarch.market.stores import Stores

    try:
        return _workspace().stores()
    except ConfigError:
        return Stores.default()


def _plain(line: str) -> str:
    from autarch.forge.terminal import plain

    return plain(line)
