"""The walk over a strategy's syntax tree: scopes, names, attributes, calls, module level."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from autarch.sandbox.source_cures import GENERAL, cure_of
from autarch.sandbox.source_finding import Finding
from autarch.sandbox.source_imports import read_imports
from autarch.sandbox.source_names import (
    BUILTINS,
    CONTRACT,
    CURES,
    INSTANCE,
    MODULE_NAMES,
    SUBMODULES,
)
from autarch.sandbox.source_nodes import (
    ALLOWED,
    REFUSED,
    Nodes,
    argument_names,
    arguments_of,
    bound_names,
    children,
    is_constant_sum,
    is_plain_constant,
)
from autarch.sandbox.source_strings import NAMED, called_or_handed_on
from autarch.sandbox.source_thesis import is_reserved

INT_MAX = 10**9
FLOAT_MAX = 1e12
EXPONENT_MAX = 16

_ERRSTATE = frozenset({"all", "divide", "over", "under", "invalid"})
_ANNOTATIONS = frozenset({"Bars", "Params", "Resampled", "Targets", "bool", "dict", "float", "int", "list", "tuple"})
_ARRAYS = frozenset({("numpy", "ndarray"), ("numpy", "float64"), ("pandas", "Series"), ("pandas", "DataFrame")})
_CLOCK = re.compile(r"(?i)\s*(now|today)\s*\Z|datetime|timedelta|\A[<>=|]?[Mm]8")
_REDUCTIONS = frozenset(
    {"all", "any", "max", "mean", "min", "nanmax", "nanmean", "nanmin", "nansum", "prod", "std", "sum", "var"}
)
_APPLY = "call it with a lambda or a function of this file first; a string would call a method by name"


class Rules(ast.NodeVisitor):
    """Collects findings; recursion is bounded because the caller has bounded the tree's depth."""

    def __init__(self, tree: ast.Module, nodes: Nodes, *, p: str | None = None, params: Collection[str] = ()) -> None:
        self._p, self._params, self._nodes = p, params, nodes
        imports = read_imports(tree)
        self.findings: list[Finding] = list(imports.findings)
        self.modules = imports.modules
        constants = bound_names(n for n in tree.body if not isinstance(n, ast.FunctionDef))
        self._functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)} - constants
        named = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        inner = {n.name for n in nodes.of(ast.FunctionDef) if n not in tree.body}
        self._defined, self._inner, self._handed = named, inner, called_or_handed_on(nodes)
        self._applied: set[int] = set()
        self._scopes: list[frozenset[str]] = [bound_names(tree.body)]

    def refuse(self, node: ast.AST, construct: str, cure: str) -> None:
        """Record that `node` is refused and what to do instead."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        self.findings.append(Finding(line=line, column=column, construct=construct, message=cure))

    def visit(self, node: ast.AST) -> None:
        """Visit `node` when its kind is allowed, else refuse it and leave its inside alone."""
        kind = type(node)
        if kind in ALLOWED:
            visitor = _VISITORS.get(kind)
            if visitor is not None:
                visitor(self, node)
            else:
                self._visit_below(node)
            return
        construct, cure = REFUSED.get(kind.__name__, (kind.__name__, GENERAL))
        self.refuse(node, construct, cure)

    def _visit_below(self, node: ast.AST) -> None:
        for child in children(node):
            self.visit(child)

    # module level

    def visit_Module(self, node: ast.Module) -> None:
        """Admit a docstring, imports, constants and functions."""
        for index, statement in enumerate(node.body):
            if isinstance(statement, ast.FunctionDef):
                self.visit(statement)
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                self._module_constant(statement)
            elif not isinstance(statement, ast.Import | ast.ImportFrom) and not _is_docstring(statement, index):
                construct = REFUSED.get(type(statement).__name__, ("work at import", ""))[0]
                self.refuse(
                    statement, construct, "only imports, constants and functions may stand here; move it into decide()"
                )

    def _module_constant(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                self._bind(target, target.id)
            else:
                self.refuse(target, "assignment", "bind one plain name to one constant here")
        if isinstance(node, ast.AnnAssign):
            self._annotation(node.annotation)
        if node.value is None or not is_constant_sum(node.value):
            self.refuse(
                node, "module value", "only numbers, strings and tuples of them; compute the rest inside decide()"
            )
        else:
            self.visit(node.value)

    def visit_Import(self, node: ast.Import) -> None:
        """Refuse an import below module level, where visit_Module does not look."""
        self.refuse(node, "import", "import at the top of the file")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Refuse an import below module level."""
        self.refuse(node, "import", "import at the top of the file")

    # scopes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Check a function's head in the outer scope and its body in its own."""
        self._bind(node, node.name)
        for decorator in node.decorator_list:
            self.refuse(decorator, "decorator", "call the function where its value is needed")
        for extra in getattr(node, "type_params", ()):
            self.refuse(extra, "type parameter", "remove it")
        if node.returns is not None:
            self._annotation(node.returns)
        self._arguments(node.args)
        body = node.body[1:] if _is_docstring(node.body[0], 0) else node.body
        self._within(argument_names(node.args) | bound_names(node.body), body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Check a lambda's defaults in the outer scope and its body in its own."""
        self._arguments(node.args)
        self._within(argument_names(node.args), [node.body])

    def _arguments(self, arguments: ast.arguments) -> None:
        for argument in arguments_of(arguments):
            self._bind(argument, argument.arg)
            if argument.annotation is not None:
                self._annotation(argument.annotation)
        for default in [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None)]:
            if is_plain_constant(default):
                self.visit(default)
            else:
                self.refuse(default, "default", "only numbers, strings, None and tuples of them are defaults")

    def _within(self, names: frozenset[str], nodes: Iterable[ast.AST]) -> None:
        self._scopes.append(names)
        for node in nodes:
            self.visit(node)
        self._scopes.pop()

    def _comprehension(self, node: ast.ListComp | ast.DictComp | ast.GeneratorExp) -> None:
        """Check a comprehension in its own scope."""
        # Python evaluates the first iterable outside: a name bound inside does not hide one there.
        self.visit(node.generators[0].iter)
        inner: list[ast.AST] = [] if isinstance(node, ast.DictComp) else [node.elt]
        if isinstance(node, ast.DictComp):
            inner += [node.key, node.value]
        for index, generator in enumerate(node.generators):
            inner += [generator.target, *generator.ifs, *([generator.iter] if index else [])]
            if generator.is_async:
                self.refuse(node, "async", "write a plain comprehension")
        self._within(bound_names(g.target for g in node.generators), inner)

    visit_ListComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815  named as the nodes are

    # names

    def visit_Name(self, node: ast.Name) -> None:
        """Resolve a name as Python does: own scopes, then the module, then allowed builtins."""
        if isinstance(node.ctx, ast.Store):
            self._bind(node, node.id)
        elif node.id.startswith("__"):
            self.refuse(node, node.id, "names of Python's own machinery are out of reach; remove it")
        elif node.id in self.modules:
            self.refuse(node, node.id, "a module is not a value; name the function, e.g. np.mean")
        elif id(node) not in self._handed and (node.id == "dict" or self._is_function(node.id)):
            self.refuse(node, node.id, NAMED)
        elif node.id not in BUILTINS and not any(node.id in scope for scope in self._scopes):
            known = hasattr(builtins, node.id)
            self.refuse(node, node.id, CURES.get(node.id, GENERAL if known else "it is not defined in this file"))

    def _is_function(self, name: str) -> bool:
        hidden = any(name in scope for scope in self._scopes[1:])
        return name in self._inner or (name in self._defined and not hidden)

    def _bind(self, node: ast.AST, name: str) -> None:
        if name.startswith("__"):
            self.refuse(node, name, "names that begin with two underscores are Python's own; choose another")
        elif name in self.modules or name in CONTRACT:
            self.refuse(node, name, "it names an import; choose another name")

    def _annotation(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name) and node.id in _ANNOTATIONS:
            return
        if isinstance(node, ast.Attribute) and self._module_path(node) in _ARRAYS:
            return
        if isinstance(node, ast.Constant) and node.value in {None, ...}:
            return
        if isinstance(node, ast.Subscript):
            self._annotation(node.value)
            self._annotation(node.slice)
        elif isinstance(node, ast.Tuple):
            for item in node.elts:
                self._annotation(item)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            self._annotation(node.left)
            self._annotation(node.right)
        else:
            self.refuse(
                node, "annotation", "write Bars, Params, Targets, np.ndarray, float, int, bool, tuple[...], or none"
            )

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Check an annotated local, whose annotation must be one of ours."""
        self._annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    # attributes and calls

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Admit listed names of a module, listed attributes of values; nothing private, nothing stored."""
        if node.attr.startswith("_"):
            self.refuse(node, f".{node.attr}", "attributes that begin with an underscore are out of reach; remove it")
        elif not isinstance(node.ctx, ast.Load):
            self.refuse(node, f".{node.attr} =", "values are not changed by attribute; bind a local name")
        elif node.attr == "apply" and id(node) not in self._applied:
            self.refuse(node, ".apply", _APPLY)
        elif (path := self._module_path(node)) is not None:
            self._module_attribute(node, path)
            return
        elif not self.knows_attribute(node):
            self.refuse(node, f".{node.attr}", self._attribute_cure(node.attr))
        if not isinstance(node.value, ast.Name) or node.value.id not in self.modules:
            self.visit(node.value)

    def knows_attribute(self, node: ast.Attribute) -> bool:
        """Return whether a value may be asked for this attribute, or the parameters for this parameter."""
        if isinstance(node.value, ast.Name) and node.value.id == self._p:
            # A name the manifest lacks is reported with the manifest, once; a reserved one likewise.
            return node.attr in INSTANCE or node.attr not in self._params or not is_reserved(node.attr)
        return node.attr in INSTANCE

    def _attribute_cure(self, name: str) -> str:
        if name in self._params:
            return f"read the parameter as {self._p}.{name}; call the parameters {self._p} in helpers too"
        return cure_of(name, INSTANCE, shown=".{}")

    def _module_path(self, node: ast.Attribute) -> tuple[str, ...] | None:
        """Return ("numpy", "mean") for np.mean, ("numpy", "linalg", "norm") likewise, else None."""
        if isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return self.modules[node.value.id], node.attr
        if isinstance(node.value, ast.Attribute):
            outer = self._module_path(node.value)
            if outer is not None and len(outer) == 2 and outer in SUBMODULES:
                return (*outer, node.attr)
        return None

    def _module_attribute(self, node: ast.Attribute, path: tuple[str, ...]) -> None:
        allowed = SUBMODULES[path[0], path[1]] if len(path) == 3 else MODULE_NAMES[path[0]]
        if path[-1] not in allowed:
            self.refuse(node, ".".join(path), cure_of(path[-1], allowed, shown=".".join([*path[:-1], "{}"])))

    def visit_Call(self, node: ast.Call) -> None:
        """Check what a call passes, then its parts."""
        attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse(keyword, "**", "name each keyword argument")
            elif keyword.arg.startswith("_"):
                self.refuse(keyword, f"{keyword.arg}=", "private arguments are out of reach; remove it")
            elif keyword.arg == "center":
                self.refuse(keyword, "center=", "a centred window sees later bars; remove it")
        if attribute == "shift" and any(_is_negative(a) for a in [*node.args, *(k.value for k in node.keywords)]):
            self.refuse(node, ".shift", "a negative shift shows later bars; shift by 1 or more")
        if attribute == "apply" and self._applies_function(node):
            self._applied.add(id(node.func))
        if _leaves_holes(node):
            self.refuse(node, "where=", "without out= the other values are whatever memory held; add out=np.zeros(...)")
        self._visit_below(node)

    def _applies_function(self, node: ast.Call) -> bool:
        if not node.args or any(k.arg == "func" for k in node.keywords):
            return False
        first = node.args[0]
        hidden = isinstance(first, ast.Name) and any(first.id in scope for scope in self._scopes[1:])
        return isinstance(first, ast.Lambda) or (
            isinstance(first, ast.Name) and first.id in self._functions and not hidden
        )

    def visit_While(self, node: ast.While) -> None:
        """Refuse a loop that says itself that it never ends; the watchdog ends the others."""
        leaves = any(isinstance(inner, ast.Break | ast.Return) for inner in ast.walk(node))
        if isinstance(node.test, ast.Constant) and node.test.value and not leaves:
            self.refuse(node, "while", "it never ends; give it a condition or a break")
        self._visit_below(node)

    def visit_With(self, node: ast.With) -> None:
        """Admit `with np.errstate(divide="ignore"):` alone."""
        for item in node.items:
            if item.optional_vars is not None or not self._is_errstate(item.context_expr):
                self.refuse(node, "with", 'only `with np.errstate(divide="ignore", invalid="ignore"):` is allowed')
        for statement in node.body:
            self.visit(statement)

    def _is_errstate(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.args:
            return False
        silent = all(
            k.arg in _ERRSTATE and isinstance(k.value, ast.Constant) and k.value.value == "ignore"
            for k in node.keywords
        )
        return silent and self._module_path(node.func) == ("numpy", "errstate")

    # values

    def visit_Constant(self, node: ast.Constant) -> None:
        """Refuse bytes, complex and huge numbers, and strings that ask numpy for a clock."""
        value = node.value
        if isinstance(value, bytes | complex):
            self.refuse(node, type(value).__name__, "write numbers and short strings only")
        elif isinstance(value, int) and abs(value) > INT_MAX:
            self.refuse(node, "number", f"above {INT_MAX:.0e}; work with ratios, which survive a change of scale")
        elif isinstance(value, float) and not abs(value) <= FLOAT_MAX:
            self.refuse(node, "number", f"above {FLOAT_MAX:.0e}; work with ratios, which survive a change of scale")
        elif value == "empty":
            self.refuse(node, "'empty'", "its values are whatever memory held; name a fill value")
        elif isinstance(value, str) and _CLOCK.search(value):
            self.refuse(node, repr(value[:20]), "a strategy knows no dates; use bars.hour and bars.weekday")

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Refuse powers and shifts that make numbers without end."""
        if isinstance(node.op, ast.Pow | ast.LShift):
            big = isinstance(node.right, ast.Constant) and not _small(node.right.value)
            if big or (isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Pow | ast.LShift)):
                self.refuse(node, "power", f"exponents above {EXPONENT_MAX} and towers of powers are refused; simplify")
        self._visit_below(node)


_VISITORS: dict[type[ast.AST], Callable[[Rules, Any], None]] = {
    getattr(ast, name.removeprefix("visit_")): method
    for name, method in vars(Rules).items()
    if name.startswith("visit_")
}
"""The method for each kind of node that has rules of its own."""


def _is_docstring(node: ast.AST, index: int) -> bool:
    return (
        index == 0
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_negative(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _small(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) <= EXPONENT_MAX


def _leaves_holes(node: ast.Call) -> bool:
    """Tell whether a call may return memory nobody wrote: `where=` without a real `out=`, whatever is called.

    A reduction called as an attribute only leaves elements out; a bare name could stand for anything.
    """
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if "where" not in given:
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    out = given.get("out")
    written = out is not None and not (isinstance(out, ast.Constant) and out.value is None)
    return name not in _REDUCTIONS and not written
