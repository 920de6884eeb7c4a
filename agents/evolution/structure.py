"""What a strategy's code is, whatever its names, comments, layout and numbers in [params] are."""

from __future__ import annotations

import ast
import builtins

from autarch.canonical import Sha256, canonical_digest
from autarch.manifest import Manifest, StrategySource


class _Plain(ast.NodeTransformer):
    """Drops docstrings and gives every name the code chose itself the number of its first appearance."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own, self._numbers = own, dict[str, int]()

    def _name(self, name: str) -> str:
        return f"v{self._numbers.setdefault(name, len(self._numbers))}" if name in self._own else name

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body, node.name = _without_docstring(node.body), self._name(node.name)
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = self._name(node.arg), None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node


def structure_digest(source: StrategySource) -> Sha256 | None:
    """Return the digest of what `source` does with which bars; None where the code does not parse.

    Two that differ in names, comments, docstrings, annotations, layout, or in values of [params] alone have the same:
    numbers are the tuner's. Order of statements, operators and literals count, and so do symbols, interval and mode.
    """
    try:
        tree = ast.parse(source.code)
        own = _own_names(tree)
        dumped = ast.dump(_Plain(own).visit(tree), annotate_fields=False)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return canonical_digest([dumped, *_traded(source.manifest)])


def _traded(manifest: Manifest) -> list[object]:
    return [
        sorted(manifest.symbols) if manifest.mode == "each" else list(manifest.symbols),
        list(manifest.context),
        manifest.interval,
        manifest.mode,
    ]


def _own_names(tree: ast.Module) -> frozenset[str]:
    """Return the names that the code binds itself: parameters, variables, functions; never what it imports."""
    bound: set[str] = set()
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return frozenset(bound - imported - set(dir(builtins)))


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body
