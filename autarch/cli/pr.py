"""`autarch pr`: read, wait for, merge and close pull requests of the workspace's forge."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import AutarchError, UndecidedError, UsageError

if TYPE_CHECKING:
    from autarch.forge.client import ForgeClient
    from autarch.forge.wire import CombinedStatus, Pull
    from autarch.workspace import TokenRole

POLL_S = 0.25
EXIT_CODES = {"accepted": 0, "rejected": 1, "undecided": 3}

Number = Annotated[int, typer.Argument(min=1, help="Number of the pull request.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Role = Annotated[str, typer.Option(help="Whose token to use: human, ci, agent or deployer.")]


def register(app: typer.Typer) -> None:
    """Add the verb `pr`."""
    pr = typer.Typer(help="Read, wait for, merge and close pull requests.", no_args_is_help=True)
    pr.command("ls")(ls)
    pr.command("show")(show)
    pr.command("wait")(wait)
    pr.command("merge")(merge)
    pr.command("close")(close)
    pr.command("rerun")(rerun)
    pr.command("sync")(sync)
    app.add_typer(pr, name="pr")


def ls(
    *,
    state: Annotated[str, typer.Option(help="open, closed or all.")] = "open",
    role: Role = "human",
    json_: Json = False,
) -> int:
    """List pull requests, newest first.

    Example: autarch pr ls --state all
    """
    from autarch.forge.terminal import list_lines

    with _client(role) as forge:
        pulls = forge.pulls(state=state)
    print(json.dumps([asdict(pull) for pull in pulls]) if json_ else "\n".join(list_lines(pulls)))
    return 0


def show(number: Number, *, role: Role = "human", json_: Json = False) -> int:
    """Show the verdict, what may keep it from being merged, where it comes from, and what was said.

    Example: autarch pr show 3
    """
    from autarch.forge.terminal import show_lines, verdict_of

    with _client(role) as forge:
        pull = forge.pull(number)
        combined = _verdicts(forge, pull)
        comments = forge.comments(number)
        files = forge.pull_files(number)
    if json_:
        statuses = [asdict(status) for status in combined.statuses]
        more = {"verdict": verdict_of(pull, combined), "statuses": statuses, "files": [asdict(file) for file in files]}
        print(json.dumps({**asdict(pull), **more, "comments": [asdict(comment) for comment in comments]}))
        return 0
    lines = show_lines(pull, combined, comments)
    lines += ["", *(f"{file.status:<9} +{file.additions} -{file.deletions}  {file.path}" for file in files)]
    print("\n".join(lines))
    return 0


def wait(
    number: Number,
    *,
    timeout: Annotated[float, typer.Option(min=0.0, help="Give up after this many seconds.")] = 3600.0,
    role: Role = "human",
    json_: Json = False,
) -> int:
    """Wait for the gate's verdict on the present head. Exit 0 accepted, 1 rejected, 3 undecided or no verdict in time.

    Example: autarch pr wait 3 --timeout 900
    """
    from autarch.forge.terminal import plain, verdict_of

    with _client(role) as forge:
        pull, combined = _await_verdict(forge, number, timeout)
    verdict = verdict_of(pull, combined)
    sentence = pull.gate.sentence if pull.gate is not None else ""
    if json_:
        print(json.dumps({"number": number, "verdict": verdict, "head": pull.head_sha, "sentence": sentence}))
    else:
        print(f"pull request {number}: {verdict}" + (f"  {plain(sentence)}" if sentence else ""))
    return EXIT_CODES[verdict]


def merge(
    number: Number,
    *,
    sha: Annotated[str | None, typer.Option(help="The head you read; refused when it is another by now.")] = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Approve that head first; platform changes need it.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.0, help="Wait so many seconds for a forge that computes, or for its merge queue.")
    ] = 600.0,
    json_: Json = False,
) -> int:
    """Merge a pull request into main, as a human. Without --sha, the head it has now.

    Where main has a merge queue, it is put there and waited for. Exit 3 when nothing came of it in time: it may still
    merge, and the same command again finds that out.

    Example: autarch pr merge 3 --sha 4c1f9a...
    """
    import time

    from autarch.cli.telling import tell
    from autarch.forge.merging import Patience, merge_when_ready

    patience = Patience(seconds=timeout, clock=time.monotonic, sleep=time.sleep, told=tell)
    with _client("human") as forge:
        head = sha or forge.pull(number).head_sha
        if approve:
            forge.review(number, event="APPROVE", commit=head)
        commit = merge_when_ready(forge, number, sha=head, patience=patience)
    print(json.dumps({"number": number, "head": head, "merge": commit}) if json_ else f"merged as {commit}")
    try:
        _follow_main()
    except AutarchError as error:  # merged is merged, whatever keeps this clone from following
        sys.stderr.write(f"autarch: this clone stays behind: {error}\n")
    return 0


def sync() -> int:
    """Bring this clone's main up to the forge's.

    Example: autarch pr sync
    """
    print(f"main is {_follow_main()}")
    return 0


def _follow_main() -> str:
    from autarch.forge.connect import open_remote
    from autarch.repo.worktree import fast_forward_main
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    return fast_forward_main(workspace.repo, open_remote(workspace, "human"))


def close(number: Number, *, role: Role = "human", json_: Json = False) -> int:
    """Close a pull request without merging it; its branch and its evidence stay.

    Example: autarch pr close 3
    """
    with _client(role) as forge:
        pull = forge.close_pull(number)
    print(json.dumps(asdict(pull)) if json_ else f"closed pull request {number}")
    return 0


def rerun(number: Number, *, json_: Json = False) -> int:
    """Judge the present head again, after an undecided run whose cause is cured.

    Example: autarch pr rerun 3
    """
    with _client("human") as forge:
        pull = forge.rerun_gate(number)
    print(json.dumps(asdict(pull)) if json_ else f"pull request {number} is judged again")
    return 0


def _client(role: str) -> ForgeClient:
    from autarch.forge.connect import open_forge
    from autarch.workspace import Workspace

    return open_forge(Workspace.find(), _role(role))


def _verdicts(forge: ForgeClient, pull: Pull) -> CombinedStatus:
    """Return what was said of the head, and of no other; a local forge says it by status, which only CI may set."""
    from autarch.forge.connect import gate_app
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    if workspace.forge_kind == "local":
        return forge.combined_status(pull.head_sha)
    return forge.verdicts(pull.head_sha, app_id=gate_app(workspace))


def _role(named: str) -> TokenRole:
    from autarch.forge.wire import ROLES

    found = next((role for role in ROLES if role == named), None)
    if found is None:
        raise UsageError(f"found role {named!r}; expected one of {', '.join(ROLES)}")
    return found


def _await_verdict(forge: ForgeClient, number: int, timeout_s: float) -> tuple[Pull, CombinedStatus]:
    import time

    from autarch.forge.terminal import verdict_of

    deadline = time.monotonic() + timeout_s
    while True:
        pull = forge.pull(number)
        combined = _verdicts(forge, pull)
        if verdict_of(pull, combined) in EXIT_CODES:
            return pull, combined
        if pull.state != "open":
            raise UndecidedError(f"pull request {number} is closed and nobody judges it any more; list: autarch pr ls")
        if time.monotonic() >= deadline:
            raise UndecidedError(
                f"no verdict on pull request {number} after {timeout_s:.0f} s; it is {verdict_of(pull, combined)}. "
                "Wait longer, or read the forge's logs"
            )
        time.sleep(POLL_S)
