"""Reading the tables of canonical cases, and telling where a result differs; their grammar is in conftest.py."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from autarch.engine import AccountBacktest, Backtest
from autarch.engine import layout as at

KINDS = {
    "close": at.CLOSE,
    "reduce": at.REDUCE,
    "entry": at.ENTRY_FILL,
    "stop_loss": at.STOP_OUT,
    "take_profit": at.TAKE_PROFIT,
    "liquidation": at.LIQUIDATED,
    "settlement": at.SETTLED,
}
REASONS = {
    "too_small": at.SKIP_TOO_SMALL,
    "not_traded": at.SKIP_NOT_TRADED,
    "latched": at.SKIP_LATCHED,
    "not_flat": at.SKIP_NOT_FLAT,
    "too_large": at.SKIP_TOO_LARGE,
    "no_margin": at.SKIP_NO_MARGIN,
}
FIELDS = {"fee": "fee", "slip": "slippage", "real": "realised", "left": "position", "mark": "mark", "rate": "rate"}
SUMS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COLUMN = re.compile(r"(n|bar|turnover|stamps|decide|happens|equity|drawdown|exposure)(?: ([A-Z]))?")


def number(text: str) -> float:
    """Return a number or a sum such as `1000 - 10*(100.2 - 98)`; `2%` is 0.02."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            return SUMS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand) if isinstance(node.op, ast.USub) else value(node.operand)
        return float(ast.literal_eval(node))

    return value(ast.parse(text.strip().replace("%", "/100").replace("+-", "-"), mode="eval").body)


def near(expected: float, found: float) -> bool:
    both_nan = math.isnan(expected) and math.isnan(found)
    return both_nan or math.isclose(expected, found, rel_tol=1e-12, abs_tol=1e-9)


@dataclass(frozen=True)
class Event:
    """A fill, a payment or a skip: `what`, the symbol's column and the numbers that are looked at."""

    what: str
    symbol: int
    numbers: Mapping[str, float]

    def same(self, found: Event) -> bool:
        """Whether `found` is this event; numbers that this one does not name are not looked at."""
        alike = (self.what, self.symbol) == (found.what, found.symbol)
        return alike and all(near(value, found.numbers[name]) for name, value in self.numbers.items())

    def __str__(self) -> str:
        return " ".join(
            [self.what, f"#{self.symbol}", *(f"{name} {value:.12g}" for name, value in self.numbers.items())]
        )


@dataclass
class Line:
    """One bar of a table."""

    bars: dict[str, tuple[float, ...]] = field(default_factory=dict)
    traded: dict[str, bool] = field(default_factory=dict)
    cells: dict[tuple[str, str], str] = field(default_factory=dict)
    happens: list[Event] = field(default_factory=list)

    def cell(self, column: str, letter: str = "") -> str:
        return self.cells.get((column, letter), "")


def read(table: str) -> tuple[str, list[Line]]:
    """Return the symbols' letters (a single symbol's is empty) and the lines of `table`."""
    head, *rows = [line for line in table.strip().splitlines() if line.strip()]
    named = [COLUMN.fullmatch(cell.strip()) for cell in head.split("|")]
    assert all(named), f"a column is not understood: {head}"
    columns = [(match[1], match[2] or "") for match in named if match]
    letters = [letter for name, letter in columns if name == "bar"]
    lines = [line for row in rows for line in read_row(row, columns, letters)]
    return "".join(letters), lines


def read_row(row: str, columns: Sequence[tuple[str, str]], letters: Sequence[str]) -> Iterator[Line]:
    cells = [cell.strip() for cell in row.split("|")]
    assert len(cells) == len(columns), f"{len(columns)} columns are named: {row}"
    found = dict(zip(columns, cells, strict=True))
    for _ in range(int(found.get(("n", ""), "1") or 1)):
        line = Line(cells=found)
        for letter in letters:
            bar = found["bar", letter]
            prices = tuple(number(price) for price in bar.removeprefix("x").split())
            line.bars[letter] = prices * 4 if len(prices) == 1 else prices
            line.traded[letter] = not bar.startswith("x")
        line.happens = [event for text in parts(line.cell("happens")) for event in read_event(text, letters)]
        yield line


def parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def read_event(text: str, letters: Sequence[str]) -> Iterator[Event]:
    words = text.split()
    times = int(words.pop(0)[:-1]) if re.fullmatch(r"\d+x", words[0]) else 1
    symbol = letters.index(words.pop(0) if len(letters) > 1 else "")
    what, *rest = words
    if what == "skip":
        what, numbers = f"skip {rest[0]}", {"qty": number(rest[1])}
        rest = rest[2:]
    elif what == "funding":
        numbers, rest = {"payment": number(rest[0])}, rest[1:]
    else:
        assert what in KINDS, f"not an event: {text}"
        numbers, rest = {"qty": number(rest[0]), "price": number(rest[2])}, rest[3:]
    numbers |= {FIELDS[name]: number(value) for name, value in zip(rest[::2], rest[1::2], strict=True)}
    yield from [Event(what, symbol, numbers)] * times


def happened(result: Backtest) -> list[list[Event]]:
    """Return the events of each row of `result`, in their order."""
    rows: list[list[tuple[int, Event]]] = [[] for _ in range(result.equity.size)]
    names = {kind: name for name, kind in KINDS.items()} | {reason: f"skip {name}" for name, reason in REASONS.items()}
    for table, kind in ((result.fills, "kind"), (result.funding, None), (result.skipped, "reason")):
        for entry in table:
            what = "funding" if kind is None else names[float(entry[kind])]
            numbers = {name: float(entry[name]) for name in table.dtype.names if name not in {"seq", "row", "symbol"}}
            rows[entry["row"]].append((int(entry["seq"]), Event(what, int(entry["symbol"]), numbers)))
    return [[event for _, event in sorted(row, key=operator.itemgetter(0))] for row in rows]


def differences(lines: Sequence[Line], letters: str, result: Backtest) -> Iterator[str]:
    yield from told(lines, result)
    yield from marked(lines, letters, result)


def told(lines: Sequence[Line], result: Backtest) -> Iterator[str]:
    """Tell where the events are others, or the cash does not add up."""
    for row, (line, found) in enumerate(zip(lines, happened(result), strict=True)):
        expected = line.happens
        if len(expected) != len(found) or not all(e.same(f) for e, f in zip(expected, found, strict=True)):
            yield f"row {row}: expected {listed(expected)}; found {listed(found)}"
    totals = result.totals
    final = result.capital + totals.realised + totals.unrealised - totals.fees - totals.funding
    if not near(final, float(result.equity[-1])):
        yield f"cash is not conserved: {final:.12g} is not {result.equity[-1]:.12g}"


def marked(lines: Sequence[Line], letters: str, result: Backtest | AccountBacktest) -> Iterator[str]:
    """Tell where a close is marked otherwise."""
    columns = [("equity", "", result.equity), ("drawdown", "", result.drawdown)]
    columns += [("exposure", letter, result.exposure[:, index]) for index, letter in enumerate(letters or [""])]
    for row, line in enumerate(lines):
        for column, letter, values in columns:
            cell = line.cell(column, letter)
            if cell and not near(number_or_nan(cell), float(values[row])):
                yield f"row {row}: expected {column} {cell}; found {values[row]:.12g}"


def lines_of(lines: Sequence[Line], own: str, letters: str) -> list[Line]:
    """Return the lines with the events of one sleeve alone, their symbols counted within it."""
    places = {letters.index(letter): index for index, letter in enumerate(own)}
    return [
        replace(line, happens=[replace(e, symbol=places[e.symbol]) for e in line.happens if e.symbol in places])
        for line in lines
    ]


def number_or_nan(cell: str) -> float:
    return math.nan if cell == "nan" else number(cell)


def listed(events: Iterable[Event]) -> str:
    return "; ".join(map(str, events)) or "nothing"
