"""A market made ready once, to be played many times with other decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import layout as at
from autarch.engine.costs import CostModel
from autarch.engine.heap import keep_freed_memory
from autarch.engine.kernel import play
from autarch.engine.memory import Played
from autarch.engine.packing import Packed, floats, pack, stacked_tiers
from autarch.engine.result import Backtest, Totals, tables_of
from autarch.engine.soundness import check_exposures
from autarch.engine.tape import Book, Wish
from autarch.engine.terms import QTY_SCALE, QTY_UNIT, terms_of, tiers_of
from autarch.errors import DataError
from autarch.market.types import Floats, Market

keep_freed_memory()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Symbols of one market under one cost model; make it with `prepare`. Nothing in it changes.

    Attributes:
        symbols: Columns.
        interval_ms: Length of a bar.
        max_leverage: Of the decisions it plays.
        panel: Whether an exposure is a fraction of the whole sleeve, or of an equal slice.
        packed: Bars and funding.
        terms: (m, N_TERMS).
        tiers: (m, n_tiers, 3).
        closes: (m,) last closes.
        shared: Whether margin is the sleeve's (cross), not each position's own.
    """

    symbols: tuple[str, ...]
    interval_ms: int
    max_leverage: float
    panel: bool
    packed: Packed
    terms: Floats
    tiers: Floats
    closes: Floats
    shared: bool

    def play(self, decisions: Decisions, *, capital: float) -> Backtest:
        """Return what `decisions` would have earned.

        Args:
            decisions: On this market's rows, these symbols, this leverage and this mode.
            capital: Quote the sleeve starts with.

        Raises:
            StrategyError: an exposure is not finite or beyond max_leverage, or a distance outside (0, 1).
            DataError: the rows or the symbols are others, or the capital is not positive.
        """
        if (decisions.symbols, decisions.max_leverage, decisions.mode == "panel") != (
            self.symbols,
            self.max_leverage,
            self.panel,
        ):
            raise DataError("the decisions are for other symbols, leverage or mode than was prepared; prepare theirs")
        wish = self.wish(decisions.exposure, decisions.stop_loss, decisions.take_profit)
        check_exposures(wish, max_leverage=self.max_leverage, mode=decisions.mode)
        return self.result(self.run(wish, capital=capital), capital=capital)

    def equity(
        self, exposure: Floats, stops: Floats | None, takes: Floats | None, *, capital: float
    ) -> tuple[Floats, int, int | None]:
        """Return equity (n,), the number of fills and the row of ruin or None: what a sweep ranks by.

        As `play`, but no table is made, and exposures and distances must already have been checked:
        nothing refuses a value beyond the leverage here. None for distances means none on any bar.

        Raises:
            DataError: the shape is not (n_bars, n_symbols), or the capital is not positive.
        """
        played = self.run(self.wish(exposure, stops, takes), capital=capital)
        fills = int(np.count_nonzero(played.events[:, at.E_KIND] <= at.SETTLED))
        return played.account, fills, None if played.broke[0] < 0 else int(played.broke[0])

    def wish(self, wanted: Floats, stops: Floats | None, takes: Floats | None, *, in_coins: bool = False) -> Wish:
        """Return decisions as the kernel takes them; distances of one row stand for every bar.

        Raises:
            DataError: an array's shape is not (n_bars, n_symbols).
        """
        shape = (self.packed.tape.n_bars, len(self.symbols))
        for name, array in (("decision", wanted), ("stop_loss", stops), ("take_profit", takes)):
            if array is not None and array.shape != shape and (name == "decision" or array.shape != (1, shape[1])):
                raise DataError(f"the {name} array has shape {array.shape}; the market needs {shape}: bars, symbols")
        none = np.full((1, shape[1]), np.nan)
        stop, take = (none if array is None else floats(array) for array in (stops, takes))
        return Wish(wanted=floats(wanted), stops=stop, takes=take, in_coins=in_coins)

    def run(self, wish: Wish, *, capital: float) -> Played:
        """Play `wish` from `capital` in quote.

        Raises:
            DataError: the capital is not positive and finite.
        """
        if not (np.isfinite(capital) and capital > 0):
            raise DataError(f"capital is {capital}; a backtest needs a positive, finite amount of quote")
        book = Book(
            terms=self.terms,
            tiers=self.tiers,
            sleeves=np.array([0, len(self.symbols)], dtype=np.int64),
            capitals=np.array([float(capital)]),
            spare=0.0,
            shared=self.shared,
        )
        return play(self.packed.tape, book, wish)

    def result(self, played: Played, *, capital: float, first_symbol: int = 0) -> Backtest:
        """Return what was played, with its tables and sums; the events' symbols count from `first_symbol`."""
        tables = tables_of(played.events, first_symbol=first_symbol, n_symbols=len(self.symbols))
        states, broke = played.states, int(played.broke[0])
        return Backtest(
            symbols=self.symbols,
            interval_ms=self.interval_ms,
            capital=float(capital),
            equity=played.account,
            exposure=played.exposure,
            drawdown=played.drawdown[0],
            fills=tables.fills,
            funding=tables.funding,
            skipped=tables.skipped,
            liquidation_gap=states[:, at.LIQUIDATION_GAP].copy(),
            totals=totals_of(states, self.terms, self.closes, slippage=float(tables.fills["slippage"].sum())),
            ruined_row=None if broke < 0 else broke,
            states=states,
        )


def prepare(  # noqa: PLR0913  each is named where it is given
    market: Market,
    symbols: Sequence[str],
    *,
    costs: CostModel,
    max_leverage: float,
    mode: str,
    interval: str | None = None,
    clock: int = 1,
) -> Prepared:
    """Make `symbols` of `market` ready to be played; bars are not copied.

    Args:
        market: One split; it may hold more symbols.
        symbols: Columns of the decisions to come.
        costs: Slippage and margin assumptions; fees come from the instruments.
        max_leverage: Of the decisions to come.
        mode: `each` or `panel`; says what an exposure is a fraction of.
        interval: Of the decisions to come; the market's when None.
        clock: How many of the market's bars make one of the decisions'; other than 1 only within an account.

    Raises:
        DataError: a symbol is missing or named twice, or the interval is another.
        ConfigError: an instrument cannot be traded.
    """
    places = places_of(market, symbols, interval=interval or market.interval)
    fraction = 1.0 if mode == "panel" else 1.0 / len(places)
    instruments = [market.instruments[i] for i in places]
    return Prepared(
        symbols=tuple(symbols),
        interval_ms=market.interval_ms,
        max_leverage=max_leverage,
        panel=mode == "panel",
        packed=pack(market, places, clocks=[clock] * len(places)),
        terms=np.array([terms_of(i, costs, max_leverage=max_leverage, fraction=fraction) for i in instruments]),
        tiers=stacked_tiers([tiers_of(i) for i in instruments]),
        closes=np.array([market.series[i].close[-1] for i in places]),
        shared=costs.margin_mode == "cross",
    )


def places_of(market: Market, symbols: Sequence[str], *, interval: str) -> list[int]:
    """Return where `symbols` stand in the market.

    Raises:
        DataError: the interval is not the market's, there is no bar, or a symbol is missing or named twice.
    """
    if interval != market.interval:
        raise DataError(f"the decisions are on {interval} bars and the market on {market.interval}; load the same")
    if market.n_bars == 0:
        raise DataError(f"the market {market.dataset} ({market.split}) has no bars; nothing can be backtested")
    missing = [symbol for symbol in symbols if symbol not in market.symbols]
    if missing or not symbols:
        found = ", ".join(market.symbols)
        raise DataError(f"the market {market.dataset} lacks {', '.join(missing) or 'every symbol'}; it has {found}")
    if len(set(symbols)) < len(symbols):
        raise DataError(f"a symbol is named twice: {', '.join(symbols)}; each has one position")
    return [market.symbols.index(symbol) for symbol in symbols]


def totals_of(states: Floats, terms: Floats, closes: Floats, *, slippage: float) -> Totals:
    """Return the sums of states (m, N_STATE) marked at `closes` (m,)."""
    realised, fees, funding = (float(states[:, field].sum()) for field in (at.REALISED, at.FEES, at.FUNDING))
    qty = states[:, at.POSITION] * terms[:, QTY_UNIT] / terms[:, QTY_SCALE]
    held = qty != 0.0
    unrealised = float((qty[held] * (closes[held] - states[held, at.ENTRY])).sum())
    return Totals(realised=realised, unrealised=unrealised, fees=fees, funding=funding, slippage=slippage)
