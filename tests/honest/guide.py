"""The pieces of docs/strategy_authoring.md that can be run: snippets, and the tables of what is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from autarch.manifest import StrategySource, parse_source
from ci.candidate import Candidate

from .ground import BASE

PAGE = Path(__file__).parents[2] / "docs" / "strategy_authoring.md"
_MANIFEST = """schema = 1
name = "snippet"
title = "A snippet of the guide"
symbols = {symbols}
context = {context}
interval = "15m"
mode = "{mode}"
warmup = {warmup}
max_leverage = 1.0
{params}"""
_HEAD = '''"""A snippet of the guide.

Thesis: it can be trusted.
Source: the guide.
Dies when: the guide is wrong.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Do what the guide says."""
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One body of `decide` under a heading of the page; `words` is the sentence above it."""

    words: str
    body: str
    warmup: int
    panel: bool
    context: tuple[str, ...]

    def candidate(self) -> Candidate:
        """Return it as a strategy on one symbol, or as a panel of three."""
        symbols = ("ETHUSDT", "BTCUSDT") if self.panel else ("SOLUSDT",)
        return candidate_of_body(
            self.body,
            warmup=self.warmup,
            symbols=symbols,
            context=self.context,
            mode="panel" if self.panel else "each",
        )


def candidate_of_body(body: str, **manifest: object) -> Candidate:
    """Return the strategy with this body of `decide`."""
    return Candidate(kind="strategy", slug="snippet", source=source_of_body(body, **manifest), base=BASE)


def source_of_body(  # noqa: PLR0913  a manifest's keys
    body: str,
    *,
    warmup: int = 100,
    symbols: tuple[str, ...] = ("SOLUSDT",),
    context: tuple[str, ...] = (),
    mode: str = "each",
    params: str = "",
) -> StrategySource:
    """Return the two files with this body of `decide`."""
    listed = [str(list(names)).replace("'", '"') for names in (symbols, context)]
    manifest = _MANIFEST.format(symbols=listed[0], context=listed[1], mode=mode, warmup=warmup, params=params)
    code = _HEAD + "".join(f"    {line}\n" if line else "\n" for line in body.splitlines())
    return parse_source(slug="snippet", manifest_bytes=manifest.encode("ascii"), code=code.encode("ascii"))


def section(title: str) -> str:
    """Return the text under the second-level heading `title`."""
    return PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def snippets() -> tuple[Snippet, ...]:
    """Return the cookbook's snippets."""
    found = re.findall(r"([^\n]+)\n\n```python\n(# warm-up: (\d+)([^\n]*)\n.*?)```", section("Cookbook"), re.DOTALL)
    return tuple(
        Snippet(
            words=words,
            body=body,
            warmup=int(warmup),
            panel="panel" in marks,
            context=tuple(re.findall(r"[A-Z]+USDT", marks)),
        )
        for words, body, warmup, marks in found
    )


def rows_under(heading: str, columns: int) -> list[tuple[str, ...]]:
    """Return the cells of the table whose first heading is `heading`, without its two head lines."""
    lines = PAGE.read_text(encoding="utf-8").partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]
    if not rows or any(len(row) != columns for row in rows):
        raise ValueError(f"{PAGE.name}: the table under {heading!r} has no rows of {columns} cells; correct it")
    return rows


def example() -> Candidate:
    """Return the whole strategy at the top of the page."""
    text = PAGE.read_text(encoding="utf-8")
    manifest, code = (re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)[0] for kind in ("toml", "python"))
    source = parse_source(slug="calm_carry", manifest_bytes=manifest.encode("ascii"), code=code.encode("ascii"))
    return Candidate(kind="strategy", slug="calm_carry", source=source, base=BASE)
