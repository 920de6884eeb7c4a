"""What a run of the benchmark measures: which engine, on which work, on how many bars, how often.

backtrader plays some thousand bars a second, so it and backtesting.py are given fewer; times are compared
per bar and final equities on the same bars.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.peers.work import Work, works

YEAR, HALF, MONTH = 525_600, 262_800, 52_560
GROWTH = (52_560, 525_600, 5_256_000)
SEED_ONE, SEED_TEN = 7, 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One engine on one work.

    Attributes:
        engine: As `measure` calls it.
        work: Name of the work.
        bars: Bars of each symbol.
        pairs: How many of the work's pairs, from the first on.
        rounds: Fresh processes.
        repeats: Timed runs in each, after one on a few bars that is not timed.
    """

    engine: str
    work: str
    bars: int
    pairs: int = 1
    rounds: int = 3
    repeats: int = 1

    @property
    def key(self) -> str:
        """Its name in the samples."""
        return f"{self.work}/{self.engine}/{self.bars}x{self.pairs}"


def full() -> dict[str, tuple[Entry, ...]]:
    """Return the whole plan by stage; each stage is interleaved, round by round."""
    year = {"bars": YEAR, "repeats": 7}
    fifth = {"bars": YEAR // 5, "repeats": 7}
    grid = {"bars": YEAR // 5, "pairs": 100}
    return {
        "W1": _stage(
            Entry(engine="autarch", work="W1", **year),
            Entry(engine="floor", work="W1", **year),
            Entry(engine="vectorbt", work="W1", bars=YEAR, repeats=3),
            Entry(engine="backtesting", work="W1", bars=MONTH),
            Entry(engine="backtrader", work="W1", bars=MONTH, rounds=2),
        ),
        "W1s": _stage(
            Entry(engine="autarch", work="W1s", bars=YEAR, rounds=1, repeats=3),
            Entry(engine="floor", work="W1s", bars=YEAR, rounds=1, repeats=3),
            Entry(engine="vectorbt", work="W1s", bars=MONTH // 2, rounds=1),
            Entry(engine="backtesting", work="W1s", bars=MONTH // 2, rounds=1),
            Entry(engine="backtrader", work="W1s", bars=MONTH // 2, rounds=1),
        ),
        "W1f": _stage(
            Entry(engine="autarch", work="W1f", **year),
            Entry(engine="floor", work="W1f", **year),
            Entry(engine="backtrader", work="W1f", bars=MONTH // 2, rounds=2),
        ),
        "W2": _stage(
            Entry(engine="autarch", work="W2", **fifth),
            Entry(engine="floor", work="W2", **fifth),
            Entry(engine="vectorbt", work="W2", bars=YEAR // 5, repeats=3),
            Entry(engine="backtesting", work="W2", bars=YEAR // 5),
            Entry(engine="backtrader", work="W2", bars=MONTH // 2, rounds=1),
        ),
        "W3": _stage(
            Entry(engine="autarch", work="W3", **grid, repeats=3),
            Entry(engine="floor", work="W3", **grid, repeats=3),
            Entry(engine="vectorbt", work="W3", **grid, repeats=1),
            Entry(engine="backtesting", work="W3", bars=YEAR // 5, pairs=3, rounds=1),
            Entry(engine="backtrader", work="W3", bars=MONTH // 5, pairs=2, rounds=1),
        ),
        "W4": _stage(
            Entry(engine="autarch", work="W4", **fifth),
            Entry(engine="floor", work="W4", **fifth),
            Entry(engine="vectorbt", work="W4", bars=YEAR // 5, repeats=3),
            Entry(engine="backtrader", work="W4", bars=MONTH // 10, rounds=1),
        ),
        "growth": tuple(
            Entry(engine=engine, work="W1f", bars=bars, rounds=3, repeats=3)
            for engine in ("autarch", "floor")
            for bars in GROWTH
        ),
    }


def quick() -> dict[str, tuple[Entry, ...]]:
    """Return a plan of seconds on a few thousand bars: its figures mean nothing, its agreements do."""
    few, engines = 2_500, {"W1": PLAIN, "W1s": PLAIN, "W1f": PAYING, "W3": COMPILED, "W4": COMPILED}
    return {
        name: _stage(
            *(
                Entry(engine=engine, work=name, bars=few, pairs=min(2, len(work.pairs)), rounds=1)
                for engine in engines[name]
            )
        )
        for name, work in works().items()
        if name in engines
    }


PLAIN = ("autarch", "floor", "vectorbt", "backtesting", "backtrader")
COMPILED = ("autarch", "floor", "vectorbt")
PAYING = ("autarch", "floor", "backtrader")
"""vectorbt and backtesting.py pay no funding."""


def _stage(*entries: Entry) -> tuple[Entry, ...]:
    """Add Autarch on the same bars and pairs wherever another is given fewer, so that equities compare."""
    return (*entries, *_alike(entries))


def _alike(entries: tuple[Entry, ...]) -> Iterator[Entry]:
    known = {(entry.bars, entry.pairs) for entry in entries if entry.engine == "autarch"}
    for entry in entries:
        if (entry.bars, entry.pairs) not in known:
            known.add((entry.bars, entry.pairs))
            yield Entry(engine="autarch", work=entry.work, bars=entry.bars, pairs=entry.pairs, rounds=1)


def part_of(work: Work, *, pairs: int) -> Work:
    """Return `work` with its first pairs alone."""
    return Work(
        name=work.name,
        bars=work.bars,
        symbols=work.symbols,
        pairs=work.pairs[:pairs],
        funding=work.funding,
        stop=work.stop,
    )
