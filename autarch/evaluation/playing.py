"""Play a strategy's decisions on one split and measure them; set two of them side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from autarch.decisions import Decisions, empty_decisions
from autarch.engine import Backtest, CostModel, backtest
from autarch.errors import DataError
from autarch.manifest import Manifest, ParamValue, StrategySource
from autarch.market.types import Floats, Market, SymbolSeries
from autarch.metrics import alike, correlation, daily_returns, summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One strategy on one market. `params` are all of them, replaced ones included; `costs` what it was played with."""

    source: StrategySource
    params: Mapping[str, ParamValue]
    market: Market
    costs: CostModel
    decisions: Decisions
    result: Backtest
    metrics: dict[str, float | None]

    def daily_since(self, since_ms: int) -> Floats:
        """Return one return a UTC day from the first bar that opens at or after `since_ms`."""
        row = int(np.searchsorted(self.market.ts, since_ms))
        return daily_returns(self.result.equity[row:], self.market.ts[row:], interval_ms=self.market.interval_ms)

    @property
    def first_ms(self) -> int:
        """Open of the first bar whose decision counts, epoch ms."""
        return int(self.market.ts[self.decisions.first_row()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Two strategies side by side: correlation of daily returns in [-1, 1], share of alike decisions in [0, 1].

    None where there is nothing to compare: no return on one side, or no symbol and interval in common.
    """

    correlation: float | None
    alike: float | None


def play_decisions(  # noqa: PLR0913  each is named where it is given
    source: StrategySource,
    decisions: Decisions,
    market: Market,
    *,
    costs: CostModel,
    capital: float,
    params: Mapping[str, ParamValue] | None = None,
) -> Played:
    """Return what `decisions` of `source` would have earned on `market`, measured from the first that counts.

    Raises:
        DataError: no decision counts, or as `autarch.engine.backtest`.
        StrategyError: as `autarch.engine.backtest`.
    """
    if not decisions.counts.any():
        manifest = source.manifest
        raise DataError(
            f"no decision of {manifest.name} counts: the {market.split} split of {market.dataset} has "
            f"{market.n_bars:,} bars of {market.interval}, and none begins a block of {manifest.block} after "
            f"{manifest.warmup:,} bars of warm-up. Take a longer data set, or a smaller warmup"
        )
    result = backtest(market, decisions, costs=costs, capital=capital)
    return Played(
        source=source,
        params={**source.manifest.params, **(params or {})},
        market=market,
        costs=costs,
        decisions=decisions,
        result=result,
        metrics=summarise(result, market, first_row=decisions.first_row(), costs=costs),
    )


def likeness(one: Played, other: Played) -> Likeness:
    """Return how alike two are, from the first day on which both decide."""
    since_ms = max(one.first_ms, other.first_ms)
    return Likeness(
        correlation=correlation(one.daily_since(since_ms), other.daily_since(since_ms)),
        alike=alike(one.decisions, other.decisions),
    )


def load_kernel(manifest: Manifest, market: Market, *, costs: CostModel) -> None:
    """Have the engine's compiled code in memory, so that a thread can load it while a strategy decides.

    Plays nothing: flat decisions on the market's first bars.

    Raises:
        DataError: as `autarch.engine.backtest`.
    """
    few = _first_bars(market, 2)
    backtest(few, empty_decisions(manifest, n_bars=few.n_bars), costs=costs, capital=1.0)


def _first_bars(market: Market, n_bars: int) -> Market:
    return replace(market, ts=market.ts[:n_bars], series=tuple(_first_rows(s, n_bars) for s in market.series))


def _first_rows(series: SymbolSeries, n_bars: int) -> SymbolSeries:
    names = ("open", "high", "low", "close", "volume", "turnover", "traded")
    return replace(series, first_row=0, **{name: getattr(series, name)[:n_bars] for name in names})
