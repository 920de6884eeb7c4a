"""Grids of parameter values as they are written on a command line: `fast=5:100:5`, `slow=20,50,100`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from autarch.errors import UsageError
from autarch.manifest import ParamValue

SETS_MAX = 100_000
_DIGITS = 12
_WORDS = {"true": True, "false": False}


def parse_grid(texts: Sequence[str], defaults: Mapping[str, ParamValue]) -> list[dict[str, ParamValue]]:
    """Return every combination of what `texts` say, the last parameter moving fastest.

    `name=low:high:step` counts up from low and includes high where it is met; `name=a,b,c` lists values.
    Values have the type that `defaults`, the manifest's [params], gives the name.

    Raises:
        UsageError: an unknown or repeated name, a value of another type, or more than SETS_MAX sets.
    """
    axes: dict[str, list[ParamValue]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise UsageError(f"--grid {text!r}: write name=low:high:step or name=value,value")
        if name not in defaults:
            raise UsageError(
                f"--grid {name}: there is no such parameter; [params] has: {', '.join(defaults) or 'none'}"
            )
        if name in axes:
            raise UsageError(f"--grid {name} is given twice; put all its values in one")
        axes[name] = _axis(name, values, like=defaults[name])
    count = math.prod(len(axis) for axis in axes.values())
    if count > SETS_MAX:
        raise UsageError(
            f"the grid has {count:,} sets; at most {SETS_MAX:,} are allowed. Use larger steps, or --trials"
        )
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _axis(name: str, text: str, *, like: ParamValue) -> list[ParamValue]:
    parts = text.split(":")
    if len(parts) == 1:
        values = [_value(name, part, like=like) for part in text.split(",")]
    elif len(parts) == 3 and not isinstance(like, bool):
        low, high, step = (_value(name, part, like=like) for part in parts)
        values = _counted(name, low, high, step)
    else:
        raise UsageError(f"--grid {name}={text}: write low:high:step, or values parted by commas")
    if len(set(values)) != len(values):
        raise UsageError(f"--grid {name}={text}: a value occurs twice; name each once")
    return values


def _counted(name: str, low: ParamValue, high: ParamValue, step: ParamValue) -> list[ParamValue]:
    if step <= 0 or low > high:
        raise UsageError(f"--grid {name}={low}:{high}:{step}: the step must be above zero, and low not above high")
    count = (high - low) / step + 1
    if count > SETS_MAX:
        raise UsageError(f"--grid {name} has {count:,.0f} values; at most {SETS_MAX:,} sets are allowed")
    values = [low + index * step for index in range(int(count + 1e-9))]
    if isinstance(low, int):
        return values
    return [float(format(value, f".{_DIGITS}g")) for value in values]  # 0.3, not 0.30000000000000004


def _value(name: str, text: str, *, like: ParamValue) -> ParamValue:
    try:
        if isinstance(like, bool):
            return _WORDS[text.strip().lower()]
        value = int(text) if isinstance(like, int) else float(text)
    except (KeyError, ValueError):
        kind = {
            bool: "true or false",
            int: "whole numbers, low:high:step or value,value",
            float: "numbers, low:high:step or value,value",
        }[type(like)]
        raise UsageError(f"--grid {name}: found {text!r}; the manifest says {like!r}, so write {kind}") from None
    if not math.isfinite(value) or abs(value) > 2**53:
        raise UsageError(f"--grid {name}: {text} must be finite and below 2**53")
    return value
