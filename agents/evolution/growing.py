"""Larger edits that know nothing of markets: turn a signal round, add a term to it, join two parents' signals."""

from __future__ import annotations

import ast
import random
from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from agents.evolution.trees import Written, decide_of, name_of, names_in, params_in, pruned
from agents.evolution.writing import renamed
from autarch.manifest import ParamValue, parse_manifest

TERMS_MAX = 4
"""Sums and differences that a signal may have before nothing is added to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """An expression to add, with the value of each parameter it reads, and its row of [search] where it has one."""

    expression: ast.expr
    values: Mapping[str, tuple[ParamValue, Mapping[str, Any] | None]]


def turned(rng: random.Random, parent: Written, slug: str) -> Written | None:
    """Return `parent` with one of its signals turned round, None where it has none."""
    tree = ast.parse(parent.code)
    signals = _signals(tree)
    if not signals:
        return None
    chosen = rng.choice(signals)
    old = chosen.value
    is_turned = isinstance(old, ast.UnaryOp) and isinstance(old.op, ast.USub)
    chosen.value = old.operand if is_turned else ast.UnaryOp(op=ast.USub(), operand=old)  # type: ignore[attr-defined]
    return Written(manifest=renamed(parent.manifest, slug), code=(ast.unparse(tree) + "\n").encode())


def joined(rng: random.Random, one: Written, other: Written, slug: str) -> Written | None:
    """Return the first parent with one whole signal of the other added to one of its own; None where none can move."""
    theirs = parse_manifest(other.manifest, slug=name_of(other.manifest))
    usable = [s.value for s in _signals(ast.parse(other.code)) if names_in(s.value) <= {"bars", "p", "talib", "ops"}]
    if not usable:
        return None
    term = rng.choice(usable)
    values: dict[str, tuple[ParamValue, Mapping[str, Any] | None]] = {}
    for name in sorted(params_in(term) & set(theirs.params)):
        span = theirs.search.get(name)
        written = None if span is None or span.log else {"low": span.low, "high": span.high, "step": span.step}
        values[name] = (theirs.params[name], written)
    return grown(rng, one, Term(expression=term, values=values), slug)


def grown(rng: random.Random, parent: Written, term: Term, slug: str) -> Written | None:
    """Return `parent` with `term` added to one of its signals or taken from it; None where none has room.

    The term's parameters get names that are free there.
    """
    import tomlkit  # noqa: PLC0415  only an edit of the manifest needs it

    tree = ast.parse(parent.code)
    signals = [s for s in _signals(tree) if _terms(s.value) < TERMS_MAX]
    if not signals or not names_in(term.expression) - {"bars", "p"} <= _imported(tree):
        return None
    document: Any = tomlkit.parse(renamed(parent.manifest, slug).decode("utf-8"))
    for table in ("params", "search") if term.values else ():
        document.setdefault(table, tomlkit.table())
    named: dict[str, str] = {}
    for name, (value, span) in term.values.items():
        named[name] = _free(name, document["params"])
        document["params"][named[name]] = value
        if span is not None:
            row = tomlkit.inline_table()
            row.update({end: number for end, number in span.items() if number is not None})
            document["search"][named[name]] = row
    _rename_params(term.expression, named)
    chosen = rng.choice(signals)
    chosen.value = ast.BinOp(left=chosen.value, op=rng.choice((ast.Add(), ast.Sub())), right=term.expression)
    return pruned(tomlkit.dumps(document).encode(), tree)


def _imported(tree: ast.Module) -> set[str]:
    found = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for node in found for alias in node.names}


def _free(name: str, taken: Container[str]) -> str:
    """Return `name` with the first number behind it that makes it free."""
    stem = name.rstrip("0123456789").rstrip("_")
    return next(found for number in count() if (found := f"{stem}_{number}") not in taken)


def _signals(tree: ast.Module) -> list[ast.Assign]:
    """Return assignments of `decide` whose value is reckoned from TA-Lib's answers or funding, not compared."""
    return [
        node
        for node in ast.walk(decide_of(tree))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.BinOp | ast.UnaryOp | ast.Call)
        and _is_reckoned(node.value)
    ]


def _is_reckoned(value: ast.expr) -> bool:
    inner = list(ast.walk(value))
    compared = any(isinstance(n, ast.Compare | ast.BoolOp | ast.BitAnd | ast.BitOr | ast.Invert) for n in inner)
    return not compared and "ops" not in names_in(value) and "bars" in names_in(value)


def _terms(value: ast.expr) -> int:
    """Return how many sums and differences outside of any call an expression has, and one."""
    if isinstance(value, ast.UnaryOp):
        return _terms(value.operand)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        return _terms(value.left) + _terms(value.right)
    return 1


def _rename_params(node: ast.AST, named: Mapping[str, str]) -> None:
    for one in ast.walk(node):
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "p":
            one.attr = named.get(one.attr, one.attr)
