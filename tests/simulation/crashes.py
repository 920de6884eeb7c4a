"""Kill the executor at every place where it can be killed, one life each: around every append, at every await.

Two lives are cut: one in which all goes well (enter, flip, reduce, close, enter), and one in which orders get lost on
the way, so that what happens in doubt is cut too. A place is the stack of awaits on which the process waits.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from .faults import Aim
from .life import Kill, Life, Making, Outcome
from .market import START_MS, draw
from .running import REAL
from .scenario import Scenario, Wanted, scenario_of

ROOT = Path(__file__).resolve().parents[2]
CODE = ("live/trading", "live/venue/bybit")
OUTSIDE = frozenset({"real.py", "pybit_transport.py", "pybit_streams.py", "shim.py", "places.py", "demands.py"})
PLAIN: tuple[Wanted, ...] = (
    (0.8, 0.02, None), (-0.8, 0.02, 0.05), (-0.3, 0.02, 0.05), (0.0, None, None), (0.5, 0.02, None),
    (0.0, None, None), (0.0, None, None), (0.4, 0.2, None), (0.4, 0.2, None), (0.4, 0.2, None), (0.4, 0.2, None),
)  # fmt: skip
LIVES = ("plain", "lossy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One way to die: before a step, or before or after an append is durable."""

    life: str
    step: int = -1
    append: int = -1
    when: str = "before"


@dataclass(slots=True, kw_only=True)
class Cut:
    """What dying everywhere showed. `awaits`: file:line of every await of ours at which a process died."""

    points: int = 0
    broken: dict[Point, tuple[str, ...]] = field(default_factory=dict)
    awaits: set[str] = field(default_factory=set)


def scenario_named(name: str) -> Scenario:
    """Return the life that is cut."""
    rng = Random(f"cut {name}")  # noqa: S311  a reproducible sequence is the point
    base = scenario_of(0, faults=False)
    aims: tuple[Aim, ...] = ()
    if name == "lossy":
        aims = (
            Aim(state="entering", kind="lose_request"),
            Aim(state="flipping", kind="accept_then_timeout"),
            Aim(state="protecting", kind="http_503"),
            Aim(state="closing", kind="accept_then_10000"),
            Aim(state="held", kind="reset", after_ms=START_MS + 200_000),
        )
    return replace(
        base,
        drawn=draw(rng, symbols=("AAAUSDT",), n_bars=len(PLAIN) + 1, interval_ms=60_000),
        table={"AAAUSDT": PLAIN},
        limits=replace(base.limits, max_daily_loss_frac=1.0, max_drawdown_frac=1.0, max_gross_leverage=10.0,
                       orders_per_minute=60),
        aims=aims,
        calm_ms=START_MS + 6 * 60_000,
        beat_ms=5000,
    )  # fmt: skip


def points_of(name: str, *, each: int, making: Making = REAL) -> tuple[Point, ...]:
    """Return the ways to die in a life: around each append, and at the first `each` visits to each place."""
    life = Life(scenario_named(name), making)
    life.stacks = []
    outcome = life.run()
    if outcome.broken:
        raise AssertionError(f"the {name} life breaks without a crash: {outcome.broken}")
    seen: Counter[str] = Counter()
    found = [
        Point(life=name, append=n, when=when) for n in range(1, outcome.appends + 1) for when in ("before", "after")
    ]
    for step, stack in enumerate(life.stacks, 1):
        seen[stack] += 1
        if seen[stack] <= each:
            found.append(Point(life=name, step=step))
    return tuple(found)


def die_at(point: Point, making: Making = REAL) -> Outcome:
    """Live a life that is cut at a point."""
    kill = Kill(step=point.step, append=point.append, when=point.when)
    return Life(scenario_named(point.life), making, kill).run()


def summed(points: Sequence[Point], outcomes: Iterable[Outcome]) -> Cut:
    """Sum up lives that were cut."""
    cut = Cut()
    for point, outcome in zip(points, outcomes, strict=True):
        cut.points += 1
        cut.awaits.update(outcome.where.split("|"))
        if outcome.broken:
            cut.broken[point] = outcome.broken
    return cut


def awaits_of_code() -> set[str]:
    """Return file:line of every await in the executor and in the Bybit venue's logic."""
    found = set()
    for folder in CODE:
        for path in sorted((ROOT / folder).glob("*.py")):
            if path.name in OUTSIDE or path.name.startswith("pybit"):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Await | ast.AsyncWith):
                    found.add(f"{path}:{node.lineno}")
    return found
