"""What the data commands share: where locks and stores are, and how a list or a share is written."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.cli.telling import narrated
from autarch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autarch.market.stores import Stores

DATASETS = Path("ci") / "datasets"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder of locks, or one FILE.toml; default: ci/datasets of the project around here."),
]
Folder = Annotated[
    Path | None, typer.Option("--out", help="Folder of locks; default: ci/datasets of the project around this folder.")
]
Splits = Annotated[str, typer.Option(help="Percent of train, holdout and forward, in this order of time.")]
Gaps = Annotated[
    list[str] | None, typer.Option(help="SYMBOL:FROM:TO:REASON, for a hole that is known. May be repeated.")
]
Replace = Annotated[bool, typer.Option("--replace", help="Overwrite a lock of that name: other bytes, a new epoch.")]
Push = Annotated[
    str | None, typer.Option(help="Also copy the bytes below this path or fsspec URL, one folder a split.")
]


def shares(text: str) -> tuple[int, int, int]:
    """Return the three percentages in `text`; UsageError for anything else."""
    try:
        first, second, third = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--splits {text!r}: write three whole percentages such as 60,25,15") from error
    return first, second, third


def names(text: str) -> tuple[str, ...]:
    """Return the comma-separated names in `text`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def folder(out: Path | None) -> Path:
    """Return where locks are: `out`, or ci/datasets here or above; UsageError when there is none."""
    if out is not None:
        return out
    here = Path.cwd()
    for place in (here, *here.parents):
        if (place / DATASETS).is_dir():
            return place / DATASETS
    raise UsageError(f"no {DATASETS} in {here} or above it; run inside a clone of the project, or pass --out FOLDER")


def lock_file(out: Path | None, name: str | None, default: str | None = None) -> tuple[Path, str]:
    """Return the lock's path and the data set's name, of which either gives the other."""
    if out is not None and out.suffix == ".toml":
        if name not in {None, out.stem}:
            raise UsageError(f"--out {out} is the lock of {out.stem}, --name says {name}; leave one of them out")
        return out, out.stem
    chosen = name or default
    if chosen is None:
        raise UsageError("name the data set with --name NAME, or its lock with --out FILE.toml")
    return folder(out) / f"{chosen}.toml", chosen


def locks(out: Path | None, name: str | None = None) -> list[Path]:
    """Return every lock of the folder, or the one named; UsageError when the folder has none."""
    place = folder(out)
    if name is not None:
        return [place / f"{name}.toml"]
    found = sorted(place.glob("*.toml"))
    if not found:
        raise UsageError(f"{place} holds no lock; make one with `autarch data synth`, `import` or `sync`")
    return found


def stores() -> Stores:
    """Return the workspace's stores, or the default ones outside of one; a broken workspace is an error."""
    from autarch.market.stores import Stores
    from autarch.workspace import CONFIG_NAME, Workspace

    here = Path.cwd()
    inside = "AUTARCH_WORKSPACE" in os.environ or any((f / CONFIG_NAME).is_file() for f in (here, *here.parents))
    return Workspace.find().stores() if inside else Stores.default()


def say(line: str) -> None:
    """Write one line of narration."""
    sys.stderr.write(f"{narrated(line)}\n")


def assumed_text(symbols: Sequence[str], assumed: Sequence[str]) -> str:
    """Return the assumed values by name, with the symbols where it is not all of them."""
    owners: dict[str, list[str]] = {}
    for value in assumed:
        owner, _, name = value.partition(".")
        owners.setdefault(f"costs.{name}" if owner == "costs" else name, []).append(owner)
    found = [
        name if owned in ([*symbols], ["costs"]) else f"{name} of {', '.join(owned)}" for name, owned in owners.items()
    ]
    return "; ".join(found) or "nothing"
