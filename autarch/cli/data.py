"""`autarch data`: make, import, check and list data sets."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import DataError, UsageError

if TYPE_CHECKING:
    from autarch.market.build import Recipe
    from autarch.market.catalogue import Summary
    from autarch.market.lock import DatasetLock
    from autarch.market.stores import Stores

DATASETS = Path("ci") / "datasets"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Out = Annotated[
    Path | None, typer.Option(help="Folder of locks; default: ci/datasets of the project around this folder.")
]
Splits = Annotated[str, typer.Option(help="Percent of train, holdout and forward, in this order of time.")]


def register(app: typer.Typer) -> None:
    """Add the verb `data`."""
    data = typer.Typer(help="Make, import, check and list data sets.", no_args_is_help=True)
    data.command("synth")(synth)
    data.command("import")(import_)
    data.command("verify")(verify)
    data.command("ls")(ls)
    app.add_typer(data, name="data")


def synth(
    *,
    name: Annotated[str, typer.Option(help="Name of the data set; its lock is <name>.toml.")] = "synthetic",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of every draw.")] = None,
    edges: Annotated[str | None, typer.Option(help="Planted edges, KIND:STRENGTH,…, or none.")] = None,
    bars: Annotated[int | None, typer.Option(min=400, help="Length in bars of 15 minutes.")] = None,
    splits: Splits = "60,25,15",
    out: Out = None,
    json_: Json = False,
) -> int:
    """Make a synthetic market's bytes; a lock that exists already must agree with them.

    Kinds of edge: trend, reversion, breakout, funding, lead_lag, cross_sectional.

    Example: autarch data synth --name hills --seed 3 --edges trend:0.08
    """
    from autarch.market.synth_dataset import DEFAULT_BARS, DEFAULT_EDGES, DEFAULT_SEED, default_spec, synth_recipe
    from autarch.market.synth_edges import parse_edges

    spec = default_spec(
        seed=DEFAULT_SEED if seed is None else seed,
        edges=DEFAULT_EDGES if edges is None else parse_edges(edges),
        n_bars=DEFAULT_BARS if bars is None else bars,
    )
    _say(f"making {len(spec.symbols)} x {spec.n_bars} bars of {spec.interval}")
    return _store(synth_recipe(spec, name=name, shares=_shares(splits)), out, replace=False, as_json=json_)


def import_(
    source: Annotated[Path, typer.Argument(help="Folder with one folder a symbol and instruments.toml.")],
    *,
    name: Annotated[str, typer.Option(help="Name of the data set; its lock is <name>.toml.")],
    symbols: Annotated[str, typer.Option(help="Symbols, comma-separated.")],
    interval: Annotated[str, typer.Option(help="Stored intervals, comma-separated; coarser ones are made on load.")],
    venue: Annotated[str, typer.Option(help="Where the bars were traded.")] = "bybit",
    splits: Splits = "60,25,15",
    start: Annotated[str | None, typer.Option(help="First instant kept, ISO (UTC) or epoch ms.")] = None,
    end: Annotated[str | None, typer.Option(help="First instant left out, ISO (UTC) or epoch ms.")] = None,
    declare_gap: Annotated[
        list[str] | None, typer.Option(help="SYMBOL:FROM:TO:REASON, for a hole that is known. May be repeated.")
    ] = None,
    instruments: Annotated[
        Path | None, typer.Option(help="Filters, fees and tiers; default SOURCE/instruments.toml.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a lock of that name: a new epoch.")] = False,
    out: Out = None,
    json_: Json = False,
) -> int:
    """Import Parquet bars, funding and mark prices; anything doubtful is refused with file and row.

    Example: autarch data import bars/bybit --name bybit-15m --symbols BTCUSDT,ETHUSDT --interval 15m
    """
    from autarch.market.import_instruments import parse_instant
    from autarch.market.importer import ImportRequest, import_recipe, parse_gap

    request = ImportRequest(
        source=source,
        name=name,
        venue=venue,
        symbols=_names(symbols),
        intervals=_names(interval),
        shares=_shares(splits),
        gaps=tuple(parse_gap(text) for text in declare_gap or ()),
        instruments=instruments,
        start_ms=None if start is None else parse_instant(start),
        end_ms=None if end is None else parse_instant(end),
    )
    recipe = import_recipe(request, now_ms=time.time_ns() // 1_000_000, progress=_say)
    return _store(recipe, out, replace=replace, as_json=json_)


def verify(
    name: Annotated[str | None, typer.Argument(help="Data set; default: all.")] = None,
    *,
    split: Annotated[str | None, typer.Option(help="train, holdout or forward; default: all three.")] = None,
    out: Out = None,
    json_: Json = False,
) -> int:
    """Re-hash every byte of a data set against its lock.

    Example: autarch data verify synthetic
    """
    from autarch.market.catalogue import find_faults
    from autarch.market.lock import SPLITS, load_lock

    chosen = [s for s in SPLITS if split in {None, s}]
    if not chosen:
        raise UsageError(f"--split {split!r} is not one of {', '.join(SPLITS)}")
    folder = _folder(out)
    paths = _locks(folder) if name is None else [folder / f"{name}.toml"]
    stores = _stores()
    found: dict[str, tuple[str, ...]] = {}
    for path in paths:
        lock = load_lock(path)
        found[lock.ref] = find_faults(lock, stores, chosen)
    if json_:
        print(json.dumps({ref: {"ok": not faults, "faults": list(faults)} for ref, faults in found.items()}, indent=1))
    for ref, faults in found.items():
        for fault in faults:
            sys.stderr.write(f"autarch: {fault}\n")
        if not json_:
            print(f"{'DAMAGED' if faults else 'sound'}  {ref}  {', '.join(chosen)}")
    return DataError.exit_code if any(found.values()) else 0


def ls(*, out: Out = None, json_: Json = False) -> int:
    """List data sets: ranges, bars, what is assumed, what the stores have, what Sharpe they can promote.

    Example: autarch data ls --json
    """
    from autarch.market.catalogue import summarise

    stores = _stores()
    summaries = [summarise(path, stores) for path in _locks(_folder(out))]
    if json_:
        print(json.dumps([summary.to_json() for summary in summaries], indent=1))
        return 0
    for summary in summaries:
        print("\n".join(_lines(summary)))
    return 0


def _lines(summary: Summary) -> list[str]:
    from autarch.market.validate import iso

    if summary.error is not None:
        return [f"{summary.name}  UNREADABLE: {summary.error}"]
    lines = [
        f"{summary.name}@{summary.digest[:12]}  {summary.origin}",
        f"  {', '.join(summary.symbols)}  {', '.join(summary.intervals)}  declared gaps: {summary.gaps}",
    ]
    for part in summary.splits:
        missing = part.blobs - part.present
        held = "in store" if not missing else f"{missing} of {part.blobs} blobs not in store"
        span = f"{iso(part.start_ms)[:10]} to {iso(part.end_ms)[:10]}"
        lines.append(f"  {part.split:8} {span} {part.bars:>9} bars in all  {held}")
    lines.append(f"  promotes an annual Sharpe from about {summary.promotable_sharpe:.1f} (even odds, first attempt)")
    lines.append(f"  assumed: {_assumed(summary)}")
    return lines


def _assumed(summary: Summary) -> str:
    """Return the assumed values by name, with the symbols where it is not all of them."""
    owners: dict[str, list[str]] = {}
    for value in summary.assumed:
        owner, _, name = value.partition(".")
        owners.setdefault(f"costs.{name}" if owner == "costs" else name, []).append(owner)
    named = [
        name if owned in ([*summary.symbols], ["costs"]) else f"{name} of {', '.join(owned)}"
        for name, owned in owners.items()
    ]
    return "; ".join(named) or "nothing"


def _store(recipe: Recipe, out: Path | None, *, replace: bool, as_json: bool) -> int:
    """Write blobs, then the lock; refuse before the first byte when a lock of that name says otherwise."""
    from autarch.market.build import build, write_blobs, write_lock
    from autarch.market.lock import load_lock

    built = build(recipe)
    lock = built.lock
    path = _folder(out) / f"{lock.name}.toml"
    known = path.is_file()
    replaceable = not recipe.origin.startswith("synthetic")
    if known and not replace:
        committed = load_lock(path)
        if committed.digest != lock.digest:
            cure = "Choose another --name" + (", or pass --replace, which opens a new epoch" if replaceable else "")
            if committed.origin == lock.origin and not replaceable:
                cure = "The same seed gave other bytes: install the numpy that requirements.lock names"
            raise DataError(
                f"{path} is {committed.ref}, these bytes are {lock.ref}: {_difference(committed, lock)}. "
                f"Nothing was written. {cure}"
            )
    write_blobs(built, _stores())
    if replace or not known:
        write_lock(lock, path)
    if as_json:
        print(json.dumps({"name": lock.name, "digest": lock.digest, "lock": str(path)}))
    else:
        print(f"{lock.ref}\n  lock {path}{'' if replace or not known else ', unchanged'}")
    return 0


def _difference(old: DatasetLock, new: DatasetLock) -> str:
    """Return the first part in which two locks differ, named for a reader."""
    for before, after in zip(old.series, new.series, strict=False):
        if before != after:
            return f"{after.label} differs"
    fields = [name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    return f"{', '.join(fields)} differ"


def _shares(text: str) -> tuple[int, int, int]:
    try:
        first, second, third = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--splits {text!r}: write three whole percentages such as 60,25,15") from error
    return first, second, third


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _folder(out: Path | None) -> Path:
    if out is not None:
        return out
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / DATASETS).is_dir():
            return folder / DATASETS
    raise UsageError(f"no {DATASETS} in {here} or above it; run inside a clone of the project, or pass --out FOLDER")


def _locks(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.toml"))
    if not found:
        raise UsageError(f"{folder} holds no lock; make one with `autarch data synth` or `autarch data import`")
    return found


def _stores() -> Stores:
    """Return the workspace's stores, or the default ones outside of one; a broken workspace is an error."""
    from autarch.market.stores import Stores
    from autarch.workspace import CONFIG_NAME, Workspace

    here = Path.cwd()
    inside = "AUTARCH_WORKSPACE" in os.environ or any((f / CONFIG_NAME).is_file() for f in (here, *here.parents))
    return Workspace.find().stores() if inside else Stores.default()


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
