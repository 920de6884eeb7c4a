"""What `autarch backtest` is asked about: strategies by name, folder or commit, the data set, parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autarch.cli.main import load
from autarch.errors import DataError, StrategyError, UsageError

if TYPE_CHECKING:
    from autarch.manifest import Manifest, ParamValue, StrategySource
    from autarch.market.lock_types import DatasetLock
    from autarch.market.stores import Stores
    from autarch.market.types import Split

STRATEGIES = "strategies"
LOCKS = Path("ci") / "datasets"
SYNTHETIC = re.compile(r"synthetic market, seed (?P<seed>\d+), planted edges: (?P<edges>.+)")
"""How the lock of a synthetic market tells where its bars came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One strategy as it was asked for; `place` is its folder, or its commit and path, for messages."""

    label: str
    place: str
    source: StrategySource


def find_strategy(text: str, *, root: Path, cwd: Path) -> Named:
    """Return the strategy `text` names: a slug, `slug@commit`, or a folder.

    Raises:
        UsageError: there is none of that name; near names are told.
        StrategyError: its folder or manifest is not a strategy's.
    """
    if "@" in text:
        return _at_commit(text, root)
    folder = cwd / text
    if not (folder / "manifest.toml").is_file() and "/" not in text:
        folder = root / STRATEGIES / text
    if not folder.is_dir():
        raise UsageError(f"there is no strategy {text!r}{_nearest(text, _slugs(root))}")
    candidate = load("ci.target").candidate_of_folder(folder, base=None)
    if candidate.source is None:
        raise StrategyError(candidate.source_problem or " ".join(candidate.problems))
    return Named(label=text.rstrip("/").rpartition("/")[2] or text, place=_short(folder, root), source=candidate.source)


def _at_commit(text: str, root: Path) -> Named:
    from autarch.repo.git import GitRepo
    from autarch.repo.strategies import read_strategy

    slug, _, name = text.partition("@")
    repo = GitRepo(root)
    commit = load("ci.target").resolve(repo, name)
    source = read_strategy(repo, commit, slug)
    return Named(label=f"{slug}@{name}", place=f"{commit[:12]}:{STRATEGIES}/{slug}", source=source)


def find_lock(name: str, *, root: Path) -> DatasetLock:
    """Return the lock of the data set `name` in the clone.

    Raises:
        UsageError: there is none of that name; near names are told.
        DataError: it is malformed.
    """
    from autarch.market.lock import load_lock

    path = root / LOCKS / f"{name}.toml"
    if not path.is_file():
        known = [found.stem for found in (root / LOCKS).glob("*.toml")]
        raise UsageError(f"there is no data set {name!r}{_nearest(name, known)}. See: autarch data ls")
    return load_lock(path)


def check_data(lock: DatasetLock, manifest: Manifest, *, split: str) -> None:
    """Refuse what the data set cannot show the strategy, before anything is loaded.

    Raises:
        DataError: a symbol or the interval is not in it, or the split is empty.
    """
    from autarch.manifest import INTERVAL_MS

    wanted = (*manifest.symbols, *manifest.context)
    lacking = [symbol for symbol in wanted if symbol not in lock.symbols]
    if lacking:
        raise DataError(
            f"data set {lock.name} has no {', '.join(lacking)}, which {manifest.name} needs; it has "
            f"{', '.join(lock.symbols)}. Choose another with --dataset (autarch data ls), or import one with them"
        )
    for symbol in wanted:
        stored = [series.interval or "" for series in lock.series_of(symbol, "kline")]
        if not any(manifest.interval_ms % INTERVAL_MS[interval] == 0 for interval in stored):
            raise DataError(
                f"data set {lock.name} has {symbol} at {', '.join(stored)}, from which no {manifest.interval} bars can "
                f"be made for {manifest.name}; choose another with --dataset, or import a finer interval"
            )
    start_ms, end_ms = {"train": lock.splits.train, "forward": lock.splits.forward}[split]
    if end_ms - start_ms < manifest.interval_ms:
        raise DataError(f"the {split} split of {lock.name} is empty; choose another data set or split")


def check_bytes(lock: DatasetLock, symbols: Sequence[str], *, split: Split, stores: Stores) -> None:
    """Say which command brings the bytes that a store lacks, before anything is loaded.

    Raises:
        DataError: a series of `symbols` is not in the split's store.
    """
    from autarch.market.stores import ENVIRONMENT

    named = [series for series in lock.series if series.symbol in symbols]
    missing = [series.label for series in named if not stores.has(split, series.block(split).sha256)]
    if missing:
        raise DataError(
            f"the {split} store {stores.root(split)} lacks {len(missing)} of the {len(named)} series of {lock.name} "
            f"that are needed, first {missing[0]}. Bring them with: {bringing(lock)}; or set {ENVIRONMENT[split]} "
            "to a store that has them"
        )


def bringing(lock: DatasetLock) -> str:
    """Return the command line that makes or fetches the bytes a lock names, as far as the lock tells."""
    start_ms, end_ms = lock.splits.train[0], lock.splits.forward[1]
    made = SYNTHETIC.fullmatch(lock.origin)
    if made is not None:
        from autarch.manifest import INTERVAL_MS

        bars = (end_ms - start_ms) // INTERVAL_MS[lock.interval]
        edges = made["edges"].replace(", ", ",").replace(" ", ":")
        return f"autarch data synth --name {lock.name} --seed {made['seed']} --edges {edges} --bars {bars}"
    intervals = ",".join(lock.intervals)
    if lock.origin.startswith("Bybit"):
        return (
            f"autarch data sync {' '.join(lock.symbols)} --interval {intervals} --from {start_ms} --to {end_ms} "
            f"--name {lock.name}"
        )
    return f"autarch data import FOLDER --name {lock.name} --symbols {','.join(lock.symbols)} --interval {intervals}"


def parse_params(texts: Sequence[str], manifest: Manifest) -> dict[str, ParamValue]:
    """Return the values of `name=value` texts, each of the type the manifest gives the name.

    Raises:
        UsageError: no such parameter, given twice, or a value of another type.
    """
    found: dict[str, ParamValue] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {text!r}: write name=value")
        if name not in manifest.params:
            raise UsageError(f"{manifest.name} has no parameter {name!r}{_nearest(name, list(manifest.params))}")
        if name in found:
            raise UsageError(f"--param {name} is given twice; say which")
        found[name] = _value(name, value, like=manifest.params[name])
    return found


def _value(name: str, text: str, *, like: ParamValue) -> ParamValue:
    import math

    words: Mapping[str, bool] = {"true": True, "false": False}
    try:
        if isinstance(like, bool):
            return words[text.lower()]
        value = int(text) if isinstance(like, int) else float(text)
    except (KeyError, ValueError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(like)]
        raise UsageError(f"--param {name}={text}: the manifest says {like!r}, so write {kind}") from None
    if not math.isfinite(value) or abs(value) > 2**53:
        raise UsageError(f"--param {name}={text}: it must be finite and below 2**53")
    return value


def _slugs(root: Path) -> list[str]:
    return sorted(path.parent.name for path in (root / STRATEGIES).glob("*/manifest.toml"))


def _nearest(name: str, known: Sequence[str]) -> str:
    """Return how a message about an unknown name goes on."""
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are: {', '.join(sorted(known)) or 'none'}"


def _short(folder: Path, root: Path) -> str:
    try:
        return folder.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(folder)
