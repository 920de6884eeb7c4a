"""What a report is drawn from, gathered once: the outcome, and what stands in the candidate's place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from autarch.engine import Backtest
from autarch.market.types import Market
from ci.checks.ground import Curve
from ci.outcome import GateOutcome
from ci.report_trades import Trade, TradeChange, trade_changes, trades_of


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One outcome and the words around it.

    Attributes:
        outcome: What was judged; without checks nobody has judged it yet.
        said: What the proposer wrote about where it came from: the commit's trailers. Untrusted.
        notice: One sentence above everything, empty for none.
    """

    outcome: GateOutcome
    said: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""

    @property
    def is_judged(self) -> bool:
        """Whether any check answered."""
        return bool(self.outcome.checks)

    @property
    def verdict(self) -> str:
        """The verdict in one word, or that there is none."""
        return self.outcome.verdict if self.is_judged else "not judged"

    @property
    def subject(self) -> str:
        """What was judged, in a few words."""
        return self.outcome.candidate.slug or f"a {self.outcome.candidate.kind} change"

    @property
    def played(self) -> tuple[Backtest, Market] | None:
        """The backtest with its bars, where there is one of at least two bars."""
        result, market = self.outcome.backtest, self.outcome.market
        return None if result is None or market is None or market.n_bars < 2 else (result, market)

    @property
    def first_row(self) -> int:
        """First row on which a decision counts."""
        return 0 if self.outcome.decisions is None else self.outcome.decisions.first_row()

    @property
    def rival(self) -> Curve | None:
        """The incumbent's curve; None for cash, or where it could not be played."""
        return None if self.outcome.findings is None else self.outcome.findings.incumbent

    @property
    def rival_name(self) -> str | None:
        """The incumbent's slug; None: cash stands in the candidate's place."""
        return None if self.outcome.findings is None else self.outcome.findings.incumbent_slug

    @property
    def is_unchanged(self) -> bool:
        """Whether main holds these very bytes."""
        findings = self.outcome.findings
        return findings is not None and findings.incumbent is findings.own

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """The candidate's closed round trips."""
        return () if self.played is None else trades_of(self.played[0], self.played[1].ts)

    @cached_property
    def changes(self) -> tuple[TradeChange, ...] | None:
        """Every trade beside the incumbent's; None where its trades are unknown, all added beside cash."""
        if self.outcome.findings is None:
            return None
        if self.is_unchanged:
            return trade_changes(self.trades, self.trades)
        if self.rival_name is None:
            return trade_changes(self.trades, ())
        rival = self.rival
        return None if rival is None or rival.result is None else trade_changes(self.trades, _since(rival, self))


def _since(rival: Curve, scene: Scene) -> tuple[Trade, ...]:
    """Return the incumbent's trades from the candidate's first decision on: before it there is nothing to compare."""
    if rival.result is None or scene.played is None:
        return ()
    first_ms = int(scene.played[1].ts[scene.first_row])
    return tuple(trade for trade in trades_of(rival.result, rival.ts) if trade.entry_ms >= first_ms)
