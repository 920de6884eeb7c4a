"""`autarch data verify`, `push` and `ls`: what is there, whether it is sound, and copies of it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.cli.data_places import Folder, Json, assumed_text, locks, say, stores
from autarch.errors import DataError, UsageError

if TYPE_CHECKING:
    from autarch.market.catalogue import Promotable, Summary


def verify(
    name: Annotated[str | None, typer.Argument(help="Data set; default: all.")] = None,
    *,
    split: Annotated[str | None, typer.Option(help="train, holdout or forward; default: all three.")] = None,
    out: Folder = None,
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
    own = stores()
    found: dict[str, tuple[str, ...]] = {}
    for path in locks(out, name):
        lock = load_lock(path)
        found[lock.ref] = find_faults(lock, own, chosen)
    if json_:
        print(json.dumps({ref: {"ok": not faults, "faults": list(faults)} for ref, faults in found.items()}, indent=1))
    for ref, faults in found.items():
        for fault in faults:
            sys.stderr.write(f"autarch: {fault}\n")
        if not json_:
            print(f"{'DAMAGED' if faults else 'sound'}  {ref}  {', '.join(chosen)}")
    return DataError.exit_code if any(found.values()) else 0


def push(
    name: Annotated[str, typer.Argument(help="Data set.")],
    *,
    to: Annotated[
        str | None, typer.Option(help="Path or fsspec URL; each split gets a folder of its own in it.")
    ] = None,
    train: Annotated[str | None, typer.Option(help="Store of train instead of TO/train.")] = None,
    holdout: Annotated[str | None, typer.Option(help="Store of holdout instead of TO/holdout.")] = None,
    forward: Annotated[str | None, typer.Option(help="Store of forward instead of TO/forward.")] = None,
    out: Folder = None,
    json_: Json = False,
) -> int:
    """Copy a data set's bytes by digest to stores that CI and others read, and read every one back.

    Without --to only the splits named are copied. Readers set AUTARCH_DATA_TRAIN, _HOLDOUT, _FORWARD.

    Example: autarch data push synthetic --train s3://bars/train --holdout s3://bars-sealed/holdout
    """
    from autarch.market.lock import SPLITS, load_lock
    from autarch.market.push import push as copy
    from autarch.market.stores import Stores

    named = {"train": train, "holdout": holdout, "forward": forward}
    chosen = [split for split in SPLITS if to is not None or named[split] is not None]
    if not chosen:
        raise UsageError("push where? pass --to URL, or --train, --holdout or --forward with a store each")
    base = Stores.below(to or "")
    target = Stores(**{split: named[split] or base.root(split) for split in SPLITS})
    done = [
        entry
        for path in locks(out, name)
        for entry in copy(load_lock(path), stores(), target, splits=chosen, progress=say)
    ]
    if json_:
        print(json.dumps([asdict(entry) for entry in done], indent=1))
    else:
        for entry in done:
            print(entry.line)
    return 0


def ls(*, out: Folder = None, json_: Json = False) -> int:
    """List data sets: ranges, bars, what is assumed, what the stores have, what Sharpe they can promote.

    Example: autarch data ls --json
    """
    from autarch.market.catalogue import summarise

    own = stores()
    summaries = [summarise(path, own) for path in locks(out)]
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
    if summary.promotable is not None:
        lines.append(f"  promotes {_promoted(summary.promotable)}")
    if summary.without_mark:
        lines.append(f"  no mark prices: {', '.join(summary.without_mark)}; funding is paid on the last trade's close")
    lines.append(f"  assumed: {assumed_text(summary.symbols, summary.assumed)}")
    return lines


def _promoted(found: Promotable) -> str:
    test = f"first test: level {found.level:.2e}, on {found.days} days of the holdout"
    if found.sharpe is None or found.sharpe_measured is None:
        return f"nothing: no Sharpe ratio of at most one a day would pass\n           {test}"
    odds = f"with {found.power:.0%} odds; measured, from {found.sharpe_measured:.1f}"
    return f"a true annual Sharpe from about {found.sharpe:.1f} {odds}\n           {test}"
