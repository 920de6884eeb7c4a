"""`autarch demo`: the whole path in a workspace of its own, from a proposal to the reason of a fill."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import UndecidedError

if TYPE_CHECKING:
    from autarch.cli.walk import Walk

VERSION = "v0.1.0"


def register(app: typer.Typer) -> None:
    """Add the verb `demo`."""
    app.command("demo")(demo)


def demo(
    *,
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the workspace; made anew.")] = Path(
        ".autarch-demo"
    ),
    trials: Annotated[int, typer.Option(min=2, help="Parameter sets each study tries.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Of the studies.")] = 7,
) -> int:
    """Walk the whole path on a synthetic market, on paper, without account, key or network.

    Example: autarch demo --trials 60
    """
    from autarch.cli.walk import begin

    _say("Autarch demo: a synthetic market, a local forge, a paper venue. It shows the path, not a profit.")
    walk = begin(directory.resolve(), say=_say)
    walk.title("1. A market and a forge")
    walk.run("data", "synth")
    walk.run("init", "--demo")
    with walk.serving("forge", "serve", "--port", "0") as url:
        _say(url)
        _propose_and_merge(walk, trials=trials, seed=seed)
        _release_and_trade(walk)
    return 0


def _propose_and_merge(walk: Walk, *, trials: int, seed: int) -> None:
    walk.title("2. The tuner opens pull requests")
    numbers = []
    for strategy in ("ema_trend", "funding_carry"):
        study = ("--trials", str(trials), "--seed", str(seed))
        opened = walk.ask("propose", "--agent", "tuner", "--strategy", strategy, *study)
        _say(f"pull request {opened['pull']}: {opened['title']}  ({opened['trials']} trials)")
        numbers.append(str(opened["pull"]))
    walk.title("3. The forge gates them with main's code; a human reads and merges")
    for number in numbers:
        walk.run("pr", "wait", number, expect=(0, 1), quiet=True)
        walk.run("pr", "show", number)
        shown = walk.ask("pr", "show", number)
        if shown["gate"]["state"] == "accepted":
            walk.run("pr", "merge", number, "--sha", shown["head_sha"])
        else:
            walk.run("pr", "close", number)


def _release_and_trade(walk: Walk) -> None:
    from autarch.repo.signing import fingerprint

    report = walk.workspace / "report.html"
    walk.title("4. A human signs a tag")
    walk.run("release", VERSION)
    walk.title("5. The host trusts a key, verifies the tag, re-derives its evidence and trades it on paper")
    for role in ("ci", "release"):
        key = walk.workspace / ".autarch" / "keys" / f"{role}.pub"
        known = fingerprint(key.read_text("ascii"))
        walk.run("live", "trust", "add", str(key), "--role", role, "--demo", "--fingerprint", known, quiet=role == "ci")
    walk.run("live", "run", "--tag", VERSION)
    walk.run("live", "status")
    walk.run("gate", "strategies/ema_trend", "--only", "backtest", "--html", str(report), quiet=True)
    _say(f"report: {report}")
    walk.title("6. Why did it trade?")
    fill = walk.ask("live", "status")["last_fill"]
    if fill is None:
        raise UndecidedError("the paper venue filled nothing, so there is nothing to explain; see live status")
    walk.run("why", fill)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
