"""Replace one rule of the engine at a time and let the referee look: a process with compiled code interpreted.

Prints one JSON object: what the referee says (None: nothing), by the fault's name; "none" is the engine as it is.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

import autarch.engine as engine_package
from autarch.engine import rules
from autarch.referee import disagreement, referee

HERE = Path(__file__).resolve().parent
MEMORY = 2**40  # items an address may be the first of; nothing is looked at beyond the kernel's own tables

FAULTS: dict[str, tuple[str, Callable[[Any], Callable[..., Any]]]] = {
    "funding sign": ("funding_payment", lambda right: lambda *a: -right(*a)),
    "no slippage": ("slippage_frac", lambda _: lambda *_a: 0.0),
    "price rounded towards the trader": (
        "fill_price",
        lambda right: lambda price, side, slip, unit, scale: right(price, -side, -slip, unit, scale),
    ),
    "size rounded away from zero": ("wanted_steps", lambda right: lambda e, *a: right(e, *a) + (e > 0) - (e < 0)),
    "trigger a tick too far": (
        "trigger_price",
        lambda right: lambda entry, side, d, unit, scale: right(entry, side, d, unit, scale) + side * unit / scale,
    ),
    "no latch": ("latch_after", lambda _: lambda *_a: 0.0),
    "a latch that never lets go": ("latch_after", lambda _: lambda latch, _exposure: latch),
    "the minimum ignored": ("below_minimum", lambda _: lambda *_a: False),
    "bankruptcy without a loss": ("bankruptcy_price", lambda _: lambda entry, *_a: entry),
    "liquidation by the first tier": ("tier_of", lambda _: lambda *_a: 0),
    "liquidation by the further solution": (
        "nearer",
        lambda _: lambda side, one, two: min(one, two) if side > 0 else max(one, two),
    ),
    "the last price taken for the average": ("average_entry", lambda _: lambda _p, _e, _a, price: price),
    "the stop always before the liquidation": ("stop_comes_first", lambda _: lambda *_a: True),
    "nothing unrealised": ("equity_part", lambda _: lambda booked, *_a: booked),
    "every bar a new decision": ("differs", lambda _: lambda *_a: True),
}


@contextmanager
def planted(name: str, wrong: Callable[[Any], Callable[..., Any]]) -> Iterator[None]:
    """Put another function in the place of a rule, wherever the engine has taken it to."""
    right = getattr(rules, name)
    modules = [m for n, m in sys.modules.items() if n.startswith(engine_package.__name__)]
    places = [module for module in modules if getattr(module, name, None) is right]
    fault = wrong(right)
    for module in places:
        setattr(module, name, fault)
    try:
        yield
    finally:
        for module in places:
            setattr(module, name, right)


def said(pitch: Any) -> str | None:
    """Return what the referee says first, over a few cases that hold every rule."""
    cases = (
        pitch.case(4, n=60, turnover=2000.0, max_leverage=2.0, min_notional=Decimal(400)),
        pitch.case(23, n=150, max_leverage=10.0, swing=0.03, stop=0.0, take=0.0, wiggle=0.3),
        pitch.case(21, n=150, max_leverage=6.0, swing=0.06, stop=0.12, take=0.0, hold=9, wiggle=0.0),
    )
    for market, decisions in cases:
        result = engine_package.backtest(market, decisions, costs=pitch.dear, capital=1000.0)
        found = disagreement(result, referee(market, decisions, costs=pitch.dear, capital=1000.0))
        if found is not None:
            return str(found)
    return None


def interpret() -> None:
    """Let Python do what compiled primitives of the kernel do: read an address, give its memory a shape."""

    def at(kind: Any) -> Callable[[int], Any]:
        return lambda address: np.ctypeslib.as_array((kind * MEMORY).from_address(int(address)))

    memory = {"floats_at": at(ctypes.c_double), "ints_at": at(ctypes.c_int64), "bytes_at": at(ctypes.c_uint8)}
    memory["carray"] = lambda values, shape: values[: int(np.prod(shape))].reshape(shape)
    for module in [m for n, m in sys.modules.items() if n.startswith(engine_package.__name__)]:
        for name in memory.keys() & vars(module).keys():
            setattr(module, name, memory[name])


def main() -> int:
    """Print what is said to each fault."""
    interpret()
    spec = importlib.util.spec_from_file_location("referee_cases", HERE / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    cases = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = cases
    spec.loader.exec_module(cases)
    answers = {"none": said(cases.Pitch())}
    for fault, (name, wrong) in FAULTS.items():
        with planted(name, wrong):
            answers[fault] = said(cases.Pitch())
    sys.stdout.write(json.dumps(answers))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
