"""Text in a strategy is written, never assembled: what is spelled at run time cannot be read before it.

Two uses are refused: joining or repeating text, which spells what a literal may not say, and turning a
name into text, which makes the names in a file a table that no budget counts. What is judged is how the
code is written; text that reaches an operator by a longer way meets the clock that stands still.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from autarch.sandbox.source_finding import Finding

_NUMERIC = re.compile(r"[<>=^]?[-+ ]?0?\d{0,2}[,_]?(\.\d{1,2})?[deEfFgG%]\Z")
_JOINING = ast.Add | ast.Mult | ast.Mod
_FIRST = frozenset({"apply", "apply_along_axis", "filter", "map", "vectorize"})
_KEYED = frozenset({"max", "min", "sorted"})
_KEYING = frozenset({"dict", "update"})
_ASSEMBLED = "text is not assembled at run time; write it out as one literal"
_FORMAT = "format numbers only, each with its own format, e.g. f'{x:.2f}' or f'{n:d}'"
NAMED = "a function is no value here: call it, hand it to apply or map, or wrap it in a lambda"
_KEYWORDS = "write a dict display, e.g. {'a': 1}"


def check_strings(nodes: Sequence[ast.AST]) -> tuple[Finding, ...]:
    """Return findings for text assembled at run time and for argument names that become keys."""
    texts = _text_names(nodes)
    return (*_assembled(nodes, texts), *_keyed(nodes))


def _assembled(nodes: Sequence[ast.AST], texts: frozenset[str]) -> Iterator[Finding]:
    for node in nodes:
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, _JOINING):
            sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            if any(_is_text(side, texts) for side in sides):
                yield _at(node, "string", _ASSEMBLED)
        elif isinstance(node, ast.Call) and _called(node) == "add":
            if any(_is_text(argument, texts) for argument in node.args):
                yield _at(node, "string", _ASSEMBLED)
        elif isinstance(node, ast.FormattedValue) and (node.conversion != -1 or not _is_numeric(node.format_spec)):
            yield _at(node, "f-string", _FORMAT)


def _keyed(nodes: Sequence[ast.AST]) -> Iterator[Finding]:
    """Yield where names of arguments would become keys, which the code can read."""
    for node in nodes:
        if isinstance(node, ast.Call) and node.keywords and _called(node) in _KEYING:
            yield _at(node, f"{_called(node)}(...=)", _KEYWORDS)
        elif isinstance(node, ast.arguments) and node.kwarg is not None:
            yield _at(node.kwarg, f"**{node.kwarg.arg}", "name each argument")


def called_or_handed_on(nodes: Sequence[ast.AST]) -> frozenset[int]:
    """Return the expressions that are called, or handed to what is known to do no more than call them."""
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    used: set[int] = set()
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        used.add(id(node.func))
        name = _called(node)
        if isinstance(node.func, ast.Name) and name in bound:
            continue  # a function of this file that borrows a builtin's name
        if name == "isinstance":
            used.update(map(id, node.args))
        if name in _FIRST and node.args:
            used.add(id(node.args[0]))
        used.update(id(k.value) for k in node.keywords if name in _KEYED and k.arg == "key")
    return frozenset(used)


def _text_names(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Return names that some plain assignment binds to text, whatever their scope."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _is_text(node.value, frozenset()):
                found.update(target.id for target in targets if isinstance(target, ast.Name))
    return frozenset(found)


def _is_text(node: ast.AST, texts: frozenset[str]) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_text(node.body, texts) or _is_text(node.orelse, texts)
    if isinstance(node, ast.Subscript):
        return _is_text(node.value, texts)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str"
    if isinstance(node, ast.Name):
        return node.id in texts
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_numeric(spec: ast.expr | None) -> bool:
    if not isinstance(spec, ast.JoinedStr) or len(spec.values) != 1:
        return False
    (only,) = spec.values
    return isinstance(only, ast.Constant) and isinstance(only.value, str) and bool(_NUMERIC.match(only.value))


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _at(node: ast.AST, construct: str, message: str) -> Finding:
    line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1
    return Finding(line=line, column=column, construct=construct, message=message)
