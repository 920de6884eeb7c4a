"""Plant a fault of the kind people write into the executor, the venue or the journal, and count the seeds to find it.

A plant replaces one piece of source text of one function, in process, for a block.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from .running import live


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One fault. `where`: module:qualified name; `old` occurs in its source and becomes `new`."""

    name: str
    where: str
    old: str
    new: str


class StalePlantError(Exception):
    """The code no longer holds what a plant replaces."""


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """Let the code have the fault within a block.

    Raises:
        StalePlantError: the text to replace is not there.
    """
    owner, name, original = _found(plant.where)
    source = textwrap.dedent(inspect.getsource(original))
    if plant.old not in source:
        raise StalePlantError(f"{plant.name}: {plant.where} no longer holds {plant.old!r}; plant it anew")
    made: dict[str, Any] = {}
    code = compile(source.replace(plant.old, plant.new), f"<planted {plant.name}>", "exec", dont_inherit=True,
                   flags=_annotations())  # fmt: skip
    exec(code, original.__globals__, made)  # noqa: S102  our own source with one piece replaced
    holders = [owner] if isinstance(owner, type) else _holders(name, original)
    for holder in holders:
        setattr(holder, name, made[name])
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, name, original)


def function_of(plant: Plant) -> Any:
    """Return the function that has the plant's place now."""
    return _found(plant.where)[2]


def _found(where: str) -> tuple[Any, str, Any]:
    module, _, path = where.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name, inspect.unwrap(getattr(owner, name))


def _holders(name: str, function: Any) -> list[Any]:
    """Return every module that has imported a function by its name."""
    return [module for module in tuple(sys.modules.values()) if getattr(module, "__dict__", {}).get(name) is function]


def _annotations() -> int:
    """Return the flag of `from __future__ import annotations`, under which all of our modules are written."""
    flag: int = importlib.import_module("__future__").annotations.compiler_flag
    return flag


def hunt(plant: Plant, *, rounds: int, most: int) -> Hunt:
    """Live seeds until the plant shows, from a different seed on in each round.

    Args:
        plant: What to look for.
        rounds: How often.
        most: Seeds that a round may take.
    """
    counts: list[int | None] = []
    shown = ""
    with planted(plant):
        for number in range(rounds):
            first = 1000 * (number + 1)
            counts.append(None)
            for tried, seed in enumerate(range(first, first + most), 1):
                broken = live(seed).broken
                if broken:
                    counts[-1], shown = tried, shown or broken[0]
                    break
    return Hunt(plant=plant, seeds=tuple(counts), shown=shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """How many seeds each of several rounds took to find a plant; None where a round did not."""

    plant: Plant
    seeds: tuple[int | None, ...]
    shown: str

    @property
    def median(self) -> float | None:
        """Median number of seeds, None when a round found nothing."""
        found = [seeds for seeds in self.seeds if seeds is not None]
        return median(found) if len(found) == len(self.seeds) else None
