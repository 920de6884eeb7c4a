"""Syntax trees of strategies as blind edits see them: where `decide` is, what it calls, which numbers it reads."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A strategy folder: manifest and code."""

    manifest: bytes
    code: bytes

    def files(self) -> Mapping[str, bytes]:
        """Return the folder."""
        return {"manifest.toml": self.manifest, "strategy.py": self.code}


def pruned(manifest: bytes, tree: ast.Module) -> Written:
    """Return the folder without parameters that the code no longer reads."""
    import tomlkit  # noqa: PLC0415  only an edit of the manifest needs it

    document: Any = tomlkit.parse(manifest.decode("utf-8"))
    for name in [name for name in document.get("params", {}) if name not in params_in(tree)]:
        del document["params"][name]
        if name in document.get("search", {}):
            del document["search"][name]
    return Written(manifest=tomlkit.dumps(document).encode("utf-8"), code=(ast.unparse(tree) + "\n").encode())


def decide_of(tree: ast.Module) -> ast.AST:
    """Return the function that decides, where `bars` and `p` mean what they say; nothing of it in an empty tree."""
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "decide"]
    return found[0] if found else ast.Module(body=[], type_ignores=[])


class Swap(ast.NodeTransformer):
    """Puts one expression in the place of another, which is recognised by identity."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the new node for the old one."""
        return self._new if node is self._old else self.generic_visit(node)


def calls(tree: ast.AST) -> list[ast.Call]:
    """Return calls of TA-Lib: the leaves that signals are made of."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "talib"
    ]


def names_in(node: ast.AST) -> set[str]:
    """Return every name an expression speaks of."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def params_in(node: ast.AST) -> set[str]:
    """Return the parameters it reads, as `p.name`."""
    return {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "p"
    }


def name_of(manifest: bytes) -> str:
    """Return the name in a manifest."""
    import tomllib  # noqa: PLC0415  only to learn a name before the whole is parsed

    return str(tomllib.loads(manifest.decode("utf-8"))["name"])
