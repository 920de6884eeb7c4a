"""Backtest decisions on a market: check what came in, pack it for the kernel, name what came out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import layout as at
from autarch.engine.costs import CostModel
from autarch.engine.kernel import play
from autarch.engine.packing import StackedBars, floats, stacked_bars, stacked_funding, stacked_tiers
from autarch.engine.position import own_equity
from autarch.engine.result import Backtest, Totals, tables_of
from autarch.engine.terms import terms_of, tiers_of
from autarch.errors import DataError, StrategyError
from autarch.market.types import Floats, Instrument, Market, SymbolSeries

_LEVERAGE_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedQuantities:
    """Wanted positions in signed coins instead of exposures, each array (n_bars, n_symbols).

    For callers that size by themselves; everything else is as for `Decisions`.
    """

    symbols: tuple[str, ...]
    interval: str
    max_leverage: float
    qty: Floats
    stop_loss: Floats
    take_profit: Floats


def backtest(market: Market, decisions: Decisions, *, costs: CostModel, capital: float) -> Backtest:
    """Return what `decisions` would have earned on `market`, by the rules of `autarch.engine.state`.

    Args:
        market: One split; it may hold more symbols than are decided on.
        decisions: Exposures and distances on the market's rows.
        costs: Slippage and margin assumptions; fees come from the instruments.
        capital: Quote the sleeve starts with.

    Raises:
        StrategyError: an exposure is NaN or beyond max_leverage, or a distance outside (0, 1).
        DataError: a symbol is missing, the rows do not match, or an instrument cannot be traded.
    """
    _check_exposure(decisions)
    return _run(
        market,
        wanted=decisions.exposure,
        asked=decisions,
        costs=costs,
        capital=capital,
        fraction=decisions.slice_fraction(),
    )


def backtest_quantities(market: Market, wanted: WantedQuantities, *, costs: CostModel, capital: float) -> Backtest:
    """Return what holding the wanted quantities would have earned; as `backtest` but for the sizing.

    Raises:
        StrategyError: a quantity is not finite, or a distance outside (0, 1).
        DataError: as `backtest`.
    """
    if not np.isfinite(wanted.qty).all():
        raise StrategyError("a wanted quantity is NaN or infinite; every bar needs a finite number of coins")
    return _run(market, wanted=wanted.qty, asked=wanted, costs=costs, capital=capital, fraction=None)


def _run(  # noqa: PLR0913  each is named where it is given
    market: Market,
    *,
    wanted: Floats,
    asked: Decisions | WantedQuantities,
    costs: CostModel,
    capital: float,
    fraction: float | None,
) -> Backtest:
    if not (np.isfinite(capital) and capital > 0):
        raise DataError(f"capital is {capital}; a backtest needs a positive, finite amount of quote")
    series, instruments = _chosen(market, asked.symbols, asked.interval)
    shape = (market.n_bars, len(series))
    for name, array in (("decision", wanted), ("stop_loss", asked.stop_loss), ("take_profit", asked.take_profit)):
        if array.shape != shape:
            raise DataError(f"the {name} array has shape {array.shape}; the market needs {shape}: bars, symbols")
    _check_distances(asked)
    terms = np.array(
        [terms_of(i, costs, max_leverage=asked.max_leverage, fraction=fraction or 1.0) for i in instruments]
    )
    bars = stacked_bars(series)
    stamps = stacked_funding(market, series)
    equity, exposure, events, states, ruined = play(
        np.require(market.ts, np.int64, ["C", "W", "A"]),
        market.interval_ms,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.turnover,
        bars.traded,
        stamps.ts,
        stamps.rate,
        stamps.mark,
        stamps.offsets,
        floats(wanted),
        floats(asked.stop_loss),
        floats(asked.take_profit),
        fraction is None,
        terms,
        stacked_tiers([tiers_of(i) for i in instruments]),
        float(capital),
    )
    tables = tables_of(events)
    peak = np.maximum.accumulate(np.maximum(equity, capital))
    return Backtest(
        symbols=asked.symbols,
        interval_ms=market.interval_ms,
        capital=float(capital),
        equity=equity,
        exposure=exposure,
        drawdown=1.0 - equity / peak,
        fills=tables.fills,
        funding=tables.funding,
        skipped=tables.skipped,
        liquidation_gap=states[:, at.LIQUIDATION_GAP].copy(),
        totals=_totals(states, terms, bars, float(tables.fills["slippage"].sum())),
        ruined_row=None if ruined < 0 else int(ruined),
        states=states,
    )


def _chosen(
    market: Market, symbols: tuple[str, ...], interval: str
) -> tuple[tuple[SymbolSeries, ...], tuple[Instrument, ...]]:
    if interval != market.interval:
        raise DataError(f"the decisions are on {interval} bars and the market on {market.interval}; load the same")
    if market.n_bars == 0:
        raise DataError(f"the market {market.dataset} ({market.split}) has no bars; nothing can be backtested")
    missing = [symbol for symbol in symbols if symbol not in market.symbols]
    if missing or not symbols:
        found = ", ".join(market.symbols)
        raise DataError(f"the market {market.dataset} lacks {', '.join(missing) or 'every symbol'}; it has {found}")
    places = [market.symbols.index(symbol) for symbol in symbols]
    return tuple(market.series[i] for i in places), tuple(market.instruments[i] for i in places)


def _check_exposure(decisions: Decisions) -> None:
    exposure = decisions.exposure
    if not np.isfinite(exposure).all():
        row = int(np.argwhere(~np.isfinite(exposure))[0][0])
        raise StrategyError(f"exposure on row {row} is not a finite number; return 0.0 where nothing is wanted")
    asked = np.abs(exposure)
    if decisions.mode == "panel":
        asked = asked.sum(axis=1, keepdims=True)
    worst = float(asked.max(initial=0.0))
    if worst > decisions.max_leverage + _LEVERAGE_SLACK:
        what = "the sum of |exposure|" if decisions.mode == "panel" else "|exposure|"
        raise StrategyError(f"{what} reaches {worst}; max_leverage is {decisions.max_leverage}")


def _check_distances(asked: Decisions | WantedQuantities) -> None:
    for name, distances in (("stop_loss", asked.stop_loss), ("take_profit", asked.take_profit)):
        given = distances[~np.isnan(distances)]
        if not ((given > 0.0) & (given < 1.0)).all():
            raise StrategyError(f"a {name} distance lies outside (0, 1); give a fraction of the entry price, or NaN")


def _totals(states: Floats, terms: Floats, bars: StackedBars, slippage: float) -> Totals:
    realised, fees, funding = (float(states[:, field].sum()) for field in (at.REALISED, at.FEES, at.FUNDING))
    own = sum(own_equity(s, t, close) for s, t, close in zip(states, terms, bars.close[:, -1], strict=True))
    return Totals(
        realised=realised,
        unrealised=float(own) - (realised - fees - funding),
        fees=fees,
        funding=funding,
        slippage=slippage,
    )
