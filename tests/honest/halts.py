"""Halts for a synthetic market: spans without bars that the lock declares, as an exchange leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from autarch.market.build import RawSeries, Recipe
from autarch.market.lock_types import Gap

HOUR_MS = 3_600_000
Spans = tuple[tuple[int, int], ...]


def with_halts(recipe: Recipe, *, start_ms: int, hours: Mapping[str, Spans]) -> Recipe:
    """Return `recipe` without the bars of each symbol's spans, given as first and last hour after `start_ms`.

    Funding settles through a halt, as it does on an exchange.
    """
    spans = {
        symbol: tuple((start_ms + first * HOUR_MS, start_ms + last * HOUR_MS) for first, last in given)
        for symbol, given in hours.items()
    }
    gaps = tuple(
        Gap(symbol=symbol, from_ms=first, to_ms=last, reason="halt")
        for symbol, given in spans.items()
        for first, last in given
    )
    return replace(recipe, raws=tuple(_without(raw, spans.get(raw.symbol, ())) for raw in recipe.raws), gaps=gaps)


def _without(raw: RawSeries, spans: Spans) -> RawSeries:
    if raw.kind == "funding" or not spans:
        return raw
    ts = raw.table["ts"]
    kept = [all(not first <= each < last for first, last in spans) for each in ts.tolist()]
    return replace(raw, table={name: column[kept] for name, column in raw.table.items()})
