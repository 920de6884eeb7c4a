"""The Python a strategy may be written in: node types allowed, and cures for those that are not."""

from __future__ import annotations

import ast
from collections.abc import Iterable

ALLOWED: frozenset[type[ast.AST]] = frozenset(
    {
        *(ast.Module, ast.FunctionDef, ast.Lambda, ast.arguments, ast.arg, ast.Return, ast.Import, ast.ImportFrom),
        *(ast.alias, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.For, ast.While, ast.If, ast.IfExp),
        *(ast.Break, ast.Continue, ast.Pass, ast.With, ast.withitem, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare),
        *(ast.Call, ast.keyword, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.Name),
        *(ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
        *(ast.JoinedStr, ast.FormattedValue, ast.Load, ast.Store),
        *(ast.And, ast.Or, ast.Not, ast.Invert, ast.UAdd, ast.USub, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt),
        *(ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn, ast.Add, ast.Sub, ast.Mult, ast.MatMult, ast.Div),
        *(ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift, ast.BitOr, ast.BitXor, ast.BitAnd),
    }
)
"""Every other node type is refused, those of later Python versions too."""

REFUSED: dict[str, tuple[str, str]] = {
    "Assert": ("assert", "return a flat exposure where parameters make no sense"),
    "AsyncFunctionDef": ("async", "write a plain function"),
    "AsyncFor": ("async", "write a plain loop"),
    "AsyncWith": ("async", "remove it"),
    "Await": ("await", "remove it"),
    "ClassDef": ("class", "write functions, and pass values as arguments"),
    "Del": ("del", "let the name go out of scope"),
    "Delete": ("del", "let the name go out of scope"),
    "Global": ("global", "pass the value as an argument; decide() keeps nothing from call to call"),
    "Match": ("match", "write if and elif"),
    "NamedExpr": (":=", "assign on a line of its own"),
    "Nonlocal": ("nonlocal", "return the value instead"),
    "Raise": ("raise", "return a flat exposure where parameters make no sense"),
    "Set": ("set", "its order changes from run to run; write a tuple"),
    "SetComp": ("set", "its order changes from run to run; write a list, or np.unique"),
    "Try": ("try", "test for the case first, e.g. with np.where or np.isnan"),
    "TryStar": ("try", "test for the case first, e.g. with np.where or np.isnan"),
    "Yield": ("yield", "return an array or a list"),
    "YieldFrom": ("yield", "return an array or a list"),
}
"""By node type: what to call it, and what to write instead."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def bound_names(roots: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that assignments and definitions under `roots` bind in their own scope."""
    bound: set[str] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
        if not isinstance(node, FUNCTIONS + COMPREHENSIONS):
            stack.extend(ast.iter_child_nodes(node))
    return frozenset(bound)


def argument_names(arguments: ast.arguments) -> frozenset[str]:
    """Return the names of a function's arguments of every kind."""
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return frozenset(one.arg for one in named)


def nodes_of(tree: ast.AST, *, deepest: int) -> tuple[tuple[ast.AST, ...], ast.AST | None]:
    """Return the nodes of `tree`, and the first one found deeper than `deepest`, where the walk stops."""
    nodes: list[ast.AST] = []
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        if depth > deepest:
            return tuple(nodes), node
        nodes.append(node)
        stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return tuple(nodes), None


def is_plain_constant(node: ast.AST) -> bool:
    """Return whether `node` is a number, string, bool or None, or a signed number or tuple of such."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int | float)
    if isinstance(node, ast.Tuple):
        return all(is_plain_constant(item) for item in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bool | None)


def is_constant_sum(node: ast.AST) -> bool:
    """Return whether `node` is a plain constant or +, -, *, / and // of such, e.g. 4 * 24."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.FloorDiv):
        return is_constant_sum(node.left) and is_constant_sum(node.right)
    return is_plain_constant(node)
