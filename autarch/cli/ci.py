"""`autarch ci`: the steps of .github/workflows, which call these and hold no logic of their own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from autarch.cli.telling import tell
from autarch.errors import ConfigError, RefusedError, UsageError

CI_KEY, STORE_KEY, WORDS = "AUTARCH_CI_KEY", "AUTARCH_DATA_HOLDOUT", "AUTARCH_WORDS"
Folder = Annotated[Path, typer.Option(help="Folder of the artifact: what is in it is a stranger's.")]


def register(app: typer.Typer) -> None:
    """Add the verb `ci` with a command for each step."""
    from autarch.cli import ci_errand, ci_release, ci_staged

    steps = typer.Typer(help="Run a step of a workflow; not for a terminal.", no_args_is_help=True, callback=unheeded)
    for name, step in (
        ("evaluate", evaluate),
        ("reserve", reserve),
        ("holdout", holdout),
        ("publish", publish),
        ("record", record),
        ("command", command),
        ("propose", propose),
        ("open", open_),
        ("minutes", minutes),
        ("errand", ci_errand.errand),
        ("staged", ci_staged.staged),
    ):
        steps.command(name)(step)
    ci_release.add(steps)
    app.add_typer(steps, name="ci")


def unheeded() -> None:
    """Have the runner take no line of this step for a command of ours: strangers' words are among what we quote.

    Source: GitHub, "Workflow commands", stopping and starting them. Outputs go by file and are not affected.
    """
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.write(f"::stop-commands::{secrets.token_hex(16)}\n")
        sys.stderr.flush()


def evaluate(*, out: Annotated[Path, typer.Option(help="Folder to write the parcel into.")]) -> int:
    """Judge the event's proposal on train, tell nothing of it, and write a parcel for the trusted half.

    Example: autarch ci evaluate --out parcel
    """
    pin()
    with _workers() as workers, bench_and_forge() as (bench, _):
        _load("evaluating").evaluate(bench, workers, out)
    return 0


def reserve() -> int:
    """Reserve the judgement that the event's run computes, before it can end.

    Example: autarch ci reserve
    """
    with bench_and_forge() as (bench, forge), _key() as key:
        found = _load("reserving").reserve_run(bench, forge, key)
    print("nothing to reserve: nothing of it can be scored" if found is None else f"reserved as {found.digest[:12]}")
    return 0


def holdout(*, parcel: Folder) -> int:
    """Ask the hidden bars what the event's judgement needs, and set the output `words`.

    Example: autarch ci holdout --parcel parcel
    """
    pin()
    if not os.environ.get(STORE_KEY):
        raise UsageError(f"the secret {STORE_KEY} is empty; set it in the environment `holdout`")
    asking = _load("hidden")
    with _workers() as workers, bench_and_forge() as (bench, forge), _key(STORE_KEY) as key:
        answer = asking.ask_hidden(bench, forge, asking.Vaulted(workers=workers, key=key), parcel)
        bench.site.tell(words=asking.answer_text(answer))
    return 0


def publish(*, parcel: Folder) -> int:
    """Compute a parcel's numbers again, append to the ledger, then tell checks, report and verdict.

    Exit code 0 when a verdict was told, whatever it is.

    Example: autarch ci publish --parcel parcel
    """
    pin()
    from autarch.referee.process import RefereeProcess

    publishing = _load("publishing")
    handed = publishing.Handed(parcel=parcel, words=os.environ.get(WORDS, ""))
    with RefereeProcess() as refereeing, bench_and_forge() as (bench, forge), _key() as key:
        outcome = publishing.publish_run(bench, forge, key, handed, refereeing)
    print(_sentence(outcome))
    return 0


def record() -> int:
    """Derive again what a push brought to main, and sign what nobody has signed yet.

    Exit code 1 when the evidence of a strategy on main does not hold.

    Example: autarch ci record
    """
    pin()
    with _workers() as workers, bench_and_forge() as (bench, _), _key() as key:
        found = _load("recording").record_push(bench, key, workers)
    for one in found:
        print(f"{one.slug}  {one.state}  evidence {(one.evidence or 'none')[:12]}  {one.sentence}")
    return 1 if any(one.state == "does not hold" for one in found) else 0


def command() -> int:
    """Do what a code owner's comment commands: /rerun, /close, /judge, /waive CHECK DAYS REASON.

    Exit code 1 when its author may not command, or the command is refused.

    Example: autarch ci command
    """
    from autarch.cli import ci_commands

    with bench_and_forge() as (bench, forge):
        print(ci_commands.obey(bench, forge))
    return 0


def propose(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write the patch into.")],
    strategy: Annotated[str, typer.Option(help="The strategy on main to start from.")],
    agent: Annotated[str, typer.Option(help="Who proposes: tuner.")] = "tuner",
    trials: Annotated[int, typer.Option(min=2, max=2_000, help="Parameter sets to try.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
) -> int:
    """Let an agent work without any token that writes, and write what it proposes as a patch.

    Example: autarch ci propose --strategy ema_trend --out patch
    """
    from autarch.cli import ci_propose

    pin()
    with bench_and_forge() as (bench, _):
        print(ci_propose.write(bench, out, agent=agent, strategy=strategy, trials=trials, seed=seed))
    return 0


def open_(*, patch: Folder) -> int:
    """Check an agent's patch, which must be exactly one strategy, and open its pull request.

    Example: autarch ci open --patch patch
    """
    from autarch.cli import ci_propose

    with bench_and_forge() as (bench, forge):
        print(ci_propose.open_(bench, forge, patch))
    return 0


def minutes(
    *, cap: Annotated[int, typer.Option(min=1, envvar="AUTARCH_MINUTES_A_DAY", help="Minutes a UTC day.")] = 240
) -> int:
    """Refuse to go on when the workflows have used up today's minutes.

    Exit code 3 when the cap is reached.

    Example: autarch ci minutes --cap 240
    """
    import datetime as dt

    from autarch.forge.connect import from_environment

    with from_environment(os.environ) as forge:
        now = dt.datetime.fromtimestamp(time.time_ns() / 1e9, tz=dt.UTC)
        used = _load("minutes").require_minutes(forge, now=now, cap=cap)
    print(json.dumps({"used": used, "cap": cap}))
    return 0


@contextlib.contextmanager
def bench_and_forge() -> Iterator[tuple[Any, Any]]:
    """Yield the step's bench and its client, by the variables that GitHub's runner sets."""
    from autarch.forge.connect import from_environment
    from autarch.market.stores import Stores
    from autarch.repo.git import GitRepo

    site = _load("site").site_of(os.environ)
    root = _clone()
    inputs = _module("ci.inputs")
    with from_environment(os.environ) as forge:
        yield (
            _load("bench").Bench(
                site=site,
                repo=GitRepo(root),
                remote=forge.git_remote(),
                choice=inputs.Choice(
                    stores=Stores.default(), policy_path=os.environ.get("AUTARCH_POLICY") or "ci/policy.toml"
                ),
                progress=tell,
                clock=time.monotonic,
                clock_ms=lambda: time.time_ns() // 1_000_000,
                sleep=time.sleep,
            ),
            forge,
        )


@contextlib.contextmanager
def _key(name: str = CI_KEY) -> Iterator[Path]:
    """Yield a private file with the secret in the variable `name`, gone afterwards."""
    content = os.environ.pop(name, "") if name == CI_KEY else os.environ.get(name, "")
    if not content.strip():
        raise ConfigError(f"the secret {name} is empty; set it in the environment that this job names")
    with tempfile.TemporaryDirectory(prefix="autarch-key-") as folder:
        path = Path(folder) / "key"
        path.touch(mode=0o600)
        path.write_text(content.strip() + "\n", encoding="utf-8")
        yield path


def _clone() -> Path:
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / ".git").exists():
            return folder
    raise RefusedError(f"{Path.cwd()} is in no clone; check out main first")


def _sentence(outcome: Any) -> str:
    return str(_module("ci.report_text").summary(outcome))


def _workers() -> Any:
    return _module("ci.workers").started_workers()


def _load(name: str) -> Any:
    return _module(f"ci.actions.{name}")


def _module(name: str) -> Any:
    from autarch.cli.main import load

    return load(name)


def pin() -> None:
    """Become numerically pinned; may start this command once more."""
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
