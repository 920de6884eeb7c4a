"""`autarch backtest`: play a strategy, two, or the whole portfolio, and measure what came of it."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from autarch.cli.telling import tell
from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.cli.backtest_job import Asked, Laps
    from autarch.evaluation.sheet import Sheet

Split = Literal["train", "forward"]


def register(app: typer.Typer) -> None:
    """Add the verb `backtest`."""
    app.command("backtest")(backtest)


def backtest(
    name: Annotated[
        str | None, typer.Argument(help="A strategy: a slug, slug@commit, or a folder.", show_default=False)
    ] = None,
    *,
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two strategies, or one at two commits, side by side.", metavar="A B")
    ] = None,
    portfolio: Annotated[bool, typer.Option("--portfolio", help="All of live/portfolio.toml together.")] = False,
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    split: Annotated[str, typer.Option(help="train or forward.")] = "train",
    param: Annotated[list[str] | None, typer.Option(help="name=value instead of the manifest's; repeatable.")] = None,
    capital: Annotated[float | None, typer.Option(help="USDT to start with; default: the policy's.")] = None,
    costs_factor: Annotated[float, typer.Option(help="Fees, spread and impact times this.")] = 1.0,
    html: Annotated[Path | None, typer.Option(help="Write charts, fills and metrics as one HTML file.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Say on stderr where the time went.")] = False,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
) -> int:
    """Play a strategy on train bars with all costs, and measure it. Not a verdict: that is autarch gate.

    Exit code 0 played, 1 the strategy failed, 2 misuse, 3 could not be computed.

    Example: autarch backtest ema_trend --html ema.html

    Example: autarch backtest ema_trend --param fast=30 --costs-factor 1.5

    Example: autarch backtest --compare ema_trend ema_trend@main

    Example: autarch backtest --portfolio --json
    """
    asked = _asked(name, compare, portfolio=portfolio, split=split, dataset=dataset, param=param, capital=capital,
                   costs_factor=costs_factor)  # fmt: skip
    if html is not None and not html.absolute().parent.is_dir():
        raise UsageError(f"{html.absolute().parent} is no folder, so {html.name} could not be written; create it")
    from autarch.cli.backtest_job import begun

    laps = begun()
    _pin()
    laps.lap("start under the pin")
    sheet = _play(asked, allow_weak=local_dev, laps=laps)
    _answer(sheet, html=html, as_json=json_)
    sys.stdout.flush()
    laps.lap("write the answer")
    if timings:
        _tell(laps)
    return 0


def _asked(
    name: str | None,
    compare: tuple[str, str] | None,
    *,
    portfolio: bool,
    split: str,
    dataset: str | None,
    param: list[str] | None,
    capital: float | None,
    costs_factor: float,
) -> Asked:
    if (name is not None) + (compare is not None) + portfolio != 1:
        raise UsageError("name one thing: a strategy, --compare A B, or --portfolio; see: autarch backtest --help")
    if split == "holdout":
        raise UsageError(
            "the holdout is never backtested: who has seen its numbers has spent it. Use --split train, or forward; "
            "only the gate's trusted side asks it, once for each proposal"
        )
    if split not in {"train", "forward"}:
        raise UsageError(f"--split {split!r} is neither train nor forward")
    if param and name is None:
        raise UsageError("--param goes with one strategy; a comparison or portfolio runs what the manifests say")
    if capital is not None and not (math.isfinite(capital) and capital > 0.0):
        raise UsageError(f"--capital {capital} must be a positive amount of USDT")
    if portfolio and capital is not None:
        raise UsageError("--capital does not go with --portfolio, whose accounts say what they start with")
    if not (math.isfinite(costs_factor) and costs_factor >= 0.0):
        raise UsageError(f"--costs-factor {costs_factor} must be zero or more")
    from autarch.cli.backtest_job import Asked

    return Asked(
        names=compare or ((name,) if name is not None else ()),
        dataset=dataset,
        split="forward" if split == "forward" else "train",
        params=tuple(param or ()),
        capital=capital,
        costs_factor=costs_factor,
    )


def _play(asked: Asked, *, allow_weak: bool, laps: Laps) -> Sheet:
    from autarch.cli import backtest_job as job
    from autarch.cli.data_places import stores

    with job.started_worker(allow_weak=allow_weak) as worker:
        laps.lap("start the worker")
        setting, cwd = job.gather(asked, cwd=Path.cwd(), stores=stores()), Path.cwd()
        if not asked.names:
            from autarch.cli.backtest_portfolio import play_portfolio

            return play_portfolio(worker, setting, laps=laps, progress=tell)
        jobs = [job.job_of(name, setting, cwd=cwd, params=asked.params) for name in asked.names]
        laps.lap("find what was asked for")
        decided = job.decide_jobs(worker, setting, jobs, laps=laps, progress=tell)
        sheet = job.sheet_of_each(setting, worker, decided)
        laps.lap("play and measure")
    return sheet


def _answer(sheet: Sheet, *, html: Path | None, as_json: bool) -> None:
    """Print the figures, and then draw them into a page, which may find no room."""
    from autarch.cli import backtest_text

    if as_json:
        from autarch.canonical import canonical_json

        print(canonical_json(sheet.to_json()).decode())
    elif sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        backtest_text.draw(sheet)
    else:
        print(backtest_text.plain(sheet))
    if html is not None:
        from autarch.cli.main import load
        from autarch.cli.putting import put

        sys.stdout.flush()
        put(html, load("ci.report_backtest").html(sheet), otherwise="the figures themselves are on standard output")
        tell(f"charts written to {html}")


def _tell(laps: Laps) -> None:
    import resource

    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = laps.since_start_s + sum(wall for _, wall, _ in laps.steps)
    spent = children.ru_utime + children.ru_stime
    lines = [
        f"{'alive before the first step':56} {laps.since_start_s:6.2f} s",
        *(f"{name:56} {wall:6.2f} s  {cpu:6.2f} s of processor" for name, wall, cpu in laps.steps),
        f"{'process start to printed result':56} {total:6.2f} s",
        f"{'of these, until the worker was ready':56} {laps.waited_s:6.2f} s",
        f"{'worker and strategy, beside it':56} {'':8}  {spent:6.2f} s of processor",
    ]
    sys.stderr.write("\n".join(lines) + "\n")


def _pin() -> None:
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
