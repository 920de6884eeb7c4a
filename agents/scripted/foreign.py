"""Change a strategy that the grammar did not write: by its syntax tree and its manifest, whoever wrote it."""

from __future__ import annotations

import ast
import random
from collections.abc import Mapping
from typing import Any

import tomlkit
import tomlkit.items

from agents.scripted.genome import Market

FILTERS = (
    ("np.abs(ops.zscore(bars.close, 96)) < p.quiet", "quiet", 2.0, (1.5, 3.0, 0.25), 100),
    ("bars.volume > p.busy * ops.lag(bars.volume, 1)", "busy", 0.8, (0.4, 1.2, 0.1), 2),
)
"""Condition, its parameter, value, range and what it remembers; for strategies that see one symbol at a time."""
PANEL_FILTERS = (("(bars.weekday < p.day)[:, None]", "day", 5, (5, 7, 1), 0),)


def alter(manifest: bytes, code: bytes, rng: random.Random, *, slug: str, parent: str) -> dict[str, bytes]:
    """Return the two files with a filter before the exposure, where there is room for one, and two numbers moved.

    Numbers alone are no change of structure: whoever asked for one would refuse it as a copy.
    """
    document = tomlkit.parse(manifest.decode("utf-8"))
    text = code.decode("utf-8")
    _rename(document, slug, parent)
    _move_numbers(document, rng)
    found = _exposure(text)
    if found is not None:
        text = _filtered(document, text, found, rng)
    return {"manifest.toml": tomlkit.dumps(document).encode(), "strategy.py": text.encode()}


def port(manifest: bytes, code: bytes, there: Market, *, slug: str, parent: str) -> dict[str, bytes] | None:
    """Return the two files for the symbols and the interval of `there`; None where nothing would change by it.

    A strategy that ranks symbols, or reads some beside those it trades, is about those: it stays where it is.
    """
    document = tomlkit.parse(manifest.decode("utf-8"))
    old = (tuple(document["symbols"]), str(document["interval"]))
    if document["mode"] == "panel" or document.get("context") or (there.symbols, there.interval) == old:
        return None
    _rename(document, slug, parent)
    document["symbols"], document["interval"] = list(there.symbols), there.interval
    return {"manifest.toml": tomlkit.dumps(document).encode(), "strategy.py": code}


def simplify(manifest: bytes, code: bytes, rng: random.Random, *, slug: str, parent: str) -> dict[str, bytes]:
    """Return the two files without a stop, filter or band, the first there is; else with numbers moved: never more."""
    document = tomlkit.parse(manifest.decode("utf-8"))
    text = code.decode("utf-8")
    _rename(document, slug, parent)
    plain = _without(text, ("stop_loss", "take_profit"))
    if plain == text:
        plain = _unwrapped(text)
    if plain == text:
        _move_numbers(document, rng)
    else:
        _forget_unread(document, plain)
    return {"manifest.toml": tomlkit.dumps(document).encode(), "strategy.py": plain.encode()}


def with_warmup(manifest: bytes, bars: int) -> bytes:
    """Return the manifest with another warm-up."""
    document = tomlkit.parse(manifest.decode("utf-8"))
    document["warmup"] = bars
    return tomlkit.dumps(document).encode()


def _forget_unread(document: Any, text: str) -> None:
    """Take out parameters that nothing reads any more: the policy refuses them."""
    for name in [str(name) for name in document.get("params", {})]:
        if f"p.{name}" not in text:
            document["params"].pop(name)
            document.get("search", {}).pop(name, None)


def _rename(document: Any, slug: str, parent: str) -> None:
    document["name"] = slug
    if "origin" not in document:
        document["origin"] = tomlkit.table()
    document["origin"]["parent"] = parent
    document["origin"].pop("retires", None)


def _targets(text: str) -> ast.Call | None:
    """Return the last `Targets(exposure=...)` that is returned."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    calls = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and isinstance(node.value, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Targets"]
    return max(named, key=lambda call: call.lineno, default=None)


def _exposure(text: str) -> ast.expr | None:
    call = _targets(text)
    return None if call is None else next((word.value for word in call.keywords if word.arg == "exposure"), None)


def _filtered(document: Any, text: str, exposure: ast.expr, rng: random.Random) -> str:
    choices = PANEL_FILTERS if document["mode"] == "panel" else FILTERS
    free = [choice for choice in choices if choice[1] not in document.get("params", {})]
    if not free:
        return text
    condition, name, value, (low, high, step), memory = rng.choice(free)
    inner = ast.get_source_segment(text, exposure) or ""
    changed = _replaced(text, exposure, f"np.where({condition}, {inner}, 0.0)")
    for module, line in (("np", "import numpy as np"), ("ops", "from autarch.strategy import ops")):
        changed = changed if f"{module}." not in condition and module != "np" else _imported(changed, module, line)
    for table in ("params", "search"):
        if table not in document:
            document[table] = tomlkit.table()
    document["params"][name] = value
    span = tomlkit.inline_table()
    span.update({"low": low, "high": high, "step": step})
    document["search"][name] = span
    document["warmup"] = int(document["warmup"]) + memory
    return changed


def _unwrapped(text: str) -> str:
    """Return the code with the exposure that a filter lets through or a band holds back; the same without either."""
    found = _exposure(text)
    if not (isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute)):
        return text
    place = {"where": 1, "band": 0}.get(found.func.attr)
    if place is None or len(found.args) <= place:
        return text
    return _replaced(text, found, ast.get_source_segment(text, found.args[place]) or "")


def _imported(text: str, name: str, line: str) -> str:
    tree = ast.parse(text)
    bound = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    if name in bound:
        return text
    first = next(node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    lines = text.splitlines(keepends=True)
    lines.insert(first.lineno - 1, f"{line}\n")
    return "".join(lines)


def _without(text: str, names: tuple[str, ...]) -> str:
    call = _targets(text)
    if call is None or not any(word.arg in names for word in call.keywords):
        return text
    kept = [word for word in call.keywords if word.arg not in names]
    inner = ", ".join(f"{word.arg}={ast.get_source_segment(text, word.value)}" for word in kept)
    return _replaced(text, call, f"Targets({inner})")


def _replaced(text: str, node: ast.expr, by: str) -> str:
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))  # strategies are ASCII: columns are characters
    begin = starts[node.lineno - 1] + node.col_offset
    end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
    return text[:begin] + by + text[end:]


def _move_numbers(document: Any, rng: random.Random) -> None:
    spans: Mapping[str, Any] = document.get("search", {})
    names = sorted(spans)
    for name in rng.sample(names, k=min(2, len(names))):
        span, old = spans[name], document["params"][name]
        low, high = float(span["low"]), float(span["high"])
        step = float(span.get("step", (high - low) / 20))
        steps = max(1, round((high - low) / step))
        value = low + rng.randint(0, steps) * step
        document["params"][name] = int(value) if isinstance(old, int) else float(format(min(value, high), ".6g"))
