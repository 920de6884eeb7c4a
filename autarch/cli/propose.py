"""`autarch propose`: let an agent open a pull request, or mend one."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from autarch.cli.telling import narrated
from autarch.errors import RefusedError, UsageError

OPERATORS = ("create", "mutate", "simplify", "port")
_MODELS = "claude, codex, scripted-claude, scripted-codex, command:RECIPE, grammar"


def register(app: typer.Typer) -> None:
    """Add the verb `propose`."""
    app.command("propose")(propose)


def propose(
    *,
    agent: Annotated[str, typer.Option(help=f"Who proposes: tuner, {_MODELS}.")] = "tuner",
    strategy: Annotated[str | None, typer.Option(help="The strategy on main to start from.")] = None,
    operator: Annotated[str | None, typer.Option(help=f"How: {', '.join(OPERATORS)}; not for the tuner.")] = None,
    slug: Annotated[str | None, typer.Option(help="Folder to write; default: a new name after the strategy.")] = None,
    task: Annotated[str, typer.Option(help="What is wanted, in your words; not for the tuner.")] = "",
    from_issue: Annotated[
        int | None, typer.Option(min=1, help="Propose what this issue of the forge asks for.")
    ] = None,
    repair: Annotated[int | None, typer.Option(min=1, help="Mend this pull request by what the gate said.")] = None,
    trials: Annotated[int, typer.Option(min=2, help="Parameter sets the tuner tries; each is counted.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw; the same seed gives the same study.")] = 0,
    policy: Annotated[str, typer.Option(help="Policy whose data set and capital are used.")] = "ci/policy.toml",
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the proposal, push nothing.")] = False,
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="Run a command-line agent with your rights; shown on the proposal.")
    ] = False,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Have an agent write or tune a strategy on train bars, and open a pull request with it.

    Example: autarch propose --agent tuner --strategy ema_trend --trials 40 --seed 7

    Example: autarch propose --agent claude --strategy ema_trend --operator mutate

    Example: autarch propose --agent codex --from-issue 12

    Example: autarch propose --agent claude --repair 3
    """
    from autarch.cli.main import load
    from autarch.numerics import ensure_pinned
    from autarch.workspace import Workspace

    ensure_pinned(sys.argv[1:])
    workspace = Workspace.find()
    desk = load("agents.desk").AgentDesk.at(workspace, policy_path=policy, dataset=dataset, allow_weak=local_dev)
    wants_model = operator is not None or task or slug or from_issue is not None or repair is not None
    if agent == "tuner":
        if wants_model or strategy is None:
            takes = "a strategy of main by --strategy, and takes --trials and --seed"
            raise UsageError(f"the tuner needs {takes}; to write or mend, name another --agent")
        made, study = desk.tune(strategy, trials=trials, seed=seed, progress=_say)
        return _opened(desk, made, dry_run=dry_run, json_=json_, digest=study.digest, count=len(study.trials))
    if from_issue is not None and repair is not None:
        raise UsageError("--from-issue and --repair are two proposals; ask for one")
    with ExitStack() as stack:
        ask = _Asking(workspace, desk, stack, agent, unconfined=unconfined)
        if repair is not None:
            return ask.mend(repair, seed=seed, dry_run=dry_run, json_=json_)
        brief = ask.brief(strategy, operator, slug, task=task, seed=seed, issue=from_issue)
        return ask.open(brief, dry_run=dry_run, json_=json_)


class _Asking:
    """One agent asked once, in a workspace."""

    def __init__(self, workspace: Any, desk: Any, stack: ExitStack, agent: str, *, unconfined: bool) -> None:
        from autarch.cli.evolve import Proposers, evolve_desk

        self._workspace, self._desk = workspace, desk
        self._loop = evolve_desk(workspace, desk)
        self._proposer = Proposers(workspace, self._loop, stack, unconfined=unconfined).one(agent)

    def brief(
        self, strategy: str | None, operator: str | None, slug: str | None, *, task: str, seed: int, issue: int | None
    ) -> Any:
        """Return what the agent is told."""
        from autarch.cli.main import load

        how = operator or ("create" if strategy is None else "mutate")
        if how not in OPERATORS or (how == "create") != (strategy is None):
            raise UsageError(
                f"--operator {how}: create takes no --strategy; {', '.join(OPERATORS[1:])} take one to start from"
            )
        ports, proposing = load("agents.ports"), load("agents.proposing")
        repo, base = self._workspace.repo, self._desk.base
        brief = ports.Brief(
            operator=how,
            slug=slug or _free_name(repo, base, strategy or "idea"),
            base=base,
            seed=seed,
            parents=() if strategy is None else (proposing.parent_of(repo, base, strategy),),
            task=task,
        )
        if issue is None:
            return brief
        with self._forge() as forge:
            title, body, author = forge.issue_text(issue)
        return proposing.brief_from_issue(brief, number=issue, title=title, body=body, author=author)

    def open(self, brief: Any, *, dry_run: bool, json_: bool) -> int:
        """Ask, and open a pull request."""
        from autarch.cli.main import load

        made = load("agents.proposing").propose(
            self._proposer, brief, repo=self._workspace.repo, terms=self._loop.terms
        )
        trailers = dict(made.trailers)
        return _opened(
            self._desk, made, dry_run=dry_run, json_=json_, digest=trailers["Study"], count=int(trailers["Trials"])
        )

    def mend(self, number: int, *, seed: int, dry_run: bool, json_: bool) -> int:
        """Ask for a repair of a pull request's strategy and push it onto its branch."""
        from autarch.cli.main import load
        from autarch.repo.strategies import classify

        ports, proposing = load("agents.ports"), load("agents.proposing")
        repo, base = self._workspace.repo, self._desk.base
        with self._forge() as forge:
            pull = forge.pull(number)
            report = proposing.report_of(forge.combined_status(pull.head_sha))
        if pull.state != "open" or not pull.head_ref.startswith("agent/"):
            raise RefusedError(
                f"pull request {number} is {pull.state} on {pull.head_ref}; an agent mends open ones of agents"
            )
        if not report:
            raise RefusedError(f"the gate has nothing against pull request {number}; there is nothing to mend")
        repo.fetch(self._workspace.remote("agent"), [pull.head_sha])
        slug = classify(repo, base=base, head=pull.head_sha).slug
        if slug is None:
            raise RefusedError(f"pull request {number} proposes no strategy; there is nothing for an agent to mend")
        brief = ports.Brief(
            operator="repair",
            slug=slug,
            base=base,
            seed=seed,
            parents=(proposing.parent_of(repo, pull.head_sha, slug),),
            report=report,
        )
        made = proposing.propose(self._proposer, brief, repo=repo, terms=self._loop.terms, onto=pull.head_sha)
        if dry_run:
            typer.echo(f"{made.title}\n\n{made.body}")
            return 0
        head = load("agents.proposal").push_onto(
            made, branch=pull.head_ref, repo=repo, remote=self._workspace.remote("agent"), when_s=_now_s()
        )
        answer = {"pull": number, "head": head, "branch": pull.head_ref, "title": made.title}
        typer.echo(json.dumps(answer) if json_ else f"pull request {number}: {made.title}\n  head {head}")
        return 0

    def _forge(self) -> Any:
        from autarch.forge.connect import open_forge

        return open_forge(self._workspace, "agent")


def _opened(desk: Any, made: Any, *, dry_run: bool, json_: bool, digest: str, count: int) -> int:
    if dry_run:
        typer.echo(f"{made.title}\n\n{made.body}")
        return 0
    pull, head = desk.open(made, when_s=_now_s())
    if json_:
        answer = {"pull": pull.number, "head": head, "branch": pull.head_ref, "study": digest}
        typer.echo(json.dumps({**answer, "trials": count, "title": pull.title}))
    else:
        typer.echo(f"pull request {pull.number}: {pull.title}\n  branch {pull.head_ref}  trials {count}")
    return 0


def _free_name(repo: Any, base: str, stem: str) -> str:
    """Return a folder name after `stem` that main does not have."""
    from autarch.repo.strategies import list_strategies

    taken = set(list_strategies(repo, base))
    return next(name for number in range(2, len(taken) + 3) if (name := f"{stem[:36]}_{number}") not in taken)


def _now_s() -> int:
    return time.time_ns() // 1_000_000_000


def _say(line: str) -> None:
    sys.stderr.write(f"  {narrated(line)}\n")
