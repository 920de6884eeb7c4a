"""`autarch evolve`: many candidates in, few pull requests out."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from typing import Annotated, Any

import typer

from autarch.cli.telling import narrated
from autarch.errors import AutarchError, UsageError

PAUSED_EXIT = 3


def register(app: typer.Typer) -> None:
    """Add the verb `evolve`."""
    app.command("evolve")(evolve)


def evolve(
    *,
    agent: Annotated[
        str,
        typer.Option(
            help="Who proposes, comma-separated: claude, codex, scripted-claude, scripted-codex, command:RECIPE, "
            "grammar, tuner."
        ),
    ] = "grammar,tuner",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; agents/evolve.toml says how many proposals each.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of every draw; the same seed plans the same.")] = 0,
    nightly: Annotated[bool, typer.Option("--nightly", help="End with what there is, and print the brief.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that evaluate and gate.")] = 2,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler to evaluate on instead.")] = None,
    policy: Annotated[str, typer.Option(help="Policy whose data set, capital and limits are used.")] = "ci/policy.toml",
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    abandon: Annotated[bool, typer.Option("--abandon", help="End the unfinished run; its trials count.")] = False,
    brief: Annotated[bool, typer.Option("--brief", help="Print the newest run's brief, run nothing.")] = False,
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="Run command-line agents with your rights; shown on proposals.")
    ] = False,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Evolve strategies on train bars and open at most a few pull requests.

    Interrupted, the same command goes on where it stopped. Exit code 0 done, 3 paused by a budget or a vendor.

    Example: autarch evolve --agent scripted-claude,scripted-codex,tuner --rounds 10

    Example: autarch evolve --agent claude,codex,tuner --rounds 40 --nightly
    """
    from autarch.cli.main import load
    from autarch.numerics import ensure_pinned
    from autarch.workspace import Workspace

    agents = tuple(dict.fromkeys(name.strip() for name in agent.split(",") if name.strip()))
    if not agents:
        raise UsageError("--agent names nobody; see: autarch evolve --help")
    ensure_pinned(sys.argv[1:])
    workspace = Workspace.find()
    desks, evolution = load("agents.evolution.desk"), load("agents.evolution.looping")
    with ExitStack() as stack:
        stack.enter_context(desks.only_loop(workspace))
        loop = _desk(workspace, policy=policy, dataset=dataset, allow_weak=local_dev)
        field = _field(stack, jobs=jobs, scheduler=scheduler)
        makes = Proposers(workspace, loop, stack, unconfined=unconfined)
        parties = _parties(workspace, loop, field, {} if abandon or brief else makes.all(agents), policy=policy)
        _recover(parties, workspace)
        if abandon:
            return _abandoned(evolution, parties)
        if brief:
            return _newest(workspace, evolution, parties, json_=json_)
        wanted = evolution.Wanted(base=loop.agents.base, agents=agents, rounds=rounds, seed=seed, nightly=nightly)
        run = evolution.begin(parties, wanted)
        came = evolution.Evolution(parties, run, loop.standing(run.base)).run()
        _mirror(parties, workspace)
    return _told(workspace, came, json_=json_)


class Proposers:
    """Makes proposers by name; a household is opened when a model is asked for."""

    def __init__(self, workspace: Any, loop: Any, stack: ExitStack, *, unconfined: bool) -> None:
        self._workspace, self._loop, self._stack, self._unconfined = workspace, loop, stack, unconfined
        self._house: Any = None

    def all(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return every proposer by its name."""
        return {name: self.one(name) for name in names}

    def one(self, name: str) -> Any:
        """Return the proposer called `name`."""
        from autarch.cli.main import load
        from autarch.market import read_lock

        if name in load("agents.evolution.desk").OWN:
            lock = read_lock(self._loop.lock)
            return self._loop.own_proposer(name, symbols=lock.symbols, interval=lock.interval)
        if self._house is None:
            desk = self._loop.agents
            self._house = self._stack.enter_context(
                load("agents.household").Household.at(
                    self._workspace,
                    base=desk.base,
                    dataset=desk.dataset,
                    capital=desk.capital,
                    clock_ms=_now_ms,
                    progress=_say,
                    allow_weak=desk.allow_weak,
                    unconfined=self._unconfined,
                )
            )
        return self._house.proposer(name)


def _desk(workspace: Any, *, policy: str, dataset: str | None, allow_weak: bool) -> Any:
    from autarch.cli.main import load

    desk = load("agents.desk").AgentDesk.at(workspace, policy_path=policy, dataset=dataset, allow_weak=allow_weak)
    return evolve_desk(workspace, desk)


def evolve_desk(workspace: Any, desk: Any) -> Any:
    """Return the loop's desk for an agent's desk."""
    from autarch.cli.main import load
    from autarch.forge.connect import open_forge

    return load("agents.evolution.desk").EvolveDesk.at(desk, connect=lambda: open_forge(workspace, "agent"))


def _field(stack: ExitStack, *, jobs: int, scheduler: str | None) -> Any:
    from autarch.cli.main import load

    fields = load("agents.evolution.fields")
    if scheduler is not None:
        cluster = fields.Cluster(scheduler)
        stack.callback(cluster.close)
        return cluster
    return fields.Here() if jobs == 1 else fields.Processes(jobs)


def _parties(workspace: Any, loop: Any, field: Any, proposers: dict[str, Any], *, policy: str) -> Any:
    from autarch.cli.evolve_gate import WarmGate, counter

    desk = loop.agents
    gate = WarmGate(
        root=workspace.root,
        policy=policy,
        dataset=desk.dataset,
        stores=workspace.stores(),
        allow_weak=desk.allow_weak,
    )
    return loop.parties(
        proposers=proposers,
        field=field,
        gate=gate,
        counting=counter(workspace, desk.base),
        clock_s=lambda: _now_ms() // 1000,
        progress=_say,
    )


def _recover(parties: Any, workspace: Any) -> None:
    parties.journal.recover(workspace.remote("agent"))


def _mirror(parties: Any, workspace: Any) -> None:
    """Keep a copy of the journal on the forge; without it nothing here is lost."""
    try:
        parties.journal.mirror(workspace.remote("agent"))
    except AutarchError as error:
        _say(f"the forge has no copy of the journal yet: {error}")


def _abandoned(evolution: Any, parties: Any) -> int:
    ended = evolution.abandon(parties)
    typer.echo("nothing was unfinished" if ended is None else f"run {ended.run} is ended; {ended.trials} trials count")
    return 0


def _newest(workspace: Any, evolution: Any, parties: Any, *, json_: bool) -> int:
    came = evolution.newest(parties)
    if came is None:
        raise UsageError("no run yet; begin one with: autarch evolve --agent grammar,tuner --rounds 2")
    return _told(workspace, came, json_=json_)


def _told(workspace: Any, came: Any, *, json_: bool) -> int:
    from autarch.cli.evolve_brief import surroundings
    from autarch.cli.main import load

    text = load("agents.evolution.briefing").morning_brief(came.run, came.figures, surroundings(workspace, came.run))
    pulls = [
        {"pull": c.opened.pull, "branch": c.opened.branch, "head": c.opened.head, "slug": c.answered.slug}
        for c in came.run.candidates
        if c.opened is not None
    ]
    if json_:
        answer = {"run": came.run.number, "paused": came.paused or None, "tried": came.figures.tried, "pulls": pulls}
        typer.echo(json.dumps({**answer, "usd": came.figures.usd, "trials": came.figures.trials, "brief": text}))
    else:
        typer.echo(text)
    if came.paused:
        _say(f"paused: {came.paused}. The same command goes on from here")
        return PAUSED_EXIT
    return 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _say(line: str) -> None:
    sys.stderr.write(f"  {narrated(line)}\n")
    sys.stderr.flush()
