"""`autarch sweep`: play many parameter sets of one strategy on train bars, and show the best."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.telling import narrated
from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.cli.backtest_job import Setting
    from autarch.manifest import ParamValue, StrategySource
    from autarch.sweep import Sweep, SweptTrial


def register(app: typer.Typer) -> None:
    """Add the verb `sweep`."""
    app.command("sweep")(sweep)


def sweep(
    name: Annotated[str, typer.Argument(help="A strategy: a slug, slug@commit, or a folder.", show_default=False)],
    *,
    grid: Annotated[
        list[str] | None, typer.Option(help="name=low:high:step or name=a,b,c; repeatable.", metavar="NAME=VALUES")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=2, help="Search the manifest's [search] with Optuna.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of that search.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Confined children at work side by side here.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler, tcp://host:port; its workers run it.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set; default: the policy's first.")] = None,
    capital: Annotated[float | None, typer.Option(help="USDT to start with; default: the policy's.")] = None,
    show: Annotated[int, typer.Option(min=1, help="Rows of the table.")] = 10,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object with every trial.")] = False,
) -> int:
    """Play many parameter sets on train bars and rank them. Nothing is recorded; no verdict comes of it.

    The same sets give the same numbers, however many jobs or machines work on them.

    Exit code 0 played, 1 no set has a score, 2 misuse, 3 could not be computed.

    Example: autarch sweep ema_trend --grid fast=5:40:5 --grid slow=50,90,130 --jobs 2

    Example: autarch sweep ema_trend --trials 200 --seed 7 --json

    Example: autarch sweep ema_trend --grid fast=5:40:1 --scheduler tcp://127.0.0.1:8786
    """
    if bool(grid) == (trials is not None):
        raise UsageError("say what to try: --grid name=low:high:step (repeatable), or --trials N")
    from autarch.cli.backtest_job import Asked, gather, job_of, load_bars
    from autarch.cli.data_places import stores
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
    asked = Asked(names=(name,), dataset=dataset, capital=capital)
    setting = gather(asked, cwd=Path.cwd(), stores=stores())
    source = job_of(name, setting, cwd=Path.cwd()).named.source
    manifest = source.manifest
    from autarch.sweep import Place, Sweep
    from autarch.sweep.grid import parse_grid

    sets = parse_grid(grid or (), manifest.params)
    place = Place(jobs=jobs, scheduler=scheduler, allow_weak=local_dev)
    market = load_bars(setting, (*manifest.symbols, *manifest.context), manifest.interval)
    with Sweep(
        source, market, costs=setting.costs(), capital=setting.capital, place=place, progress=_progress
    ) as running:
        found = running.run(sets) if trials is None else _searched(running, source, setting, trials=trials, seed=seed)
    answer = _answer(found, source, setting)
    _print(answer, as_json=json_, show=show)
    return 0 if answer["best"] is not None else 1


def _searched(running: Sweep, source: StrategySource, setting: Setting, *, trials: int, seed: int) -> list[SweptTrial]:
    """Return the trials of an Optuna study, in the order they ran."""
    from autarch.cli.main import load

    found: list[SweptTrial] = []

    def score(sets: Sequence[Mapping[str, ParamValue]]) -> list[Any]:
        played = running.run(sets)
        found.extend(played)
        return [load("agents.scoring").trial_of(trial) for trial in played]

    load("agents.tuner").tune(
        source.manifest,
        score,
        trials=trials,
        seed=seed,
        parent=source.manifest.name,
        dataset=setting.lock.ref,
        progress=lambda _line: None,
    )
    return found


def _answer(trials: Sequence[SweptTrial], source: StrategySource, setting: Setting) -> dict[str, Any]:
    from autarch.sweep import OBJECTIVE, best_first
    from autarch.sweep.luck import best_by_luck

    ranked = best_first(trials)
    return {
        "strategy": source.manifest.name,
        "dataset": setting.lock.ref,
        "split": setting.split,
        "objective": OBJECTIVE,
        "trials": len(trials),
        "scored": len(ranked),
        "best_sharpe_by_luck": best_by_luck([trial.sharpe for trial in ranked if trial.sharpe is not None]),
        "best": _row(ranked[0]) if ranked else None,
        "ranked": [_row(trial) for trial in ranked],
        "without_score": [_row(trial) for trial in trials if trial.score is None],
    }


def _row(trial: SweptTrial) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(trial)


def _print(answer: dict[str, Any], *, as_json: bool, show: int) -> None:
    if as_json:
        from autarch.canonical import canonical_json

        print(canonical_json(answer).decode())
        return
    for line in _table(answer["ranked"][:show]):
        print(line)
    for row in answer["without_score"][: max(0, show - len(answer["ranked"]))]:
        print(f"no score: {_named(row['params'])}: {row['detail']}")
    count, luck = answer["trials"], answer["best_sharpe_by_luck"]
    expected = "" if luck is None else f" Without any skill, the best of as many would show a Sharpe near {luck:.2f}."
    warned = f"The best of {count} is partly luck.{expected}\n" if answer["scored"] else ""
    where = f"{answer['strategy']} on {answer['split']} of {answer['dataset']}"
    print(
        f"{count} trials of {where}, {answer['scored']} with a score.\n{warned}"
        f"Nothing was recorded. Whoever proposes one of these adds the trailer `Trials: {count}` to the commit."
    )


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    names = list(rows[0]["params"])
    head = [*names, "score", "sharpe", "final equity", "fills"]
    cells = [
        [*(_short(row["params"][name]) for name in names), f"{row['score']:+.3f}", f"{row['sharpe']:+.3f}",
         f"{row['final_equity']:,.0f}", str(row["n_fills"])]
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[column]) for line in [head, *cells]) for column in range(len(head))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *cells]]


def _named(params: Mapping[str, ParamValue]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in params.items())


def _short(value: ParamValue) -> str:
    return format(value, ".6g") if isinstance(value, float) else str(value).lower()


def _progress(line: str) -> None:
    sys.stderr.write(f"  {narrated(line)}\n")
