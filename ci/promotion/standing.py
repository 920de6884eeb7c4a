"""How a strategy on main stands now: what it decides, and what forward bars have said since it was fixed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.engine import CostModel
from autarch.evaluation import decide_blocks
from autarch.evidence.tiers import Identity, forward_since
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.repo.strategies import read_strategy
from ci.checks.ground import Ground
from ci.promotion.desk import Present, PromotionDesk
from ci.promotion.forward import Weighed, weigh
from ci.promotion.subject import Subject
from ci.vault.days import Days


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A strategy with what its bars say. `since_ms`: from when on they count, None: the ledger does not know it."""

    subject: Subject
    source: StrategySource
    identity: Identity
    since_ms: int | None
    days: Days
    weighed: Weighed

    @property
    def forward_to_ms(self) -> int | None:
        """Return the close of the newest bar behind the forward evidence; None without any."""
        return self.days.to_ms if self.weighed.days else None


def standing_of(desk: PromotionDesk, now: Present, subject: Subject) -> Standing:
    """Ask the strategy about train and forward bars, and weigh what it earned there. No holdout bar is opened.

    Raises:
        StrategyError, SandboxError, DataError: the strategy, its child or the bars failed.
        UndecidedError: there is nothing to weigh by.
    """
    source = read_strategy(desk.repo, now.main, subject.slug)
    decisions, deviation = _on_train(desk, now, source)
    identity = subject.identity(decisions=decisions, dataset=now.inputs.lock.name)
    since_ms = forward_since(now.entries, identity)
    days = Days(daily=np.empty(0)) if since_ms is None else _forward(desk, now, source, since_ms)
    weighed = weigh(days.daily, is_ruined=days.is_ruined, deviation=deviation, policy=now.inputs.policy)
    return Standing(subject=subject, source=source, identity=identity, since_ms=since_ms, days=days, weighed=weighed)


def _on_train(desk: PromotionDesk, now: Present, source: StrategySource) -> tuple[str, float]:
    """Return the decision digest, and the standard deviation of daily returns."""
    manifest, inputs = source.manifest, now.inputs
    symbols = (*manifest.symbols, *manifest.context)
    market = load_market(inputs.lock, split="train", symbols=symbols, interval=manifest.interval, stores=inputs.stores)
    decisions = decide_blocks(desk.workers.main, source, market)
    ground = Ground(manifest, market, costs=CostModel.from_lock(inputs.lock), capital=inputs.policy.backtest.capital)
    daily = ground.curve(decisions).daily
    return decisions.digest(), float(daily.std(ddof=1)) if daily.size > 1 else 0.0


def _forward(desk: PromotionDesk, now: Present, source: StrategySource, since_ms: int) -> Days:
    worker = desk.workers.main
    return desk.live(
        (worker, worker),
        stores=now.inputs.stores,
        lock=now.inputs.lock,
        source=source,
        split="forward",
        capital=now.inputs.policy.backtest.capital,
        since_ms=since_ms,
    )
