"""`autarch gate`: judge one strategy and say why."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from autarch.cli.telling import tell
from autarch.errors import ConfigError, UsageError

_SAID = "the answer itself is on standard output"


def register(app: typer.Typer) -> None:
    """Add the verb `gate`."""
    app.command("gate")(gate)


def gate(
    target: Annotated[str | None, typer.Argument(help="A strategy's folder, or a range base..head.")] = None,
    *,
    pr: Annotated[int | None, typer.Option(min=1, help="Judge this pull request of the workspace's forge.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="With --pr, as CI: count, sign and publish.")] = False,
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    policy: Annotated[str, typer.Option(help="Policy file in the project.")] = "ci/policy.toml",
    only: Annotated[str | None, typer.Option(help="Checks to answer, comma-separated; gives no evidence.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report as Markdown.")] = None,
    claim: Annotated[Path | None, typer.Option(help="Write the evidence claim, for autarch verify.")] = None,
    local_dev: Annotated[
        bool, typer.Option("--local-dev", help="Go on without full confinement; the answer is then no verdict.")
    ] = False,
) -> int:
    """Judge a strategy by the laws and limits of ci/policy.toml, on train bars alone.

    Exit code 0 accepted, 1 rejected, 2 misuse, 3 undecided.

    Example: autarch gate strategies/ema_trend --html report.html

    Example: autarch gate main..agent/tuner/ema_trend-3 --json
    """
    if (target is None) == (pr is None):
        raise UsageError("name one thing to judge: a folder, a range base..head, or --pr N; see: autarch gate --help")
    if publish and (pr is None or only or local_dev):
        raise UsageError("--publish goes with --pr and a whole run: no --only, no --local-dev")
    for path in (html, markdown, claim):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"{path.absolute().parent} is no folder, so {path.name} could not be written; create it")
        if path is not None and path.is_dir():
            raise UsageError(f"{path} is a folder; name a file in it, such as {path / 'report'}")
    if publish:
        outcome = _publish(int(pr or 0), policy=policy, dataset=dataset)
    else:
        _pin()
        with _workers(allow_weak=local_dev) as workers:
            outcome = _judge(
                target, pr, policy=policy, dataset=dataset, only=only, allow_weak=local_dev, workers=workers
            )
    print(json.dumps(outcome.to_json(), allow_nan=False) if json_ else _table(outcome))
    _write(outcome, html=html, markdown=markdown, claim=claim)  # last: a full disk must not take the answer along
    return int(outcome.exit_code)


def _judge(
    target: str | None,
    pr: int | None,
    *,
    policy: str,
    dataset: str | None,
    only: str | None,
    allow_weak: bool,
    workers: Any,
) -> Any:
    from autarch.cli.main import load

    inputs, judging = load("ci.inputs"), load("ci.judging")
    root = load("ci.target").find_root(_start(target))
    choice = inputs.Choice(
        stores=_stores(),
        policy_path=inputs.relative_policy(root, policy),
        dataset=dataset,
        allow_weak=allow_weak,
    )
    names = None if only is None else frozenset(name.strip() for name in only.split(","))
    bench = judging.Bench(choice=choice, progress=tell, clock=time.monotonic, only=names, workers=workers)
    if pr is None:
        return judging.judge_target(str(target), bench, cwd=Path.cwd())
    base, head = _fetch_pull(pr)
    return judging.judge_commits(_workspace().repo, bench, base=base, head=head)


def _publish(pr: int, *, policy: str, dataset: str | None) -> Any:
    """Judge as CI does: with main's code, whatever this process was started from."""
    from autarch.cli.main import load
    from autarch.forge.connect import open_forge
    from autarch.repo.mainline import fetch_main
    from autarch.repo.trusted import ensure_trusted

    workspace = _workspace()
    repo, remote = workspace.repo, workspace.remote("ci")
    ensure_trusted(repo, fetch_main(repo, remote), sys.argv[1:])
    _pin()
    with (
        _workers(allow_weak=False) as workers,
        open_forge(workspace, "ci") as forge,
    ):
        publishing, inputs = load("ci.publish"), load("ci.inputs")
        desk = publishing.GateDesk(
            repo=repo,
            remote=remote,
            forge=forge,
            key=workspace.key("ci"),
            choice=inputs.Choice(stores=workspace.stores(), policy_path=policy, dataset=dataset),
            clock_ms=lambda: time.time_ns() // 1_000_000,
            clock=time.monotonic,
            progress=tell,
            workers=workers,
        )
        return publishing.publish_gate(desk, pr)


def _fetch_pull(pr: int) -> tuple[str, str]:
    """Fetch main and a pull request's head, to read only, and return both commits."""
    workspace = _workspace()
    repo, remote = workspace.repo, workspace.remote("human")
    wanted = ("refs/heads/main", f"refs/pull/{pr}/head")
    there = repo.ls_remote(remote, *wanted)
    missing = [ref for ref in wanted if ref not in there]
    if missing:
        raise UsageError(f"the forge has no {missing[0]}; list pull requests with: autarch pr ls")
    repo.fetch(remote, [there[ref] for ref in wanted])
    return there[wanted[0]], there[wanted[1]]


def _table(outcome: Any) -> str:
    from autarch.cli.main import load

    return str(load("ci.report_text").terminal(outcome))


def _write(outcome: Any, *, html: Path | None, markdown: Path | None, claim: Path | None) -> None:
    from autarch.cli.main import load
    from autarch.cli.putting import put
    from autarch.evidence.claim import claim_bytes

    if html is not None:
        put(html, load("ci.report_html").html(outcome), otherwise=_SAID)
        tell(f"report written to {html}")
    if markdown is not None:
        put(markdown, load("ci.report").markdown(outcome), otherwise=_SAID)
        tell(f"report written to {markdown}")
    if claim is not None and outcome.claim is not None:
        put(claim, claim_bytes(outcome.claim), otherwise=_SAID)
        tell(f"claim written to {claim}")
    elif claim is not None:
        tell(f"no claim was written to {claim}: the run gave none (undecided, partial, or no strategy)")


def _workers(*, allow_weak: bool) -> Any:
    """Start the workers before this process imports what judges, so that they import at the same time."""
    from autarch.cli.main import load

    return load("ci.workers").started_workers(allow_weak=allow_weak)


def _start(target: str | None) -> Path:
    """Return where to look for the clone: the folder named, else the working directory."""
    named = Path(target) if target is not None else Path.cwd()
    return named if named.is_dir() else Path.cwd()


def _workspace() -> Any:
    from autarch.workspace import Workspace

    return Workspace.find()


def _stores() -> Any:
    """Return the workspace's data stores, or the default ones in a clone that is no workspace."""
    from autarch.market.stores import Stores

    try:
        return _workspace().stores()
    except ConfigError:
        return Stores.default()


def _pin() -> None:
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
