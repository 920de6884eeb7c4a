"""A strategy's imports: which modules it binds to which names, and what it may not import."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from autarch.sandbox.source_cures import cure_of
from autarch.sandbox.source_finding import Finding
from autarch.sandbox.source_names import CONTRACT, MODULE_ALIASES, MODULE_NAMES, OPS

_KNOWN = "numpy, pandas, talib, math and autarch.strategy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """What the module level imports: names bound to modules, and what is refused."""

    modules: dict[str, str]
    findings: tuple[Finding, ...]


def read_imports(tree: ast.Module) -> Imports:
    """Return the imports at module level; those below it are refused where they stand."""
    modules: dict[str, str] = {}
    findings: list[Finding] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            findings += [found for alias in node.names if (found := _read_module(node, alias, modules))]
        elif isinstance(node, ast.ImportFrom):
            findings += [found for alias in node.names if (found := _read_name(node, alias, modules))]
    return Imports(modules=modules, findings=tuple(findings))


def _read_module(node: ast.Import, alias: ast.alias, modules: dict[str, str]) -> Finding | None:
    bound = alias.asname or alias.name
    allowed = MODULE_ALIASES.get(alias.name)
    if allowed is None:
        return _at(node, f"import {alias.name}", f"a strategy imports only {_KNOWN}; remove it")
    if bound not in allowed:
        return _at(node, f"import {alias.name} as {bound}", f"bind it to {' or '.join(sorted(allowed))}")
    modules[bound] = alias.name
    return None


def _read_name(node: ast.ImportFrom, alias: ast.alias, modules: dict[str, str]) -> Finding | None:
    module = "." * node.level + (node.module or "")
    construct = f"from {module} import {alias.name}"
    allowed = _importable(module)
    bound = alias.asname or alias.name
    if allowed is None:
        return _at(node, construct, f"a strategy imports only from {_KNOWN}; remove it")
    if alias.name not in allowed:
        return _at(node, construct, cure_of(alias.name, allowed))
    if module in {"autarch.strategy", "__future__"} and bound != alias.name:
        return _at(node, f"{construct} as {bound}", "keep the contract's own names")
    if bound != alias.name and (bound.startswith("__") or bound in CONTRACT or _is_module_alias(bound)):
        return _at(node, f"{construct} as {bound}", "choose a name that stands for nothing else")
    if module == "autarch.strategy" and alias.name == "ops":
        modules["ops"] = "ops"
    return None


def _importable(module: str) -> frozenset[str] | None:
    if module == "__future__":
        return frozenset({"annotations"})
    if module == "autarch.strategy":
        return CONTRACT
    if module == "autarch.strategy.ops":
        return OPS
    return MODULE_NAMES.get(module) if module in MODULE_ALIASES else None


def _is_module_alias(name: str) -> bool:
    return any(name in aliases for aliases in MODULE_ALIASES.values())


def _at(node: ast.stmt, construct: str, message: str) -> Finding:
    return Finding(line=node.lineno, column=node.col_offset + 1, construct=construct, message=message)
