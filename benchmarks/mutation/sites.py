"""Where a module can be changed, and how: small faults of the kind people make. Pure text in, text out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_COMPUTED: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
_SILENT = (ast.JoinedStr, ast.Raise, ast.Assert)
"""What only words a message: a change there is no fault of the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one module: characters [start, end) become `new`; `line` and `column` count from 1."""

    path: str
    line: int
    column: int
    start: int
    end: int
    old: str
    new: str

    @property
    def label(self) -> str:
        """Where and what, on one line."""
        return f"{self.path}:{self.line}:{self.column} {self.old!r} -> {self.new!r}"

    def applied(self, source: str) -> str:
        """Return the module with the change.

        Raises:
            ValueError: the text at the place is another one: the module has changed since.
        """
        if source[self.start : self.end] != self.old:
            raise ValueError(f"{self.label}: found {source[self.start : self.end]!r}; list the mutants again")
        return source[: self.start] + self.new + source[self.end :]


def mutants_of(path: str, source: str) -> tuple[Mutant, ...]:
    """Return every change this knows for a module, in the order of the text; see `parses`."""
    return tuple(sorted(_found(path, source), key=lambda mutant: (mutant.start, mutant.new)))


def _found(path: str, source: str) -> Iterator[Mutant]:
    text = _Text(path, source)
    for node in _walk(ast.parse(source)):
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                yield from text.between(left, right, *_COMPARED[type(op)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED and not _is_text(left, right):
                yield from text.between(left, right, *_COMPUTED[type(op)])
            case ast.BoolOp(op=op, values=[first, second, *_]):
                old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                yield from text.between(first, second, old, new)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield text.whole(node, text.of(operand))
            case ast.Constant(value=bool() as value):
                yield text.whole(node, str(not value))
            case ast.Constant(value=int() | float() as value):
                yield text.whole(node, repr(value + 1 if isinstance(value, int) else value * 2 if value else 1.0))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs: no annotations, decorators, messages or docstrings."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, _SILENT):
                yield from _walk(child)


class _Text:
    """Positions of the tree as positions in the text."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.source = source
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def of(self, node: ast.expr) -> str:
        return self.source[slice(*self._span(node))]

    def whole(self, node: ast.expr, new: str) -> Mutant:
        start, end = self._span(node)
        return self._mutant(node.lineno, start, end, new)

    def between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[Mutant]:
        start, end = self._span(left)[1], self._span(right)[0]
        at = self.source.find(old, start, end)
        if at >= 0:
            yield self._mutant(self.source.count("\n", 0, at) + 1, at, at + len(old), new)

    def _span(self, node: ast.expr) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._offset(node.lineno, node.col_offset), self._offset(end_line, end_column)

    def _offset(self, line: int, column: int) -> int:
        """Return the index of a character; the tree counts bytes, and our sources are ASCII but for messages."""
        text = self.source[self._lines[line - 1] : self._lines[line]]
        return self._lines[line - 1] + len(text.encode()[:column].decode(errors="ignore"))

    def _mutant(self, line: int, start: int, end: int, new: str) -> Mutant:
        column = start - self.source.rfind("\n", 0, start)
        return Mutant(
            path=self.path, line=line, column=column, start=start, end=end, old=self.source[start:end], new=new
        )


def _is_text(*nodes: ast.expr) -> bool:
    return any(isinstance(node, ast.JoinedStr | ast.List | ast.Tuple) or _constant_text(node) for node in nodes)


def _constant_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def parses(source: str) -> bool:
    """Return whether a module is still Python: a change of text may not be."""
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
