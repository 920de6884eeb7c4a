"""A backtest's sheet for the terminal: aligned plain text, and the same in colour where somebody looks."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from itertools import zip_longest

from autarch.evaluation.sheet import NOT_A_VERDICT, Column, Part, Sheet, assumed_words
from autarch.metrics.shown import grouped, label, shown

WIDTH = 100
LABEL_WIDTH, VALUE_WIDTH = 25, 19
FINDINGS_SHOWN = 3


def plain(sheet: Sheet, *, width: int = WIDTH) -> str:
    """Return the sheet as text, no trailing newline; without room for two groups in `width`, each below the other."""
    lines = [*head(sheet, width=width), ""]
    for part in sheet.parts:
        lines += _one(part.columns[0], width=width) if len(part.columns) == 1 else _several(part)
        lines.append("")
    return "\n".join([*lines, *foot(sheet, width=width)])


def draw(sheet: Sheet) -> None:
    """Write the sheet to a terminal, headings in bold and losses in red."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in plain(sheet, width=min(WIDTH, console.width)).splitlines():
        text = Text(line)
        if line and not line.startswith(" "):
            text.stylize("bold")
        text.highlight_regex(r"(?<=\s)-[\d,.]+(e[+-]?\d+)?( %| USDT)?", "red")
        console.print(text)


def head(sheet: Sheet, *, width: int = WIDTH) -> list[str]:
    """Return what was played on what."""
    columns = [column for part in sheet.parts for column in part.columns]
    market = columns[0].market
    lines = [f"{c.label}: {c.title}  ({c.place})" for part in sheet.parts for c in part.columns]
    grids = dict.fromkeys(f"{c.market.n_bars:,} bars of {c.market.interval}" for c in columns)
    lines.append(
        f"{_short(sheet.dataset)} {sheet.split}, {_day(int(market.ts[0]))} to "
        f"{_day(int(market.ts[-1]) + market.interval_ms)}: {', '.join(grids)}"
    )
    factor = "" if sheet.costs_factor == 1.0 else f", costs x {sheet.costs_factor:g}"
    for c in columns:
        lines += _wrapped(
            f"{', '.join(c.result.symbols)}: capital {c.result.capital:,.0f} USDT{factor}, "
            f"decides from {_day(c.first_ms)} on" + (f", {_params(c)}" if c.params else ""),
            width,
        )
    return lines


def foot(sheet: Sheet, *, width: int = WIDTH) -> list[str]:
    """Return what to keep in mind."""
    lines = []
    if sheet.likeness is not None:
        like = sheet.likeness
        lines.append(f"correlation of daily returns {_or_none(like.correlation, '{:.3f}')}")
        lines.append(f"decisions alike {_or_none(None if like.alike is None else 100 * like.alike, '{:.2f} %')}")
    for column in (column for part in sheet.parts for column in part.columns):
        lines += [f"the gate refuses {column.label}: {finding}" for finding in column.findings[:FINDINGS_SHOWN]]
    assumed = f"Assumed, not measured: {assumed_words(sheet.assumed)}"
    return [*lines, *_wrapped(assumed, width), *_wrapped(_caveat(sheet), width)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _caveat(sheet: Sheet) -> str:
    seen = (
        "Train is what whoever tuned this could see: an upper bound."
        if sheet.split == "train"
        else "Forward bars wear out: tuning after this look makes them train."
    )
    weak = "" if sheet.sandbox.startswith("full") else f" The worker was not confined ({sheet.sandbox})."
    return f"{NOT_A_VERDICT}. {seen}{weak}"


def _one(column: Column, *, width: int) -> list[str]:
    """Return the groups of one column, two beside each other where there is room."""
    blocks = [
        [title, *(f"  {_row(label(name), shown(name, column.metrics[name]))}" for name in names)]
        for title, names in grouped(column.metrics)
    ]
    if width < 2 * (LABEL_WIDTH + VALUE_WIDTH + 2) + 4:
        return [line for block in blocks for line in (*block, "")][:-1]
    lines: list[str] = []
    nothing: list[str] = []
    for left, right in zip_longest(blocks[::2], blocks[1::2], fillvalue=nothing):
        for a, b in zip_longest(left, right, fillvalue=""):
            lines.append(f"{a:<{LABEL_WIDTH + VALUE_WIDTH + 6}}{b}".rstrip())
        lines.append("")
    return lines[:-1]


def _several(part: Part) -> list[str]:
    """Return a table with a column for each; two are also subtracted where that means something."""
    names = [c.label for c in part.columns]
    width = max(VALUE_WIDTH, *(len(name) + 2 for name in names))
    lines = [f"{part.title:<{LABEL_WIDTH + 2}}" + "".join(f"{name:>{width}}" for name in names)]
    for title, metrics in grouped(part.columns[0].metrics):
        lines.append(title)
        for name in metrics:
            values = "".join(f"{shown(name, c.metrics.get(name)):>{width}}" for c in part.columns)
            lines.append(f"  {label(name):<{LABEL_WIDTH}}{values}")
    return lines


def _row(name: str, value: str) -> str:
    dots = "." * max(2, LABEL_WIDTH + VALUE_WIDTH - len(name) - len(value) - 2)
    return f"{name} {dots} {value}"


def _params(column: Column) -> str:
    return ", ".join(f"{name} = {value}" for name, value in column.params.items())


def _or_none(value: float | None, form: str) -> str:
    return "not defined" if value is None else form.format(value)


def _short(ref: str) -> str:
    name, _, digest = ref.partition("@")
    return f"{name}@{digest[:12]}"


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
