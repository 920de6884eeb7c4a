"""The Python a strategy may be written in: node types allowed, and cures for those that are not."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TypeVar

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

Kind = TypeVar("Kind", bound=ast.AST)

_CLOSED = frozenset(
    {ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Constant}
)
"""What binds no name in the scope around it."""
_LEAVES = frozenset({"ctx", "op", "ops", "id", "attr", "arg", "asname", "module", "level", "kind", "conversion"})
_BELOW = "autarch children"  # no field of any node
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}


class Nodes:
    """The nodes of a tree, walked once and kept by kind; contexts and operators, which are all allowed, left out.

    Attributes:
        by_kind: Nodes of each type.
        count: How many there are.
        deepest: The first node found below the depth allowed, where the walk stopped; None when there is none.
    """

    __slots__ = ("by_kind", "count", "deepest")

    def __init__(self, tree: ast.AST, *, depth_max: int) -> None:
        """Walk `tree` level by level, to `depth_max` and no deeper."""
        self.by_kind: dict[type[ast.AST], list[ast.AST]] = {}
        self.count = 0
        level: list[ast.AST] = [tree]
        for _ in range(depth_max + 1):
            self.count += len(level)
            below: list[ast.AST] = []
            for node in level:
                self.by_kind.setdefault(type(node), []).append(node)
                below += children(node)
            if not below:
                break
            level = below
        self.deepest = level[0] if below else None

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Return the nodes of one type."""
        return self.by_kind.get(kind, [])  # type: ignore[return-value]

    def many(self, *kinds: type[ast.AST]) -> int:
        """Return how many nodes there are of these types."""
        return sum(len(self.by_kind.get(kind, ())) for kind in kinds)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes right below `node`, in order, contexts and operators left out; kept with it, not to be changed.

    A tree that is being looked at does not change, and each of its nodes is asked some three times.
    """
    known: list[ast.AST] | None = node.__dict__.get(_BELOW)
    if known is not None:
        return known
    kind = type(node)
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = _FIELDS[kind] = tuple(name for name in kind._fields if name not in _LEAVES)
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if not value:
            continue
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    node.__dict__[_BELOW] = found
    return found


def bound_names(roots: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that assignments and definitions under `roots` bind in their own scope."""
    bound: set[str] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is ast.Name:
            if type(node.ctx) is ast.Store:  # type: ignore[attr-defined]
                bound.add(node.id)  # type: ignore[attr-defined]
        elif kind is ast.FunctionDef:
            bound.add(node.name)  # type: ignore[attr-defined]
        elif kind is ast.alias:
            bound.add(node.asname or node.name)  # type: ignore[attr-defined]
        elif kind not in _CLOSED:
            stack += children(node)
    return frozenset(bound)


def argument_names(arguments: ast.arguments) -> frozenset[str]:
    """Return the names of a function's arguments of every kind."""
    return frozenset(one.arg for one in arguments_of(arguments))


def arguments_of(arguments: ast.arguments) -> list[ast.arg]:
    """Return a function's arguments of every kind."""
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return named + [one for one in (arguments.vararg, arguments.kwarg) if one is not None]


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
