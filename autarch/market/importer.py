"""From files on this machine to a recipe: which layout a folder has, and what the user asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autarch.errors import DataError
from autarch.market.assemble import BarSource, Progress, Terms, assemble, check_terms
from autarch.market.build import Recipe
from autarch.market.freqtrade import Freqtrade, freqtrade_folder
from autarch.market.headers import parse_columns
from autarch.market.import_instruments import parse_instant
from autarch.market.lock_types import Gap
from autarch.market.tree import Tree

Layout = Literal["auto", "tree", "freqtrade"]
_INSTANT = r"\d{9,}|\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?(?:Z|[+-]\d\d:\d\d)?"
_GAP = re.compile(rf"(?P<symbol>\w+):(?P<start>{_INSTANT}):(?P<end>{_INSTANT}):(?P<reason>.*\S.*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest(Terms):
    """What to import from where. `columns` are `FIELD=HEADER` texts for headers that do not tell by themselves."""

    source: Path
    instruments: Path | None = None
    layout: Layout = "auto"
    columns: tuple[str, ...] = ()


def parse_gap(text: str) -> Gap:
    """Return the gap in `SYMBOL:FROM:TO:REASON`; instants are epoch milliseconds or ISO text with its own colons.

    Raises:
        DataError: another shape, or an instant that is none.
    """
    found = _GAP.match(text)
    if found is not None:
        from_ms, to_ms = parse_instant(found["start"]), parse_instant(found["end"])
        if from_ms < to_ms:
            return Gap(symbol=found["symbol"], from_ms=from_ms, to_ms=to_ms, reason=found["reason"].strip())
    raise DataError(
        f"gap {text!r}: write SYMBOL:FROM:TO:REASON with FROM before TO, such as "
        "BTCUSDT:2024-01-31T12:00:2024-01-31T14:00:exchange maintenance"
    )


def import_recipe(request: ImportRequest, *, now_ms: int, progress: Progress | None = None) -> Recipe:
    """Return the recipe of the data set that `request` describes; reads files, writes none.

    `progress` is told one line a symbol.

    Raises:
        DataError: as `assemble`; no such folder, or one of no known layout.
    """
    if not request.source.is_dir():
        raise DataError(f"no folder {request.source}; name the folder that holds one folder a symbol")
    check_terms(request)
    return assemble(request, _source(request), now_ms=now_ms, progress=progress)


def _source(request: ImportRequest) -> BarSource:
    named = parse_columns(request.columns)
    folder = None if request.layout == "tree" else freqtrade_folder(request.source)
    if folder is None and request.layout == "freqtrade":
        raise DataError(
            f"{request.source} has no files such as BTC_USDT_USDT-15m-futures.feather; name the exchange's folder, "
            "such as user_data/data/bybit"
        )
    if folder is not None:
        if named:
            raise DataError("freqtrade's columns are known; leave --column out, or pass --layout tree")
        return Freqtrade(folder, venue=request.venue, instruments=request.instruments)
    return Tree(request.source, venue=request.venue, instruments=request.instruments, named=named)
