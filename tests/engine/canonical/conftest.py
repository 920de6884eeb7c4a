"""Canonical cases: what happens bar by bar, in one table that a human can check with a pencil.

    bar             | decide        | happens                               | equity
    100             | +1 stop 2%    |                                       | 1000
    100 101 98 100  |               | entry +10 @ 100; stop_loss -10 @ 98   | 1000 - 10*2

One line is one bar. Columns, of which a table names those it needs, in any order:

- `bar`: open high low close, or one price for all four; `x` before it: the bar is not traded.
- `n`: how often the line is repeated; `turnover`: quote of the bar (1,000,000 unless given).
- `stamps`: minutes after the bar's open and a funding rate, `0m 1%; 7m -0.5%`, or a mark, `mark 0m 120`.
- `decide`: exposure (or coins) decided at the bar's close, then `stop 2%` and `take 5%` if any; an empty cell
  decides the same again, and zero before anything was decided.
- `happens`: everything that happens during the bar, in order, `;` between events:
  `KIND ±coins @ price` and, if wanted, `fee`, `slip`, `real` (realised) and `left` (position after) with a number;
  `funding payment` (and `mark`, `rate`), `skip REASON ±coins`. `3x` before an event: three times the same.
- `equity`, `drawdown`, `exposure`: at the bar's close; an empty cell is not looked at.

A column of one of several symbols carries its letter, `bar B`, and so does an event, `B entry +1 @ 50`.
Numbers may be sums, `1000 - 10*2`. Everything is free of charge, a tick is 0.1, a step 0.001 coins, the
capital 1,000 and the leverage 1 unless a case says otherwise. What is decided as exposure is played by the
referee too, and must come out the same.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
import pytest

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.engine import Backtest, CostModel, WantedQuantities, backtest, backtest_quantities
from autarch.engine import layout as at
from autarch.manifest import INTERVAL_MS
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries
from autarch.referee import disagreement, referee

START_MS = 1_700_006_400_000  # 2023-11-15T00:00Z, a multiple of every interval
KINDS = {
    "close": at.CLOSE,
    "reduce": at.REDUCE,
    "entry": at.ENTRY_FILL,
    "stop_loss": at.STOP_OUT,
    "take_profit": at.TAKE_PROFIT,
    "liquidation": at.LIQUIDATED,
}
REASONS = {
    "too_small": at.SKIP_TOO_SMALL,
    "not_traded": at.SKIP_NOT_TRADED,
    "latched": at.SKIP_LATCHED,
    "not_flat": at.SKIP_NOT_FLAT,
    "too_large": at.SKIP_TOO_LARGE,
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
    for row, (line, found) in enumerate(zip(lines, happened(result), strict=True)):
        expected = line.happens
        if len(expected) != len(found) or not all(e.same(f) for e, f in zip(expected, found, strict=True)):
            yield f"row {row}: expected {listed(expected)}; found {listed(found)}"
        marked = [("equity", "", result.equity), ("drawdown", "", result.drawdown)]
        marked += [("exposure", letter, result.exposure[:, index]) for index, letter in enumerate(letters or [""])]
        for column, letter, values in marked:
            cell = line.cell(column, letter)
            if cell and not near(number_or_nan(cell), float(values[row])):
                yield f"row {row}: expected {column} {cell}; found {values[row]:.12g}"
    totals = result.totals
    final = result.capital + totals.realised + totals.unrealised - totals.fees - totals.funding
    if not near(final, float(result.equity[-1])):
        yield f"cash is not conserved: {final:.12g} is not {result.equity[-1]:.12g}"


def number_or_nan(cell: str) -> float:
    return math.nan if cell == "nan" else number(cell)


def listed(events: Iterable[Event]) -> str:
    return "; ".join(map(str, events)) or "nothing"


def instrument(symbol: str, terms: Mapping[str, object]) -> Instrument:
    """Return a contract; `terms` may name tick, step, min_qty, max_qty, min_notional, fee and tiers, as text."""
    tiers = terms.get("tiers", (("1000000", "0.01", "0"),))
    return Instrument(
        symbol=symbol,
        tick_size=Decimal(str(terms.get("tick", "0.1"))),
        qty_step=Decimal(str(terms.get("step", "0.001"))),
        min_order_qty=Decimal(str(terms.get("min_qty", terms.get("step", "0.001")))),
        max_market_qty=Decimal(str(terms.get("max_qty", "1000000"))),
        min_notional=Decimal(str(terms.get("min_notional", "0"))),
        taker_fee=Decimal(str(terms.get("fee", "0"))),
        maker_fee=Decimal(0),
        risk_tiers=tuple(
            RiskTier(
                notional_max=Decimal(notional),
                maintenance_margin_rate=Decimal(rate),
                initial_margin_rate=Decimal("0.5"),
                mm_deduction=Decimal(deduction),
            )
            for notional, rate, deduction in tiers
        ),
        sources=(),
    )


def series_of(lines: Sequence[Line], letter: str, symbol: str, interval_ms: int) -> SymbolSeries:
    open_, high, low, close = (np.array(column) for column in zip(*(line.bars[letter] for line in lines), strict=True))
    quote = np.array([number(line.cell("turnover", letter) or "1000000") for line in lines])
    traded = np.array([line.traded[letter] for line in lines])
    stamps: dict[bool, list[tuple[int, float]]] = {True: [], False: []}
    for row, line in enumerate(lines):
        for stamp in parts(line.cell("stamps", letter)):
            minutes, value = stamp.removeprefix("mark").split()
            moment = START_MS + row * interval_ms + round(float(minutes.removesuffix("m")) * 60_000)
            stamps[stamp.startswith("mark")].append((moment, number(value)))
    return SymbolSeries(
        symbol=symbol,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=np.where(traded, quote / close, 0.0),
        turnover=np.where(traded, quote, 0.0),
        traded=traded,
        first_row=int(np.argmax(traded)),
        funding_ms=np.array([moment for moment, _ in stamps[False]], dtype=np.int64),
        funding_rate=np.array([rate for _, rate in stamps[False]], dtype=np.float64),
        mark_ms=np.array([moment for moment, _ in stamps[True]], dtype=np.int64),
        mark_close=np.array([price for _, price in stamps[True]], dtype=np.float64),
        funding_schedule=(FundingSchedule(from_ms=0, interval_min=480),),
    )


def decided(lines: Sequence[Line], letter: str) -> list[tuple[float, float, float]]:
    """Return (exposure, stop, take) of every line; an empty cell is the one before again."""
    rows: list[tuple[float, float, float]] = []
    last = (0.0, math.nan, math.nan)
    for line in lines:
        words = line.cell("decide", letter).split()
        if words:
            named = dict(zip(words[1::2], words[2::2], strict=True))
            last = (
                number(words[0]),
                *(number(named[side]) if side in named else math.nan for side in ("stop", "take")),
            )
        rows.append(last)
    return rows


@dataclass(frozen=True)
class Played:
    """What the engine made of a table, and where it differs from it."""

    result: Backtest
    differences: list[str]


@dataclass(frozen=True)
class Canon:
    """Plays tables. Keyword arguments are the contract's `terms` and what follows; `of` has terms by letter."""

    quantities: bool = False

    def coins(self) -> Canon:
        """Return the same for tables whose decisions are coins, not exposures."""
        return replace(self, quantities=True)

    def __call__(  # noqa: PLR0913  a case names everything it varies
        self,
        table: str,
        *,
        costs: tuple[float, float, float] = (0.0, 0.0, 0.0),
        stress: float = 1.0,
        capital: float = 1000.0,
        leverage: float = 1.0,
        mode: str = "panel",
        interval: str = "15m",
        trade: str | None = None,
        of: Mapping[str, Mapping[str, object]] | None = None,
        **terms: object,
    ) -> Played:
        """Play `table`; `costs` are half spread, k and cap in basis points; `trade` the letters that are traded."""
        letters, lines = read(table)
        names = {letter: f"{(letter or 'A') * 3}USDT" for letter in letters or [""]}
        step = INTERVAL_MS[interval]
        market = Market(
            dataset="by-hand",
            dataset_digest=Sha256("0" * 64),
            split="train",
            interval=interval,
            interval_ms=step,
            ts=START_MS + step * np.arange(len(lines), dtype=np.int64),
            series=tuple(series_of(lines, letter, name, step) for letter, name in names.items()),
            instruments=tuple(
                instrument(name, {**terms, **(of or {}).get(letter, {})}) for letter, name in names.items()
            ),
        )
        chosen = [letter for letter in names if trade is None or letter in trade]
        wanted = np.array([decided(lines, letter) for letter in chosen]).transpose(2, 1, 0).copy()
        asked = {
            "symbols": tuple(names[letter] for letter in chosen),
            "interval": interval,
            "max_leverage": leverage,
            "stop_loss": wanted[1],
            "take_profit": wanted[2],
        }
        half, k, cap = costs
        model = CostModel(half_spread_bps=half, impact_k=k, impact_cap_bps=cap).scaled(stress)
        opinions: list[str] = []
        if self.quantities:
            result = backtest_quantities(market, WantedQuantities(qty=wanted[0], **asked), costs=model, capital=capital)
        else:
            counts = np.ones(wanted[0].shape, dtype=np.bool_)
            exposures = Decisions(exposure=wanted[0], mode=mode, counts=counts, **asked)
            result = backtest(market, exposures, costs=model, capital=capital)
            second = disagreement(result, referee(market, exposures, costs=model, capital=capital))
            opinions = [] if second is None else [f"the referee: {second}"]
        return Played(result, [*differences(lines, "".join(chosen), result), *opinions])


@pytest.fixture(scope="session")
def canon() -> Canon:
    return Canon()
