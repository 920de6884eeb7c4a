"""The market and the decisions that the lines of a table describe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.engine import WantedQuantities
from autarch.manifest import INTERVAL_MS
from autarch.market.types import FundingSchedule, Instrument, Market, RiskTier, SymbolSeries

from .table import Line, number, parts

START_MS = 1_700_006_400_000  # 2023-11-15T00:00Z, a multiple of every interval


def instrument(symbol: str, terms: Mapping[str, object]) -> Instrument:
    """Return a contract; `terms` may name tick, step, min_qty, max_qty, min_notional, fee, tiers and delisted_ms."""
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
        delisted_ms=terms.get("delisted_ms"),
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


def market_of(lines: Sequence[Line], letters: str, interval: str, terms: Mapping[str, object]) -> Market:
    """Return the market of a table; `terms["of"]` has what one letter's contract differs in.

    `terms["delisted"]` is the line that begins at the delisting.
    """
    if "delisted" in terms:
        terms = {**terms, "delisted_ms": START_MS + INTERVAL_MS[interval] * int(str(terms["delisted"]))}
    step = INTERVAL_MS[interval]
    own: Mapping[str, Mapping[str, object]] = terms.get("of", {})
    named = [(letter, symbol_of(letter)) for letter in letters or [""]]
    return Market(
        dataset="by-hand",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval=interval,
        interval_ms=step,
        ts=START_MS + step * np.arange(len(lines), dtype=np.int64),
        series=tuple(series_of(lines, letter, name, step) for letter, name in named),
        instruments=tuple(instrument(name, {**terms, **own.get(letter, {})}) for letter, name in named),
    )


def symbol_of(letter: str) -> str:
    return f"{(letter or 'A') * 3}USDT"


def decisions_of(
    lines: Sequence[Line], letters: str, market: Market, *, leverage: float, mode: str = "panel"
) -> Decisions:
    exposure, stop, take = np.array([decided(lines, letter) for letter in letters or [""]]).transpose(2, 1, 0)
    return Decisions(
        symbols=tuple(symbol_of(letter) for letter in letters or [""]),
        interval=market.interval,
        mode=mode,
        max_leverage=leverage,
        exposure=exposure.copy(),
        stop_loss=stop.copy(),
        take_profit=take.copy(),
        counts=np.ones(exposure.shape, dtype=np.bool_),
    )


def wanted_of(decisions: Decisions) -> WantedQuantities:
    """Return the same with the numbers read as coins."""
    return WantedQuantities(
        symbols=decisions.symbols,
        interval=decisions.interval,
        max_leverage=decisions.max_leverage,
        qty=decisions.exposure,
        stop_loss=decisions.stop_loss,
        take_profit=decisions.take_profit,
    )
