"""Backtest all sleeves of one account together: what actually trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autarch.decisions import Decisions
from autarch.engine.costs import CostModel, MarginMode
from autarch.engine.kernel import play
from autarch.engine.memory import Played
from autarch.engine.packing import coarse_rows, floats, pack, stacked_tiers
from autarch.engine.prepared import Prepared, prepare
from autarch.engine.result import Backtest, Table
from autarch.engine.soundness import check_exposures
from autarch.engine.tape import Book, Wish
from autarch.errors import ConfigError, DataError
from autarch.manifest import INTERVAL_MS
from autarch.market.types import Floats, Market

_WEIGHT_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeve:
    """One strategy's part of an account: `weight` of its capital, in (0, 1], and what it decided."""

    name: str
    decisions: Decisions
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBacktest:
    """What the sleeves of one account would have earned together.

    Attributes:
        names: Sleeves, in order.
        sleeves: Each sleeve's own result, parallel to `names`; its capital is weight x account capital.
        symbols: Columns of `exposure`: the sleeves' symbols, sleeve by sleeve.
        capital: Quote the account starts with, what no sleeve has included.
        margin_mode: Whose margin liquidates: each position's (isolated) or the account's (cross).
        equity: (n,) at each close: capital no sleeve has + the sleeves' equities.
        exposure: (n, m) signed notional / account equity at each close; NaN while equity is not positive.
        drawdown: (n,) fraction below the highest account equity so far, the capital included.
        ruined_row: First row whose close left the account no equity; None if never.
    """

    names: tuple[str, ...]
    sleeves: tuple[Backtest, ...]
    symbols: tuple[str, ...]
    capital: float
    margin_mode: MarginMode
    equity: Floats
    exposure: Floats
    drawdown: Floats
    ruined_row: int | None

    @property
    def liquidations(self) -> tuple[Table, ...]:
        """Each sleeve's fills that the venue forced, parallel to `names`."""
        return tuple(sleeve.liquidations for sleeve in self.sleeves)

    def sleeve(self, name: str) -> Backtest:
        """Return the result of the sleeve `name`; KeyError when there is none."""
        if name not in self.names:
            raise KeyError(name)
        return self.sleeves[self.names.index(name)]


def backtest_account(
    market: Market, sleeves: Sequence[Sleeve], *, costs: CostModel, capital: float, margin_mode: MarginMode
) -> AccountBacktest:
    """Return what `sleeves` would have earned together on `market`, each sized from its own equity.

    A sleeve may decide on coarser bars than the market's: it then acts at its own closes, its stops are
    watched on the market's bars, and its impact is reckoned against the turnover of its own.

    Args:
        market: One split with every sleeve's symbols, on an interval that divides every sleeve's: the
            finest of theirs, or finer.
        sleeves: At least one; a symbol belongs to one of them.
        costs: Slippage assumptions; its `margin_mode` is replaced by the account's.
        capital: Quote the account starts with; a sleeve has weight x capital of it.
        margin_mode: The account's. `cross` puts all of its money behind every sleeve's positions.

    Raises:
        ConfigError: no sleeve, a name or symbol twice, or weights that are not positive or exceed 1.
        StrategyError: as `backtest`.
        DataError: an interval that the market's does not divide; else as `backtest`.
    """
    _check(sleeves)
    if not (np.isfinite(capital) and capital > 0):
        raise DataError(f"capital is {capital}; a backtest needs a positive, finite amount of quote")
    priced = replace(costs, margin_mode=margin_mode)
    clocks = [_clock(market, sleeve.decisions) for sleeve in sleeves]
    plans = [
        prepare(
            market,
            s.decisions.symbols,
            costs=priced,
            max_leverage=s.decisions.max_leverage,
            mode=s.decisions.mode,
            clock=clock,
        )
        for s, clock in zip(sleeves, clocks, strict=True)
    ]
    wishes = [_wish(market, s.decisions, clock) for s, clock in zip(sleeves, clocks, strict=True)]
    places = [market.symbols.index(symbol) for sleeve in sleeves for symbol in sleeve.decisions.symbols]
    packed = pack(market, places, clocks=[c for p, c in zip(plans, clocks, strict=True) for _ in p.symbols])
    capitals = np.array([capital * sleeve.weight for sleeve in sleeves])
    spare = float(capital - capitals.sum())
    book = Book(
        terms=np.concatenate([plan.terms for plan in plans]),
        tiers=stacked_tiers([table for plan in plans for table in plan.tiers]),
        sleeves=np.cumsum([0, *(len(plan.symbols) for plan in plans)], dtype=np.int64),
        capitals=capitals,
        spare=spare if spare > _WEIGHT_SLACK * capital else 0.0,
        shared=margin_mode == "cross",
    )
    played = play(packed.tape, book, _beside(wishes))
    return _result(tuple(s.name for s in sleeves), plans, book, played, capital=capital, margin_mode=margin_mode)


def _clock(market: Market, decisions: Decisions) -> int:
    """Return how many of the market's bars make one of the decisions'."""
    own = INTERVAL_MS[decisions.interval]
    if own % market.interval_ms:
        raise DataError(
            f"the decisions are on {decisions.interval} bars, which bars of {market.interval} do not make up; "
            "load the market on an interval that divides every sleeve's"
        )
    return own // market.interval_ms


def _wish(market: Market, decisions: Decisions, clock: int) -> Wish:
    """Return checked decisions on the market's rows: each stands from the close it was made at to the next."""
    lead, count = coarse_rows(market, clock)
    shape = (count, len(decisions.symbols))
    arrays = (decisions.exposure, decisions.stop_loss, decisions.take_profit)
    for name, array in zip(("exposure", "stop_loss", "take_profit"), arrays, strict=True):
        if array.shape != shape:
            raise DataError(f"the {name} array has shape {array.shape}; the market needs {shape}: bars, symbols")
    exposure, stop_loss, take_profit = (floats(array) for array in arrays)
    wish = Wish(exposure, stop_loss, take_profit, in_coins=False)
    check_exposures(wish, max_leverage=decisions.max_leverage, mode=decisions.mode)
    if clock == 1:
        return wish
    first = lead + clock - 1
    spread = [np.full((market.n_bars, shape[1]), before) for before in (0.0, np.nan, np.nan)]
    for fine, array in zip(spread, arrays, strict=True):
        fine[first:] = np.repeat(array, clock, axis=0)[: market.n_bars - first]
        fine[first + count * clock :] = array[-1:]
    return Wish(spread[0], spread[1], spread[2], in_coins=False)


def _beside(wishes: Sequence[Wish]) -> Wish:
    if len(wishes) == 1:
        return wishes[0]
    wanted, stops, takes = (np.concatenate(columns, axis=1) for columns in zip(*(w[:3] for w in wishes), strict=True))
    return Wish(wanted=wanted, stops=stops, takes=takes, in_coins=False)


def _result(  # noqa: PLR0913  each is named where it is given
    names: tuple[str, ...],
    plans: Sequence[Prepared],
    book: Book,
    played: Played,
    *,
    capital: float,
    margin_mode: MarginMode,
) -> AccountBacktest:
    alone = len(plans) == 1 and book.spare == 0.0
    results = []
    for index, plan in enumerate(plans):
        columns = slice(int(book.sleeves[index]), int(book.sleeves[index + 1]))
        exposure = played.exposure[:, columns]
        own = Played(
            equity=played.equity[index : index + 1],
            account=played.equity[index],
            exposure=exposure if alone else _shares(exposure, played.equity[index]),
            drawdown=played.drawdown[index : index + 1],
            events=played.events,
            states=played.states[columns],
            broke=played.broke[index : index + 1],
        )
        results.append(plan.result(own, capital=float(book.capitals[index]), first_symbol=columns.start))
    peak = np.maximum.accumulate(np.maximum(played.account, capital))
    broke = int(played.broke[-1])
    return AccountBacktest(
        names=names,
        sleeves=tuple(results),
        symbols=tuple(symbol for plan in plans for symbol in plan.symbols),
        capital=float(capital),
        margin_mode=margin_mode,
        equity=played.account,
        exposure=played.exposure if alone else _shares(played.exposure, played.account),
        drawdown=1.0 - played.account / peak,
        ruined_row=None if broke < 0 else broke,
    )


def _shares(notional: Floats, equity: Floats) -> Floats:
    """Return notionals (n, m) over equity (n,), NaN for what is held while that is not positive."""
    own = np.where(equity > 0.0, equity, np.nan)[:, np.newaxis]
    return np.where(notional == 0.0, 0.0, notional / own)


def _check(sleeves: Sequence[Sleeve]) -> None:
    if not sleeves:
        raise ConfigError("the account has no sleeve; give it at least one strategy with a weight")
    for what, found in (
        ("sleeve", [sleeve.name for sleeve in sleeves]),
        ("symbol", [symbol for sleeve in sleeves for symbol in sleeve.decisions.symbols]),
    ):
        twice = sorted({name for name in found if found.count(name) > 1})
        if twice:
            raise ConfigError(f"{what} {', '.join(twice)} is in the account twice; a symbol belongs to one sleeve")
    weights = [sleeve.weight for sleeve in sleeves]
    if not (all(weight > 0.0 for weight in weights) and sum(weights) <= 1.0 + _WEIGHT_SLACK):
        raise ConfigError(f"the sleeves' weights are {weights}; each must be positive and their sum at most 1")
