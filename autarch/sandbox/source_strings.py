"""Text in a strategy is written and handed on, never assembled and never taken apart.

Three uses are refused: joining or repeating text, which spells what a literal may not say; turning a name into text,
which makes the names in a file a table that no budget counts; and reading text letter by letter, which makes any word
a row of digits. What is judged is how the code is written; text that reaches an operator by a longer way meets the
budget of letters, and the clock that stands still.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from autarch.sandbox.source_finding import Finding
from autarch.sandbox.source_names import BUILTINS
from autarch.sandbox.source_nodes import Nodes

_NUMERIC = re.compile(r"[<>=^]?[-+ ]?0?\d{0,2}[,_]?(\.\d{1,2})?[deEfFgG%]\Z")
_JOINING = (ast.Add, ast.Mult, ast.Mod)
_FIRST = frozenset({"apply", "apply_along_axis", "filter", "map", "vectorize"})
_KEYED = frozenset({"max", "min", "sorted"})
_KEYING = frozenset({"dict", "update"})
_READING = frozenset({"array", "asarray", "fromiter"}) | BUILTINS - {"isinstance"}
_TYPES = frozenset(
    ["bool", "float", "float32", "float64", "int", "int8", "int32", "int64", "uint8", "f4", "f8", "i4", "i8"]
)
_MAKING = frozenset({"array", "asarray", "ones", "zeros"})
_TYPE = "arrays hold numbers: write float, int, bool, np.float64 or np.int64"
_ASSEMBLED = "text is not assembled at run time; write it out as one literal"
_APART = "text is not taken apart or read as numbers; write numbers as numbers, and names as whole names"
_FORMAT = "format numbers only, each with its own format, e.g. f'{x:.2f}' or f'{n:d}'"
NAMED = "a function is no value here: call it, hand it to apply or map, or wrap it in a lambda"
_KEYWORDS = "write a dict display, e.g. {'a': 1}"


class Texts:
    """The names that some assignment or loop binds to text, or to a row of texts, whatever their scope."""

    def __init__(self, nodes: Nodes) -> None:
        """Read the plain assignments and loops among `nodes`."""
        self._names: frozenset[str] = frozenset()
        self._rows: frozenset[str] = frozenset()
        bound: list[tuple[ast.expr, ast.expr]] = []
        for assigned in nodes.of(ast.Assign):
            bound += [(target, assigned.value) for target in assigned.targets]
        bound += [(node.target, node.value) for node in nodes.of(ast.AnnAssign) if node.value is not None]
        self._rows = frozenset(name for name, value in _named(bound) if self.is_row(value))
        self._names = frozenset(name for name, value in _named(bound) if self.is_text(value))
        looped = [(loop.target, loop.iter) for loop in nodes.of(ast.For)]
        looped += [(loop.target, loop.iter) for loop in nodes.of(ast.comprehension)]
        self._names |= {name for name, value in _named(looped) if self.is_row(value)}

    def is_text(self, node: ast.AST) -> bool:
        """Return whether `node` is text for all that can be seen here."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str)
        if isinstance(node, ast.Name):
            return node.id in self._names
        if isinstance(node, ast.IfExp):
            return self.is_text(node.body) or self.is_text(node.orelse)
        if isinstance(node, ast.Subscript):
            return self.is_text(node.value) or self.is_row(node.value)
        return isinstance(node, ast.JoinedStr)

    def is_row(self, node: ast.AST) -> bool:
        """Return whether `node` is a display of texts, or a name bound to one."""
        if isinstance(node, ast.Tuple | ast.List):
            return bool(node.elts) and all(self.is_text(item) for item in node.elts)
        return isinstance(node, ast.Name) and node.id in self._rows


def check_strings(nodes: Nodes) -> tuple[Finding, ...]:
    """Return findings for text assembled or taken apart at run time and for argument names that become keys."""
    texts = Texts(nodes)
    return (*_assembled(nodes, texts), *_taken_apart(nodes, texts), *_keyed(nodes), *_typed(nodes))


def _named(bound: list[tuple[ast.expr, ast.expr]]) -> list[tuple[str, ast.expr]]:
    return [(target.id, value) for target, value in bound if isinstance(target, ast.Name)]


def _assembled(nodes: Nodes, texts: Texts) -> Iterator[Finding]:
    for joined in nodes.of(ast.BinOp):
        if isinstance(joined.op, _JOINING) and (texts.is_text(joined.left) or texts.is_text(joined.right)):
            yield _at(joined, "string", _ASSEMBLED)
    for grown in nodes.of(ast.AugAssign):
        if isinstance(grown.op, _JOINING) and (texts.is_text(grown.target) or texts.is_text(grown.value)):
            yield _at(grown, "string", _ASSEMBLED)
    for call in nodes.of(ast.Call):
        if called(call) == "add" and any(texts.is_text(argument) for argument in call.args):
            yield _at(call, "string", _ASSEMBLED)
    for shown in nodes.of(ast.FormattedValue):
        if shown.conversion != -1 or not _is_numeric(shown.format_spec):
            yield _at(shown, "f-string", _FORMAT)


def _taken_apart(nodes: Nodes, texts: Texts) -> Iterator[Finding]:
    read: list[ast.expr] = [part.value for part in nodes.of(ast.Subscript)]
    read += [asked.value for asked in nodes.of(ast.Attribute)]
    read += [star.value for star in nodes.of(ast.Starred)]
    read += [loop.iter for loop in nodes.of(ast.For)] + [loop.iter for loop in nodes.of(ast.comprehension)]
    read += [argument for call in nodes.of(ast.Call) if called(call) in _READING for argument in call.args]
    for assigned in nodes.of(ast.Assign):
        if any(isinstance(target, ast.Tuple | ast.List) for target in assigned.targets):
            read.append(assigned.value)
    for value in read:
        if texts.is_text(value):
            yield _at(value, "text", _APART)


def _keyed(nodes: Nodes) -> Iterator[Finding]:
    """Yield where names of arguments would become keys, which the code can read."""
    for call in nodes.of(ast.Call):
        if call.keywords and called(call) in _KEYING:
            yield _at(call, f"{called(call)}(...=)", _KEYWORDS)
    for arguments in nodes.of(ast.arguments):
        if arguments.kwarg is not None:
            yield _at(arguments.kwarg, f"**{arguments.kwarg.arg}", "name each argument")


def _typed(nodes: Nodes) -> Iterator[Finding]:
    """Yield where an array is given a type that is not plainly one of numbers: text of an object is its address."""
    for call in nodes.of(ast.Call):
        kinds = [keyword.value for keyword in call.keywords if keyword.arg == "dtype"]
        if called(call) == "astype":
            kinds += call.args[:1]
        elif called(call) in _MAKING and isinstance(call.func, ast.Attribute):
            kinds += call.args[1:2]
        for kind in kinds:
            if not _is_of_numbers(kind):
                yield _at(kind, "dtype", _TYPE)


def _is_of_numbers(node: ast.expr) -> bool:
    if isinstance(node, ast.Dict):
        return all(_is_of_numbers(value) for value in node.values)
    if isinstance(node, ast.Attribute):  # of a module, whose names are listed: none is text
        return isinstance(node.value, ast.Name) and node.attr.rstrip("_") in _TYPES
    if isinstance(node, ast.Name):
        return node.id in _TYPES
    return isinstance(node, ast.Constant) and (node.value is None or node.value in _TYPES)


def called_or_handed_on(nodes: Nodes) -> frozenset[int]:
    """Return the expressions that are called, or handed to what is known to do no more than call them."""
    bound = {node.arg for node in nodes.of(ast.arg)} | {node.name for node in nodes.of(ast.FunctionDef)}
    bound |= {node.id for node in nodes.of(ast.Name) if isinstance(node.ctx, ast.Store)}
    bound |= {node.asname or node.name for node in nodes.of(ast.alias)}
    used: set[int] = set()
    for call in nodes.of(ast.Call):
        used.add(id(call.func))
        name = called(call)
        if isinstance(call.func, ast.Name) and name in bound:
            continue  # a function of this file, or an import, that borrows a builtin's name
        if name == "isinstance":
            used.update(map(id, call.args))
        if name in _FIRST and call.args:
            used.add(id(call.args[0]))
        if name in _KEYED:
            used.update(id(k.value) for k in call.keywords if k.arg == "key")
    return frozenset(used)


def called(node: ast.Call) -> str:
    """Return the last name of what is called, or nothing."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_numeric(spec: ast.expr | None) -> bool:
    if not isinstance(spec, ast.JoinedStr) or len(spec.values) != 1:
        return False
    (only,) = spec.values
    return isinstance(only, ast.Constant) and isinstance(only.value, str) and bool(_NUMERIC.match(only.value))


def _at(node: ast.AST, construct: str, message: str) -> Finding:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    return Finding(line=line, column=column, construct=construct, message=message)
