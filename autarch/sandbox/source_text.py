"""Is `strategy.py` plain text that is safe to parse? Bytes in, text or findings out."""

from __future__ import annotations

import ast
import re
import warnings

from autarch.sandbox.source_finding import Finding

CODE_BYTES_MAX = 65_536
BRACKETS_MAX = 32
"""Deepest nesting of brackets; the parser's own stack is never tried."""

_ODD = re.compile(rb"[^\x20-\x7e\n]")
_COOKIE = re.compile(r"^[ ]*#.*?coding[:=]")
# Branches begin with different characters, so there is one way to match a text, and the first one that does not end
# stops the search: no input costs more than its length. Possessive groups match wrongly before Python 3.11.5.
_TOKEN = re.compile(
    r"""
    (?=["'\#()\[\]{}BFRUbfru])  # no other letter begins a text, and most letters begin none of these
    (?: (?P<text>[BFRUbfru]{0,2}(?:
        \"\"\" [^"\\]*+ (?:(?:\\.|"(?!""))[^"\\]*+)* \"\"\"
      | ''' [^'\\]*+ (?:(?:\\.|'(?!''))[^'\\]*+)* '''
      | (?!\"\"\")" [^"\\\n]*+ (?:\\.[^"\\\n]*+)* "
      | (?!''')' [^'\\\n]*+ (?:\\.[^'\\\n]*+)* '
    ))
    | (?P<endless>["'])
    | (?P<comment>\#[^\n]*+)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}]) )
    """,
    re.DOTALL | re.VERBOSE,
)


def parse_text(code: bytes) -> tuple[ast.Module | None, tuple[Finding, ...]]:
    """Return the parsed module, or None and what keeps it from being parsed."""
    found = _refuse_bytes(code)
    if found:
        return None, found
    text = code.decode("ascii")
    found = _refuse_cookie(text) or _refuse_depth(text)
    if found:
        return None, found
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a docstring is no reason to print or refuse
            return ast.parse(text, filename="strategy.py"), ()
    except SyntaxError as error:
        return None, (
            _finding(max(1, error.lineno or 1), max(1, error.offset or 1), "syntax", f"{error.msg}; correct it"),
        )
    except (RecursionError, MemoryError, ValueError) as error:
        lengths = [len(line) for line in text.split("\n")]  # the parser names no place; what is too deep is long
        cure = f"cannot be parsed ({error}); write shorter expressions"
        return None, (_finding(lengths.index(max(lengths)) + 1, 1, "nesting", cure),)


def _refuse_bytes(code: bytes) -> tuple[Finding, ...]:
    if len(code) > CODE_BYTES_MAX:
        text = f"{len(code)} bytes, at most {CODE_BYTES_MAX}; keep one idea in a strategy"
        return (_finding(code.count(b"\n", 0, CODE_BYTES_MAX) + 1, 1, "size", text),)
    odd = _ODD.search(code)
    if odd is None:
        return ()
    byte, place = code[odd.start()], odd.start()
    line, column = code.count(b"\n", 0, place) + 1, place - code.rfind(b"\n", 0, place)
    return (_finding(line, column, "character", f"byte 0x{byte:02x} {_byte_cure(byte)}"),)


def _byte_cure(byte: int) -> str:
    if byte == 0x0D:
        return "is a carriage return; save the file with LF line ends"
    if byte == 0x09:
        return "is a tab; indent with spaces"
    if byte > 0x7E:
        return "is not ASCII; look-alike letters and invisible marks hide meaning, write plain ASCII"
    return "is a control character; remove it"


def _refuse_cookie(text: str) -> tuple[Finding, ...]:
    for number, line in enumerate(text.split("\n", 2)[:2], start=1):
        if _COOKIE.match(line):
            return (_finding(number, 1, "coding cookie", "the source is ASCII; remove the declaration"),)
    return ()


def _refuse_depth(text: str) -> tuple[Finding, ...]:
    depth = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "text" and "f" in token["text"][:2].lower():
            inner = max(token["text"].count(bracket) for bracket in "([{")
            depth += 0 if inner <= BRACKETS_MAX else inner
        elif kind == "endless":
            return (_at(text, token.start(), "syntax", "the text that begins here does not end; close its quotes"),)
        if depth > BRACKETS_MAX:
            limit = f"brackets nest deeper than {BRACKETS_MAX}; name the parts in steps"
            return (_at(text, token.start(), "nesting", limit),)
    return ()


def _at(text: str, place: int, construct: str, message: str) -> Finding:
    return _finding(text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place), construct, message)


def _finding(line: int, column: int, construct: str, message: str) -> Finding:
    return Finding(line=line, column=column, construct=construct, message=message)
