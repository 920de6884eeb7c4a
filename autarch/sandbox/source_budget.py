"""How much a strategy may write down instead of compute: no table of answers fits.

Own choice of limits: the seed strategies use about a tenth of each at most. What stays within them holds
some hundred decimal digits, against the thousands of decisions a table would need.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from autarch.sandbox.source_finding import Finding
from autarch.sandbox.source_nodes import nodes_of

NODES_MAX = 6_000
DEPTH_MAX = 60
NUMBERS_MAX = 100
DIGITS_MAX = 200
NUMBER_DIGITS_MAX = 8
CONTAINER_MAX = 16
ELEMENTS_MAX = 160
STRING_MAX = 40
STRINGS_MAX = 200
NAME_MAX = 40
KEYWORDS_MAX = 200
PARAMS_MAX = 32
PARAMS_DIGITS_MAX = 240

_TABLE = "a table of values is not a rule; compute them from the bars or move a few to [params]"


def check_shape(tree: ast.Module) -> tuple[tuple[ast.AST, ...], tuple[Finding, ...]]:
    """Return the tree's nodes, or a finding when it is too deep or too large to be walked and read."""
    nodes, deep = nodes_of(tree, deepest=DEPTH_MAX)
    if deep is not None:
        return (), (_at(deep, "nesting", f"deeper than {DEPTH_MAX} levels; split it into functions or steps"),)
    if len(nodes) > NODES_MAX:
        text = f"{len(nodes)} syntax nodes, at most {NODES_MAX}; keep one idea in a strategy"
        return (), (_at(tree, "size", text),)
    return nodes, ()


def check_budget(nodes: Sequence[ast.AST], *, params: Sequence[float]) -> tuple[Finding, ...]:
    """Return findings for literals, containers and strings beyond their limits; docstrings are free."""
    findings: list[Finding] = []
    numbers = digits = elements = letters = 0
    free, keywords = _docstrings(nodes), {n.arg for n in nodes if isinstance(n, ast.keyword) and n.arg is not None}
    for node in nodes:
        findings += [
            _at(node, "name", f"{len(name)} letters, at most {NAME_MAX}; shorten {name[:NAME_MAX]}...")
            for name in _names(node)
            if len(name) > NAME_MAX
        ]
        size = _container_size(node)
        elements += 0 if isinstance(node, ast.Call) else size
        if size > CONTAINER_MAX:
            findings.append(_at(node, "container", f"{size} elements, at most {CONTAINER_MAX}; {_TABLE}"))
        if not isinstance(node, ast.Constant) or id(node) in free:
            continue
        if isinstance(node.value, str):
            letters += len(node.value)
            if len(node.value) > STRING_MAX:
                findings.append(_at(node, "string", f"{len(node.value)} letters, at most {STRING_MAX}; {_TABLE}"))
        elif isinstance(node.value, int | float):
            written = _digits(node.value)
            numbers, digits = numbers + 1, digits + written
            if written > NUMBER_DIGITS_MAX:
                findings.append(_at(node, "number", f"{written} digits, at most {NUMBER_DIGITS_MAX}; round it"))
    totals = (
        ("numbers", numbers, NUMBERS_MAX),
        ("digits", digits, DIGITS_MAX),
        ("container elements", elements, ELEMENTS_MAX),
        ("letters in strings", letters, STRINGS_MAX),
        ("letters in names of keyword arguments", sum(map(len, keywords)), KEYWORDS_MAX),
        ("parameters", len(params), PARAMS_MAX),
        ("digits in [params]", sum(map(_digits, params)), PARAMS_DIGITS_MAX),
    )
    findings += [
        _whole(what, f"{found} in all, at most {most}; {_TABLE}") for what, found, most in totals if found > most
    ]
    return tuple(findings)


def _names(node: ast.AST) -> tuple[str, ...]:
    """Return the identifiers a node writes down itself."""
    if isinstance(node, ast.alias):
        return tuple(name for name in (node.name, node.asname) if name is not None)
    fields = (getattr(node, field, None) for field in ("id", "arg", "name", "attr"))
    return tuple(name for name in fields if isinstance(name, str))


def _container_size(node: ast.AST) -> int:
    if isinstance(node, ast.List | ast.Tuple):
        return len(node.elts)
    if isinstance(node, ast.Dict):
        return 2 * len(node.keys)
    return len(node.args) + len(node.keywords) if isinstance(node, ast.Call) else 0


def _digits(value: float) -> int:
    """Return the significant decimal digits of a number as written shortest."""
    if isinstance(value, int):
        return 1 if abs(value) < 10 else len(f"{abs(value):d}".rstrip("0")) if abs(value) < 10**30 else 30
    return len(repr(abs(value)).split("e")[0].replace(".", "").strip("0")) or 1


def _docstrings(nodes: Sequence[ast.AST]) -> frozenset[int]:
    found: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Module | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return frozenset(found)


def _whole(construct: str, message: str) -> Finding:
    return Finding(line=0, column=0, construct=construct, message=message)


def _at(node: ast.AST, construct: str, message: str) -> Finding:
    line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1
    return Finding(line=line, column=column, construct=construct, message=message)
