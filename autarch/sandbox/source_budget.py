"""How much a strategy may write down instead of compute: no table of answers fits, however it is spelled.

Own choice of limits. Of each, the honest strategies in the tests use a third at most, and mostly a tenth: what they
need is counted in tens, the decisions of a table in thousands. Values are not the only way to write a table: calls,
operators and statements in a row say something too, and so they are counted as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from autarch.sandbox.source_finding import Finding
from autarch.sandbox.source_nodes import Nodes

NODES_MAX = 2_000
DEPTH_MAX = 60
NUMBERS_MAX = 80
DIGITS_MAX = 100
NUMBER_DIGITS_MAX = 8
CONTAINER_MAX = 16
ELEMENTS_MAX = 100
STRING_MAX = 24
STRINGS_MAX = 120
NAME_MAX = 40
KEYWORDS_MAX = 200
OPERATORS_MAX = 100
CALLS_MAX = 130
STATEMENTS_MAX = 200
PARAMS_MAX = 32
PARAMS_DIGITS_MAX = 120

_TABLE = "a table of values is not a rule; compute them from the bars or move a few to [params]"
_LOOP = "what is repeated is a loop or a function, and what is not is a table; keep one idea in a strategy"
_OPERATORS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.AugAssign)
_STATEMENTS = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.If, ast.For, ast.While, ast.Return, ast.With)
_NAMED = ((ast.Name, "id"), (ast.arg, "arg"), (ast.keyword, "arg"), (ast.FunctionDef, "name"), (ast.Attribute, "attr"))

Counted = tuple[ast.AST, int]
"""What was counted at a node, so that the place where a limit was passed can be told."""


def check_shape(tree: ast.Module) -> tuple[Nodes, tuple[Finding, ...]]:
    """Return the tree's nodes, and a finding when it is too deep or too large to be read."""
    nodes = Nodes(tree, depth_max=DEPTH_MAX)
    if nodes.deepest is not None:
        text = f"deeper than {DEPTH_MAX} levels; split it into functions or steps"
        return nodes, (_at(nodes.deepest, "nesting", text),)
    if nodes.count > NODES_MAX:
        text = f"{nodes.count} syntax nodes, at most {NODES_MAX}; keep one idea in a strategy"
        return nodes, (_at(tree, "size", text),)
    return nodes, ()


def check_budget(nodes: Nodes, *, params: Sequence[float]) -> tuple[Finding, ...]:
    """Return findings for literals, containers and strings beyond their limits; docstrings are free."""
    constants = _constants(nodes)
    numbers = [(node, _digits(node.value)) for node in constants if isinstance(node.value, int | float)]
    texts = [(node, node.value) for node in constants if isinstance(node.value, str)]
    containers = [*_containers(nodes)]
    keywords = {node.arg: node for node in nodes.of(ast.keyword) if node.arg is not None}
    operators = [node for kind in _OPERATORS for node in nodes.of(kind)]
    statements = [node for kind in _STATEMENTS for node in nodes.of(kind)]
    digits_in_texts = [(node, sum(map(str.isdigit, text))) for node, text in texts]
    totals: tuple[tuple[str, Sequence[Counted], int, str], ...] = (
        ("numbers", [(node, 1) for node, _ in numbers], NUMBERS_MAX, _TABLE),
        ("digits", [*numbers, *digits_in_texts], DIGITS_MAX, _TABLE),
        ("container elements", containers, ELEMENTS_MAX, _TABLE),
        ("letters in strings", [(node, len(text)) for node, text in texts], STRINGS_MAX, _TABLE),
        ("letters in names of keyword arguments", [(n, len(k)) for k, n in keywords.items()], KEYWORDS_MAX, _TABLE),
        ("operators", [(node, 1) for node in operators], OPERATORS_MAX, _LOOP),
        ("calls", [(node, 1) for node in nodes.of(ast.Call)], CALLS_MAX, _LOOP),
        ("statements", [(node, 1) for node in statements], STATEMENTS_MAX, _LOOP),
    )
    findings = [*_names_too_long(nodes), *_literals_too_long(nodes, numbers, texts, containers)]
    for what, counted, most, cure in totals:
        if sum(count for _, count in counted) > most:
            findings.append(_passed(what, counted, most, cure))
    findings += _params_too_many(params)
    return tuple(findings)


def _constants(nodes: Nodes) -> list[ast.Constant]:
    bodies = [*(node.body for node in nodes.of(ast.Module)), *(node.body for node in nodes.of(ast.FunctionDef))]
    free = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}  # docstrings
    return [node for node in nodes.of(ast.Constant) if id(node) not in free]


def _containers(nodes: Nodes) -> Iterator[Counted]:
    for row in nodes.of(ast.List):
        yield row, len(row.elts)
    for fixed in nodes.of(ast.Tuple):
        yield fixed, len(fixed.elts)
    for mapping in nodes.of(ast.Dict):
        yield mapping, 2 * len(mapping.keys)


def _names_too_long(nodes: Nodes) -> Iterator[Finding]:
    for kind, field in _NAMED:
        for node in nodes.of(kind):
            yield from _too_long(node, getattr(node, field))
    for alias in nodes.of(ast.alias):
        for name in (alias.name, alias.asname):
            yield from _too_long(alias, name)


def _too_long(node: ast.AST, name: str | None) -> Iterator[Finding]:
    if name is not None and len(name) > NAME_MAX:
        yield _at(node, "name", f"{len(name)} letters, at most {NAME_MAX}; shorten {name[:NAME_MAX]}...")


def _literals_too_long(
    nodes: Nodes, numbers: Sequence[Counted], texts: Sequence[tuple[ast.AST, str]], containers: Sequence[Counted]
) -> Iterator[Finding]:
    for node, written in numbers:
        if written > NUMBER_DIGITS_MAX:
            yield _at(node, "number", f"{written} digits, at most {NUMBER_DIGITS_MAX}; round it")
    for node, text in texts:
        if len(text) > STRING_MAX:
            yield _at(node, "string", f"{len(text)} letters, at most {STRING_MAX}; {_TABLE}")
    calls = [(node, len(node.args) + len(node.keywords)) for node in nodes.of(ast.Call)]
    for node, size in (*containers, *calls):
        if size > CONTAINER_MAX:
            yield _at(node, "container", f"{size} elements, at most {CONTAINER_MAX}; {_TABLE}")


def _params_too_many(params: Sequence[float]) -> Iterator[Finding]:
    for what, found, most in (
        ("parameters", len(params), PARAMS_MAX),
        ("digits in [params]", sum(map(_digits, params)), PARAMS_DIGITS_MAX),
    ):
        if found > most:
            yield Finding(line=1, column=1, construct=what, message=f"{found} in all, at most {most}; {_TABLE}")


def _digits(value: float) -> int:
    """Return the significant decimal digits of a number as written shortest."""
    if isinstance(value, int):
        return 1 if abs(value) < 10 else len(f"{abs(value):d}".rstrip("0")) if abs(value) < 10**30 else 30
    return len(repr(abs(value)).split("e")[0].replace(".", "").strip("0")) or 1


def _passed(construct: str, counted: Sequence[Counted], most: int, cure: str) -> Finding:
    """Return the finding at the node where the total passes `most`, in the order of the text."""
    total, place = 0, counted[0][0]
    for node, count in sorted(counted, key=lambda pair: _place(pair[0])):
        total += count
        place = node if total - count <= most else place
    return _at(place, construct, f"{total} in all, at most {most}; {cure}")


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 1), getattr(node, "col_offset", 0)


def _at(node: ast.AST, construct: str, message: str) -> Finding:
    line, column = _place(node)
    return Finding(line=line, column=column + 1, construct=construct, message=message)
