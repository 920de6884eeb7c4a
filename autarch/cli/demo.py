"""`autarch demo`: the whole path in a workspace of its own, from a proposal to the reason of a fill."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import UndecidedError, UsageError

if TYPE_CHECKING:
    from autarch.cli.walk import Walk

VERSION = "v0.1.0"
TUNED = "ema_trend"
"""Seed the tuner works on unless told otherwise; the committed portfolio names it."""


def register(app: typer.Typer) -> None:
    """Add the verb `demo`."""
    app.command("demo")(demo)


def demo(
    *,
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the workspace; made anew.")] = Path(
        ".autarch-demo"
    ),
    trials: Annotated[int, typer.Option(min=2, help="Parameter sets each study tries.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the studies.")] = 7,
    tune: Annotated[str, typer.Option(help="Seeds to tune, comma-separated; a pull request each.")] = TUNED,
    real: Annotated[Path | None, typer.Option(help="Folder of real bars to walk through instead.")] = None,
    promotion: Annotated[
        bool, typer.Option("--promotion", help="Walk through a promotion instead: luck refused, an edge promoted.")
    ] = False,
) -> int:
    """Walk the whole path on paper, without account, key or network: a synthetic market, or real bars.

    Example: autarch demo --trials 60 --tune ema_trend,donchian_breakout

    Example: autarch demo --real bars --dir .autarch-real

    Example: autarch demo --promotion
    """
    from autarch.cli.walk import begin
    from autarch.sandbox import sandbox_report

    _say("Autarch demo: pull request, verdict, merge, signed tag, paper fills. It shows the path, not a profit.")
    walk = begin(directory.resolve(), say=_say)
    level = sandbox_report()
    if not level.is_full:
        return _unconfined(walk, level.summary())
    if real is None:
        require_seeds(walk.workspace, tune)
    walk.title("1. A market and a forge")
    if promotion:
        return _promotion(walk, ("--trials", str(trials), "--seed", str(seed)))
    policy, tuned = _set_up(walk, tune, real)
    walk.run("init", "--demo", "--policy", policy)
    study = ("--trials", str(trials), "--seed", str(seed), "--policy", policy)
    with walk.serving("forge", "serve", "--port", "0") as url:
        _say(url)
        if real is None:
            for slug in tuned:
                number = _propose(walk, slug, study)
                if number is not None:
                    _judge_and_merge(walk, number)
        else:
            _walk_one(walk, tuned, study)
        _release_and_trade(walk)
    return 0


def _promotion(walk: Walk, study: tuple[str, ...]) -> int:
    from autarch.cli import demo_promotion

    demo_promotion.set_up(walk)
    walk.run("init", "--demo")
    with walk.serving("forge", "serve", "--port", "0") as url:
        _say(url)
        demo_promotion.promote(walk, study, VERSION)
    return 0


def _slugs(tune: str) -> tuple[str, ...]:
    return tuple(slug.strip() for slug in tune.split(","))


def require_seeds(workspace: Path, tune: str) -> None:
    """Refuse a seed to tune that the clone lacks, before anything is made for it.

    Raises:
        UsageError: naming it and those that are there.
    """
    there = sorted(path.name for path in (workspace / "strategies").iterdir() if path.is_dir())
    for slug in _slugs(tune):
        if slug not in there:
            raise UsageError(f"--tune names {slug!r}, and there is no such strategy; there are: {', '.join(there)}")


def _unconfined(walk: Walk, missing: str) -> int:
    _say(f"\nThis machine cannot confine strategy code: {missing}.")
    _say("What follows runs with --local-dev and is NOT A VERDICT: nothing is signed, merged, tagged or traded.")
    walk.title("A market, and one strategy judged without confinement")
    walk.run("data", "synth")
    walk.run("gate", f"strategies/{TUNED}", "--local-dev", "--html", "report.html", expect=(0, 1, 3))
    _say(f"report: {walk.workspace / 'report.html'}  (not a verdict). The whole path needs Linux on x86-64.")
    return 0


def _set_up(walk: Walk, tune: str, real: Path | None) -> tuple[str, tuple[str, ...]]:
    if real is None:
        walk.run("data", "synth")
        return "ci/policy.toml", _slugs(tune)
    from autarch.cli import demo_real

    return demo_real.POLICY, demo_real.set_up(walk, real.resolve())


def _walk_one(walk: Walk, ranked: tuple[str, ...], study: tuple[str, ...]) -> None:
    from autarch.cli import demo_real

    for slug in ranked:
        number = _propose(walk, slug, study)
        if number is not None:
            _judge_and_merge(walk, number)
            walk.title("3b. A human puts it into the portfolio")
            change = demo_real.name_in_portfolio(walk, slug)
            walk.ask("pr", "wait", change, expect=(0, 1))
            walk.run("pr", "merge", change, "--approve")
            return
    raise UndecidedError("the tuner found nothing better than any seed; try more --trials or another --seed")


def _propose(walk: Walk, slug: str, study: tuple[str, ...]) -> str | None:
    walk.title(f"2. The tuner works on {slug}")
    opened = walk.ask("propose", "--agent", "tuner", "--strategy", slug, *study, expect=(0, 1))
    if opened is None:
        return None
    _say(f"pull request {opened['pull']}: {opened['title']}  ({opened['trials']} trials, all counted)")
    return str(opened["pull"])


def _judge_and_merge(walk: Walk, number: str) -> None:
    walk.title("3. The forge gates the head with main's code; a human reads and merges")
    judged = walk.ask("pr", "wait", number, expect=(0, 1))
    walk.run("pr", "show", number, show="first part")
    for page in sorted((walk.workspace / ".autarch" / "forge" / "logs").glob(f"{number}-*.html")):
        _say(f"report: {page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page}")
    if judged["verdict"] == "accepted":
        walk.run("pr", "merge", number, "--sha", judged["head"])
    else:
        walk.run("pr", "close", number)


def _release_and_trade(walk: Walk) -> None:
    from autarch.repo.signing import fingerprint

    walk.title("4. A human signs a tag")
    walk.run("release", VERSION)
    walk.title("5. The host trusts two keys, verifies the tag, re-derives its evidence and trades it on paper")
    for role in ("ci", "release"):
        key = f".autarch/keys/{role}.pub"
        known = fingerprint((walk.workspace / key).read_text("ascii"))
        walk.run(
            "live",
            "trust",
            "add",
            key,
            "--role",
            role,
            "--demo",
            "--fingerprint",
            known,
            show="nothing" if role == "ci" else "all",
        )
    walk.run("live", "run", "--tag", VERSION, "--feed", "recorded")
    walk.title("6. Why did it trade?")
    fill = walk.ask("live", "status")["last_fill"]
    if fill is None:
        raise UndecidedError("the paper venue filled nothing, so there is nothing to explain; see autarch live status")
    walk.run("why", fill)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
