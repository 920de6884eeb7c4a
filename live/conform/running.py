"""Play every step, tidy up, and say what held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from autarch.errors import AutarchError, VenueError
from live.conform import refusals, resting, trading, watching
from live.conform.bench import Bench
from live.conform.values import Result, Seen, Step, verdict_of
from live.venue.bybit.ports import StreamDown

STEPS: Final[tuple[Step, ...]] = (*refusals.STEPS, *resting.STEPS, *trading.STEPS, *watching.STEPS)
Told = Callable[[str], None]


async def run_steps(bench: Bench, *, run: str, told: Told, steps: Sequence[Step] = STEPS) -> tuple[Result, ...]:
    """Play `steps` on a flat symbol and leave it flat; `told` hears each result.

    Raises:
        ConfigError: the symbol is not to be had for this.
        VenueError: something is left that could not be tidied up; the text says what.
        StreamDown: the private stream cannot be had.
    """
    await bench.prepare(run)
    results = []
    try:
        for step in steps:
            result = await _played(bench, step)
            told(f"{result.verdict:9} {result.name}: {result.seen}")
            results.append(result)
    finally:
        left = await bench.tidy()
    if left:
        raise VenueError(f"the run has left {left} behind; cancel or close it by hand before anything trades there")
    return tuple(results)


def body_of(results: Sequence[Result], **facts: str) -> dict[str, Any]:
    """Return a run as the body of its record; `facts`: environment, symbol, time, runtime."""
    differing = [result.name for result in results if result.verdict == "differs"]
    untold = [result.name for result in results if result.verdict == "undecided" and result.vital]
    return {
        "kind": "conformance",
        "schema": 1,
        **facts,
        "conforms": not differing and not untold,
        "differs": differing,
        "undecided": [result.name for result in results if result.verdict == "undecided"],
        "steps": [
            {name: getattr(result, name) for name in ("name", "expected", "seen", "verdict", "matters", "vital")}
            for result in results
        ],
    }


async def _played(bench: Bench, step: Step) -> Result:
    try:
        seen = await step.play(bench)
    except (AutarchError, StreamDown, KeyError, IndexError, ValueError, ArithmeticError) as error:
        seen = Seen(text=f"could not be told: {type(error).__name__}: {error}", held=None)
    return Result(
        name=step.name,
        expected=step.expects,
        seen=seen.text,
        verdict=verdict_of(seen),
        matters=step.matters,
        vital=step.vital,
    )
