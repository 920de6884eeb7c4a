"""A backtest's sheet as one HTML file that needs no network: curves, prices with their fills, metrics."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import numpy as np

from autarch.engine.layout import KIND_NAMES
from autarch.evaluation.sheet import NOT_A_VERDICT, Column, Part, Sheet, assumed_words
from autarch.metrics.shown import grouped, label, shown
from ci.page import inline_json, render
from ci.report_numbers import minute, number, short_ref
from ci.report_series import POINTS_MAX, curves

TILES: Final = (
    "total_return",
    "excess_return",
    "sharpe",
    "max_drawdown",
    "worst_day",
    "time_in_market",
    "turnover_per_day",
    "n_fills",
)
"""Metrics that a page of one strategy shows large."""
FILLS_SHOWN: Final = 200
MARKERS_MAX: Final = 400
PRICE_CHARTS_MAX: Final = 12
_CLOSING: Final = frozenset({"close", "reduce", "stop_loss", "take_profit", "liquidation", "settlement"})


def html(sheet: Sheet) -> str:
    """Return the page. All text is escaped; nothing a strategy says becomes markup or script."""
    parts = [_part(part, index) for index, part in enumerate(sheet.parts)]
    traded = [column for part in sheet.parts for column in part.columns if column.decisions is not None]
    prices = [_prices(column, symbol) for column in traded for symbol in column.result.symbols][:PRICE_CHARTS_MAX]
    one = traded[0] if sheet.kind == "backtest" else None
    return render(
        "backtest.html.j2",
        sheet=sheet,
        subject=" and ".join(part.title for part in sheet.parts),
        dataset=short_ref(sheet.dataset),
        note=NOT_A_VERDICT,
        assumed=assumed_words(sheet.assumed),
        spans=[(column, _span(column)) for column in _columns(sheet)],
        tiles=[] if one is None else [(label(name), shown(name, one.metrics[name])) for name in TILES],
        parts=parts,
        prices=prices,
        left_out=max(0, sum(len(column.result.symbols) for column in traded) - PRICE_CHARTS_MAX),
        ledgers=[_ledger(column) for column in traded],
        data=inline_json({"parts": [part["drawn"] for part in parts], "prices": prices}),
    )


def _columns(sheet: Sheet) -> list[Column]:
    return [column for part in sheet.parts for column in part.columns]


def _part(part: Part, index: int) -> dict[str, object]:
    """Return what the template shows of one part, and its curves; several curves are drawn in units of capital."""
    several = len(part.columns) > 1
    drawn = []
    for column in part.columns:
        thin = asdict(curves(column.result, column.market))
        if several:
            thin["equity"] = [float(f"{value / column.result.capital:.6g}") for value in thin["equity"]]
        drawn.append({"label": column.label, **thin})
    return {
        "index": index,
        "title": part.title,
        "margin_mode": part.margin_mode,
        "labels": [column.label for column in part.columns],
        "groups": [
            (title, [(label(n), [shown(n, column.metrics.get(n)) for column in part.columns]) for n in names])
            for title, names in grouped(part.columns[0].metrics)
        ],
        "drawn": drawn,
    }


def _prices(column: Column, symbol: str) -> dict[str, object]:
    """Return one symbol's closes, thinned, with a mark for each fill; the newest where there are too many."""
    market, result = column.market, column.result
    width = -(-market.n_bars // POINTS_MAX)
    lasts = np.minimum(np.arange(0, market.n_bars, width) + width - 1, market.n_bars - 1)
    closes_s = (market.ts + market.interval_ms) // 1000
    fills = result.fills[result.fills["symbol"] == result.symbols.index(symbol)]
    shown_fills = fills[-MARKERS_MAX:]
    return {
        "title": f"{column.label}: {symbol}",
        "fills": int(fills.size),
        "marked": int(shown_fills.size),
        "time_s": [int(t) for t in closes_s[lasts]],
        "close": [float(f"{value:.8g}") for value in market.of(symbol).close[lasts]],
        "marks": [
            [int(row) // width, 1 if qty > 0.0 else -1, int(KIND_NAMES[kind] in _CLOSING)]
            for row, qty, kind in zip(
                shown_fills["row"].tolist(), shown_fills["qty"].tolist(), shown_fills["kind"].tolist(), strict=True
            )
        ],
    }


def _ledger(column: Column) -> dict[str, object]:
    """Return the newest fills as rows of text."""
    fills = column.result.fills
    rows = [
        (
            minute(int(fill["ts"])),
            column.result.symbols[int(fill["symbol"])],
            KIND_NAMES[float(fill["kind"])].replace("_", " "),
            "buy" if fill["qty"] > 0.0 else "sell",
            f"{abs(float(fill['qty'])):,.10g}",
            f"{float(fill['price']):,.10g}",
            number(float(fill["fee"])),
            number(float(fill["slippage"])),
            number(float(fill["realised"])),
            f"{float(fill['position']):,.10g}",
        )
        for fill in fills[: -FILLS_SHOWN - 1 : -1]
    ]
    return {"label": column.label, "rows": rows, "total": int(fills.size)}


def _span(column: Column) -> str:
    market = column.market
    start, end = int(market.ts[0]), int(market.ts[-1]) + market.interval_ms
    params = ", ".join(f"{name} = {value}" for name, value in column.params.items())
    return (
        f"{', '.join(column.result.symbols)} at {market.interval}, {minute(start)[:10]} to {minute(end)[:10]}, "
        f"decides from {minute(column.first_ms)[:10]} on, capital {column.result.capital:,.0f} USDT"
        + (f", {params}" if params else "")
    )
