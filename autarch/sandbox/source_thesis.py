"""What only a strategy has: the thesis in its docstring, `decide`, and the parameters it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

from autarch.sandbox.source_finding import Finding
from autarch.sandbox.source_names import CURES, RESERVED, RESERVED_PREFIXES
from autarch.sandbox.source_nodes import Nodes

SECTIONS = ("Thesis:", "Source:", "Dies when:")
_SECTION = re.compile(r"^[ ]*(Thesis:|Source:|Dies when:)", re.MULTILINE)


def check_thesis(tree: ast.Module) -> tuple[Finding, ...]:
    """Return findings unless the module docstring has each of `SECTIONS`, none of them empty."""
    text = ast.get_docstring(tree) or ""
    parts = _SECTION.split(text)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    return tuple(
        Finding(
            line=1,
            column=1,
            construct="docstring",
            message=f"the module docstring has no text under {name!r}; say it in a sentence",
        )
        for name in SECTIONS
        if not re.search(r"[A-Za-z]", told.get(name, ""))
    )


def check_decide(tree: ast.Module, nodes: Nodes) -> tuple[ast.FunctionDef | None, tuple[Finding, ...]]:
    """Return the one module-level `decide` of two plain arguments, or a finding."""
    named = [node for node in nodes.of(ast.FunctionDef) if node.name == "decide"]
    if len(named) != 1 or named[0] not in tree.body:
        text = f"found {len(named)} functions named decide; write exactly one, at module level: def decide(bars, p)"
        line = named[-1].lineno if named else 1
        return None, (Finding(line=line, column=1, construct="decide", message=text),)
    arguments = named[0].args
    extras = (arguments.vararg, arguments.kwarg, *arguments.kwonlyargs, *arguments.defaults)
    if len(arguments.posonlyargs) + len(arguments.args) != 2 or any(extra is not None for extra in extras):
        text = "expected two plain arguments: def decide(bars: Bars, p: Params) -> Targets"
        return None, (Finding(line=named[0].lineno, column=1, construct="decide", message=text),)
    return named[0], ()


def check_manifest(
    nodes: Nodes, decide: ast.FunctionDef, *, params: Collection[str], context: Collection[str]
) -> tuple[Finding, ...]:
    """Return findings where code and manifest disagree.

    Those are a `p.name` that [params] lacks, a parameter that is never read or is named like an
    attribute of arrays, and a `bars.context["..."]` that the manifest does not name. `p` is
    decide's second argument; a helper that takes the parameters calls them the same.
    """
    bars, p = parameters_of(decide)
    findings: list[Finding] = []
    read: set[str] = set()
    for node in nodes.of(ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id == p:
            read.add(node.attr)
            if node.attr not in params and not node.attr.startswith("_"):
                known = ", ".join(params) or "none"
                text = f"[params] of manifest.toml has: {known}; add it there or correct the name"
                findings.append(_at(node, f"{p}.{node.attr}", text))
    for part in nodes.of(ast.Subscript):
        if (symbol := _context_symbol(part, bars)) is not None and symbol not in context:
            known = ", ".join(context) or "none"
            text = f"context of manifest.toml has: {known}; add the symbol there"
            findings.append(_at(part, f'{bars}.context["{symbol}"]', text))
    for name in params:
        if name not in read:
            text = f"[params] {name} is never read as {p}.{name}; use it or remove it from manifest.toml"
            findings.append(Finding(line=decide.lineno, column=1, construct="unused parameter", message=text))
        if is_reserved(name):
            text = f"[params] {name} names an attribute of arrays or frames; rename it, e.g. n_{name}"
            findings.append(Finding(line=decide.lineno, column=1, construct="parameter name", message=text))
    return tuple(findings)


def parameters_of(decide: ast.FunctionDef) -> tuple[str, str]:
    """Return what `decide` calls its bars and its parameters."""
    bars, p = (argument.arg for argument in [*decide.args.posonlyargs, *decide.args.args])
    return bars, p


def is_reserved(name: str) -> bool:
    """Return whether a parameter of this name could make a refused attribute look like a parameter."""
    return name in CURES or name in RESERVED or name.startswith(RESERVED_PREFIXES)


def _context_symbol(node: ast.Subscript, bars: str) -> str | None:
    """Return "X" for bars.context["X"], else None."""
    if not isinstance(node.slice, ast.Constant):
        return None
    held = node.value
    named = isinstance(held, ast.Attribute) and held.attr == "context"
    if named and isinstance(held, ast.Attribute) and isinstance(held.value, ast.Name) and held.value.id == bars:
        return node.slice.value if isinstance(node.slice.value, str) else None
    return None


def _at(node: ast.AST, construct: str, message: str) -> Finding:
    line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1
    return Finding(line=line, column=column, construct=construct, message=message)
