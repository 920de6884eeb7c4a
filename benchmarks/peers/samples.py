"""Take the samples of a plan, each in a fresh process, and keep them in a file, so that a run can go on."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import ROOT, python_of
from benchmarks.peers.plan import SEED_ONE, SEED_TEN, Entry
from benchmarks.peers.work import works, write_prices

Say = Callable[[str], None]
_SECONDS_MAX = 1_800


class Samples:
    """Samples by stage and key, appended to one file of JSON lines as they are taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[tuple[str, str], list[Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                stage, key, found = json.loads(line)
                self._known.setdefault((stage, key), []).append(found)

    def of(self, stage: str, key: str) -> list[Any]:
        """Return what was sampled under a key, oldest first."""
        return self._known.get((stage, key), [])

    def add(self, stage: str, key: str, found: Any) -> None:
        """Keep one sample, on disk before this returns."""
        self._known.setdefault((stage, key), []).append(found)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([stage, key, found]) + "\n")
            file.flush()
            os.fsync(file.fileno())


def quiet_environment() -> dict[str, str]:
    """Return the environment of a measured process: it may write bytecode and draws no progress."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "TQDM_DISABLE": "1"}


def prepare_prices(folder: Path, stages: Mapping[str, tuple[Entry, ...]], say: Say) -> None:
    """Write the market files that the whole plan reads, once: a longer walk is another walk from its first bar on."""
    needed: dict[int, int] = {}
    for entry in (entry for entries in stages.values() for entry in entries):
        symbols = works()[entry.work].symbols
        needed[symbols] = max(needed.get(symbols, 0), entry.bars)
    for symbols, bars in sorted(needed.items()):
        done = _folder_of(folder, symbols) / f"{bars}.done"
        if not done.exists():
            say(f"writing {bars:,} bars of {symbols} symbols")
            write_prices(done.parent, bars=bars, symbols=symbols, seed=SEED_ONE if symbols == 1 else SEED_TEN)
            done.touch()


def take(folder: Path, stage: str, entries: tuple[Entry, ...], samples: Samples, say: Say) -> int:
    """Take what is missing of one stage, round by round over its engines; return how many processes failed."""
    failed = 0
    for number, entry in _interleaved(entries):
        if len(samples.of(stage, entry.key)) > number:
            continue
        say(f"{stage} round {number + 1} of {entry.rounds}: {entry.key}")
        found, complaint = _sample(folder, entry)
        if complaint:
            failed += 1
            say(f"  failed: {complaint}")
        else:
            samples.add(stage, entry.key, found)
    return failed


def _interleaved(entries: tuple[Entry, ...]) -> Iterator[tuple[int, Entry]]:
    for number in range(max(entry.rounds for entry in entries)):
        for entry in entries:
            if number < entry.rounds:
                yield number, entry


def _sample(folder: Path, entry: Entry) -> tuple[Any, str]:
    prices = _folder_of(folder, works()[entry.work].symbols)
    numbers = (entry.bars, entry.pairs, entry.repeats)
    command = [str(python_of(entry.engine)), "-m", "benchmarks.peers.measure", entry.engine, entry.work, str(prices)]
    return told_by([*command, *(str(number) for number in numbers)])


def told_by(command: list[str]) -> tuple[Any, str]:
    """Return the JSON object a command prints, or why there is none."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=quiet_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode != 0:
        return None, f"exit {done.returncode}: {done.stderr.strip()[-600:]}"
    try:
        return json.loads(done.stdout.strip().splitlines()[-1]), ""
    except (ValueError, IndexError):
        return None, f"no JSON in {done.stdout[-300:]!r}"


def _folder_of(folder: Path, symbols: int) -> Path:
    return folder / ("one" if symbols == 1 else "ten")
