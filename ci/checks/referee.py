"""The referee's part of the backtest check: both engines on the same windows of train, from flat.

Windows are chosen from the decisions alone, so that the referee can begin before anything is scored,
and seeded by the base commit. It replays in a process of its own while other checks ask the strategy;
the engine plays the same windows, some milliseconds' work, when the backtest is asked.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Market
from autarch.referee import TOLERANCE, disagreement, worst_difference
from autarch.referee.process import RefereeProcess
from autarch.referee.sheet import sheet_of
from autarch.referee.windows import choose_windows, cut
from autarch.verdict import Measure
from ci.checks.asking import when
from ci.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the referee says: numbers for the claim, and where it parts from the engine (empty: nowhere)."""

    bars: int
    measures: tuple[Measure, ...]
    parted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refereeing:
    """A replay that has begun: its windows, and what will be answered on them."""

    process: RefereeProcess
    question: Future[Any]
    windows: tuple[tuple[range, Market, Decisions], ...]
    costs: CostModel
    capital: float

    def drop(self) -> None:
        """End a replay that nobody will ask for; one that has been answered is left alone."""
        if not self.question.done():
            self.process.drop()

    def found(self, market: Market) -> Found:
        """Wait for the referee and compare; `market` names the row of a disagreement.

        Raises:
            UndecidedError: the referee could not play, so that nothing is known.
        """
        answered = self.process.answer(self.question)
        bars = fills = 0
        worst, parted = 0.0, ""
        for (rows, part, decisions), refereed in zip(self.windows, answered, strict=True):
            result = backtest(part, decisions, costs=self.costs, capital=self.capital)
            bars, fills = bars + len(rows) * len(decisions.symbols), fills + len(refereed.fills)
            worst = max(worst, worst_difference(result, refereed))
            found = disagreement(result, refereed)
            if found is not None and not parted:
                whose = f"{found.what} of {found.symbol}" if found.symbol else found.what
                parted = (
                    f"the engine and backtrader disagree at {when(market, rows.start + found.row)}: {whose} is "
                    f"{found.engine!r} and {found.referee!r}. This is an engine bug, not the strategy's: report it; "
                    "until it is fixed no number of this run can be trusted"
                )
        measures = (
            Measure(name="referee_bars", value=float(bars), unit="bars of a symbol, replayed by backtrader"),
            Measure(name="referee_fills", value=float(fills), unit="fills in them"),
            Measure(name="referee_difference", value=worst, op="<=", limit=TOLERANCE, unit="of equity, at worst"),
        )
        return Found(bars=bars, measures=measures, parted=parted)


def begin(  # noqa: PLR0913  what is replayed, by whom, at what cost, where
    process: RefereeProcess, market: Market, decisions: Decisions, *, lock: DatasetLock, policy: Policy, seed: bytes
) -> Refereeing:
    """Let the referee begin on `policy.backtest.referee_bars` bars of a symbol.

    Raises:
        UndecidedError: its process cannot be started.
        DataError: market and decisions do not match.
    """
    costs, capital = CostModel.from_lock(lock), policy.backtest.capital
    chosen = choose_windows(decisions, bars=policy.backtest.referee_bars, seed=seed)
    windows = tuple((rows, *cut(market, decisions, rows)) for rows in chosen)
    sheets = [sheet_of(part, wanted, costs=costs, capital=capital) for _, part, wanted in windows]
    return Refereeing(process=process, question=process.ask(sheets), windows=windows, costs=costs, capital=capital)
