"""`autarch data synth`, `import` and `sync`: three ways to one lock and the bytes it names."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.cli.data_places import (
    Gaps,
    Json,
    Out,
    Push,
    Replace,
    Splits,
    assumed_text,
    lock_file,
    names,
    say,
    shares,
    stores,
)
from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.market.build import Recipe
    from autarch.market.importer import Layout
    from autarch.market.keep import Maker

LAYOUTS: dict[str, Layout] = {"auto": "auto", "tree": "tree", "freqtrade": "freqtrade"}


def synth(
    *,
    name: Annotated[str | None, typer.Option(help="Name of the data set; default: synthetic.")] = None,
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

    path, chosen = lock_file(out, name, default="synthetic")
    spec = default_spec(
        seed=DEFAULT_SEED if seed is None else seed,
        edges=DEFAULT_EDGES if edges is None else parse_edges(edges),
        n_bars=DEFAULT_BARS if bars is None else bars,
    )
    say(f"making {len(spec.symbols)} x {spec.n_bars} bars of {spec.interval}")
    recipe = synth_recipe(spec, name=chosen, shares=shares(splits))
    return _keep(recipe, path, maker="synth", as_json=json_)


def import_(
    source: Annotated[Path, typer.Argument(help="Folder with one folder a symbol, or freqtrade's data folder.")],
    *,
    symbols: Annotated[str, typer.Option(help="Symbols, comma-separated.")],
    interval: Annotated[str, typer.Option(help="Stored intervals, comma-separated; coarser ones are made on load.")],
    name: Annotated[str | None, typer.Option(help="Name of the data set; its lock is <name>.toml.")] = None,
    venue: Annotated[str, typer.Option(help="Where the bars were traded.")] = "bybit",
    layout: Annotated[str, typer.Option(help="auto, tree or freqtrade.")] = "auto",
    column: Annotated[
        list[str] | None, typer.Option(help="FIELD=HEADER for a header that does not tell by itself. May be repeated.")
    ] = None,
    splits: Splits = "60,25,15",
    start: Annotated[str | None, typer.Option("--start", "--from", help="First instant kept, ISO (UTC) or ms.")] = None,
    end: Annotated[str | None, typer.Option("--end", "--to", help="First instant left out, ISO (UTC) or ms.")] = None,
    declare_gap: Gaps = None,
    instruments: Annotated[
        Path | None, typer.Option(help="Filters, fees and tiers; default SOURCE/instruments.toml.")
    ] = None,
    replace: Replace = False,
    push: Push = None,
    out: Out = None,
    json_: Json = False,
) -> int:
    """Import bars, funding and mark prices from files; anything doubtful is refused with file and row.

    Files are <symbol>/kline-15m.parquet (.feather, .csv, .csv.gz), mark-1h, funding-8h, or freqtrade's.

    Example: autarch data import bars/bybit --name bybit-15m --symbols BTCUSDT,ETHUSDT --interval 15m
    """
    from autarch.market.import_instruments import parse_instant
    from autarch.market.importer import ImportRequest, import_recipe, parse_gap

    if layout not in LAYOUTS:
        raise UsageError(f"--layout {layout!r} is not one of {', '.join(LAYOUTS)}")
    path, chosen = lock_file(out, name)
    request = ImportRequest(
        source=source,
        name=chosen,
        venue=venue,
        symbols=names(symbols),
        intervals=names(interval),
        shares=shares(splits),
        gaps=tuple(parse_gap(text) for text in declare_gap or ()),
        instruments=instruments,
        layout=LAYOUTS[layout],
        columns=tuple(column or ()),
        start_ms=None if start is None else parse_instant(start),
        end_ms=None if end is None else parse_instant(end),
    )
    recipe = import_recipe(request, now_ms=time.time_ns() // 1_000_000, progress=say)
    return _keep(recipe, path, maker="import", replace=replace, push=push, as_json=json_)


def sync(
    symbols: Annotated[list[str], typer.Argument(help="Perpetuals such as BTCUSDT.")],
    *,
    interval: Annotated[str, typer.Option(help="Stored intervals, comma-separated; coarser ones are made on load.")],
    start: Annotated[str, typer.Option("--from", "--start", help="First instant kept, ISO (UTC) or epoch ms.")],
    end: Annotated[
        str | None, typer.Option("--to", "--end", help="First instant left out; default: where today begins.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; default: bybit-<interval>.")] = None,
    url: Annotated[str | None, typer.Option(help="Root of the v5 API; default: the venue's public address.")] = None,
    splits: Splits = "60,25,15",
    declare_gap: Gaps = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget pages kept by an interrupted download.")] = False,
    replace: Replace = False,
    push: Push = None,
    out: Out = None,
    json_: Json = False,
) -> int:
    """Download bars, mark prices, funding, filters and risk tiers from Bybit's public API; no key is needed.

    Interrupted, it goes on where it was. Run again later, it checks that the venue still says the same.

    Example: autarch data sync BTCUSDT ETHUSDT --interval 15m --from 2023-01-01 --to 2025-01-01
    """
    from autarch.market.bybit.client import PublicClient
    from autarch.market.bybit.partial import PageStore
    from autarch.market.bybit.sync import VENUE, SyncRequest, sync_recipe
    from autarch.market.import_instruments import parse_instant
    from autarch.market.importer import parse_gap

    path, chosen = lock_file(out, name, default=f"{VENUE}-{interval.replace(',', '-')}")
    request = SyncRequest(
        name=chosen,
        venue=VENUE,
        symbols=tuple(symbols),
        intervals=names(interval),
        shares=shares(splits),
        gaps=tuple(parse_gap(text) for text in declare_gap or ()),
        start_ms=parse_instant(start),
        end_ms=None if end is None else parse_instant(end),
    )
    client = PublicClient(url=url, pause=time.sleep, narrate=say)
    pages = PageStore.of_url(client.url)
    if fresh:
        pages.forget(request.paged)
    recipe = sync_recipe(request, client=client, pages=pages, now_ms=time.time_ns() // 1_000_000, progress=say)
    try:
        return _keep(recipe, path, maker="sync", replace=replace, push=push, as_json=json_)
    finally:
        pages.forget(request.paged)  # whole by now: kept, or refused and to be asked for again


def _keep(
    recipe: Recipe, path: Path, *, maker: Maker, replace: bool = False, push: str | None = None, as_json: bool
) -> int:
    """Write blobs and lock, copy them where asked, and say what was done and what of it nobody measured."""
    from autarch.market.keep import keep
    from autarch.market.push import push as copy
    from autarch.market.stores import Stores

    own = stores()
    kept = keep(recipe, path, own, maker=maker, replace=replace)
    lock = kept.lock
    for note in kept.notes:
        say(f"note: {note}")
    if lock.assumed:
        say(f"assumed, measured by nobody: {assumed_text(lock.symbols, lock.assumed)}")
    if push is not None:
        for done in copy(lock, own, Stores.below(push), progress=say):
            say(done.line)
    if as_json:
        answer = {"name": lock.name, "digest": lock.digest, "lock": str(path), "unchanged": kept.unchanged}
        print(json.dumps({**answer, "notes": list(kept.notes), "assumed": list(lock.assumed)}))
    else:
        print(f"{lock.ref}\n  lock {path}{', unchanged' if kept.unchanged else ''}")
    return 0
