"""Larger edits that know nothing of markets: turn a signal round, add a term to it, join two parents' signals."""

from __future__ import annotations

import ast
import copy
import math
import random
from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import count

from agents.evolution.trees import Written, decide_of, name_of, names_in, params_in, pruned
from agents.evolution.writing import renamed, with_added
from autarch.manifest import ParamValue, SearchRange, parse_manifest

TERMS_MAX = 4
"""Terms of a signal at which nothing more is added to it."""
WEIGHT = "weight"
WEIGHTS = SearchRange(low=0.1, high=10.0, log=True)
"""What an added term is multiplied by, as an optimiser may move it."""
FIRST_MOST = 1.0
"""The most it is at first: an added term is to change a parent, not to drown it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """An expression to add. `params` are the values of those it reads, `search` their ranges, where they have one."""

    expression: ast.expr
    params: Mapping[str, ParamValue]
    search: Mapping[str, SearchRange]


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
    expression = rng.choice(usable)
    params = {name: theirs.params[name] for name in sorted(params_in(expression) & set(theirs.params))}
    return grown(rng, one, Term(expression=expression, params=params, search=theirs.search), slug)


def grown(rng: random.Random, parent: Written, term: Term, slug: str) -> Written | None:
    """Return `parent` with `term`, weighed, added to one of its signals or taken from it; None where none has room.

    The weight is drawn and becomes a number of [search]: two signals are rarely of one size. All parameters of the
    term get names that are free in the parent.
    """
    tree = ast.parse(parent.code)
    signals = [s for s in _signals(tree) if _terms(s.value) < TERMS_MAX]
    if not signals or not names_in(term.expression) - {"bars", "p"} <= _imported(tree):
        return None
    taken = set(parse_manifest(parent.manifest, slug=name_of(parent.manifest)).params)
    named: dict[str, str] = {}
    for name in (*term.params, WEIGHT):
        named[name] = _free(name, taken)
        taken.add(named[name])
    chosen = rng.choice(signals)
    chosen.value = ast.BinOp(
        left=chosen.value, op=rng.choice((ast.Add(), ast.Sub())), right=_weighed(term.expression, named)
    )
    drawn = math.exp(rng.uniform(math.log(WEIGHTS.low), math.log(FIRST_MOST)))
    manifest = with_added(
        renamed(parent.manifest, slug),
        {named[name]: value for name, value in (*term.params.items(), (WEIGHT, float(format(drawn, ".3g"))))},
        search={named[name]: span for name, span in (*term.search.items(), (WEIGHT, WEIGHTS)) if name in named},
    )
    return pruned(manifest, tree)


def _weighed(expression: ast.expr, named: Mapping[str, str]) -> ast.expr:
    """Return a copy of `expression` times its weight, each parameter under its new name."""
    found = copy.deepcopy(expression)  # the caller's tree stays as it is: another child may be made of it
    _rename_params(found, named)
    weight = ast.Attribute(value=ast.Name(id="p", ctx=ast.Load()), attr=named[WEIGHT], ctx=ast.Load())
    return ast.BinOp(left=weight, op=ast.Mult(), right=found)


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
