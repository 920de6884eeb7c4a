"""What of the contract a strategy uses, read from its two files, so that no list beside it can be wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import talib

from autarch.manifest import StrategySource
from autarch.strategy.contract import CALENDAR, COLUMNS

GROUPS: dict[str, str] = {name: group for group, names in talib.get_function_groups().items() for name in names}
"""TA-Lib's group of each of its functions."""
_COLUMNS = frozenset((*COLUMNS, *CALENDAR))
_WINDOWS = frozenset({"rolling", "ewm", "expanding", "groupby", "resample", "spread"})
_SYNTAX: dict[type[ast.AST], str] = {
    ast.For: "loop",
    ast.While: "loop",
    ast.ListComp: "comprehension",
    ast.GeneratorExp: "comprehension",
    ast.DictComp: "comprehension",
    ast.Lambda: "lambda",
}


def features_of(source: StrategySource) -> tuple[str, ...]:
    """Return what the strategy uses, sorted: `ops.latch`, `talib: Volume Indicators`, `pandas.ewm`, `panel`, ..."""
    return tuple(sorted({*_of_manifest(source), *_of_code(ast.parse(source.code))}))


def _of_manifest(source: StrategySource) -> Iterator[str]:
    manifest = source.manifest
    yield f"interval {manifest.interval}"
    yield manifest.mode
    yield f"leverage {'above' if manifest.max_leverage > 1 else 'up to'} 1"
    if manifest.context:
        yield "context"
    if manifest.search:
        yield "search"
    if not manifest.params:
        yield "no parameters"


def _of_code(tree: ast.Module) -> Iterator[str]:
    modules = {
        alias.asname or alias.name: alias.name
        for node in tree.body
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if type(node) in _SYNTAX:
            yield _SYNTAX[type(node)]
        elif isinstance(node, ast.FunctionDef) and node.name != "decide":
            yield "helper"
        elif isinstance(node, ast.Attribute):
            yield from _of_attribute(node, modules)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Targets":
            yield from _of_targets(node)


def _of_attribute(node: ast.Attribute, modules: dict[str, str]) -> Iterator[str]:
    owner = ast.unparse(node.value)
    if owner == "ops":
        yield f"ops.{node.attr}"
    elif modules.get(owner) == "talib" and node.attr in GROUPS:
        yield f"talib: {GROUPS[node.attr]}"
    elif modules.get(owner) in {"numpy", "math"}:
        yield modules[owner]
    elif owner in {"np.linalg", "np.fft"}:
        yield owner.replace("np", "numpy")
    elif node.attr in _WINDOWS:
        yield f"bars.{node.attr}" if node.attr in {"resample", "spread"} else f"pandas.{node.attr}"
    elif node.attr in _COLUMNS and not owner.startswith(("np", "pd", "talib")):
        yield f"bars.{node.attr}"


def _of_targets(node: ast.Call) -> Iterator[str]:
    for keyword in node.keywords:
        if keyword.arg in {"stop_loss", "take_profit"}:
            one = isinstance(keyword.value, ast.Constant) or ast.unparse(keyword.value).startswith("p.")
            yield f"{keyword.arg} {'number' if one else 'array'}"
