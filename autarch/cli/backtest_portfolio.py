"""`autarch backtest --portfolio`: every account of live/portfolio.toml, its sleeves together as they would trade."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autarch.cli.backtest_job import Decided, Job, Laps, Progress, Setting, decide_jobs, job_of, load_bars, sheet_of
from autarch.cli.main import load
from autarch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autarch.engine import AccountBacktest, Backtest
    from autarch.evaluation.sheet import Column, Part, Sheet
    from autarch.market.types import Market
    from autarch.sandbox.worker import Worker


def play_portfolio(worker: Worker, setting: Setting, *, laps: Laps, progress: Progress) -> Sheet:
    """Return each account with its sleeves: together first, then one by one.

    Raises:
        ConfigError: there is no portfolio, or it contradicts itself or the strategies.
        StrategyError, DataError, SandboxError: as `decide_jobs`.
    """
    portfolio = _portfolio(setting.root)
    jobs = {slug: job_of(slug, setting, cwd=setting.root) for slug in portfolio.strategies}
    load("live.portfolio").check_portfolio(portfolio, {slug: job.named.source.manifest for slug, job in jobs.items()})
    laps.lap("find what was asked for")
    decided = decide_jobs(worker, setting, tuple(jobs.values()), laps=laps, progress=progress)
    by_slug = dict(zip(jobs, decided, strict=True))
    parts = tuple(_play_account(setting, account, by_slug) for account in portfolio.accounts)
    laps.lap("play and measure")
    return sheet_of(setting, worker, "portfolio", parts, None)


def _portfolio(root: Path) -> Any:
    portfolios = load("live.portfolio")
    path = root / portfolios.PORTFOLIO_PATH
    if not path.is_file():
        raise ConfigError(f"there is no {portfolios.PORTFOLIO_PATH} in {root}; name strategies and weights in one")
    return portfolios.parse_portfolio(path.read_bytes())


def _play_account(setting: Setting, account: Any, decided: Mapping[str, Decided]) -> Part:
    from autarch.engine import Sleeve, backtest_account
    from autarch.evaluation.sheet import Part

    mine = [decided[sleeve.strategy] for sleeve in account.sleeves]
    market = _account_market(setting, mine)
    result = backtest_account(
        market,
        [
            Sleeve(name=sleeve.strategy, decisions=one.decisions, weight=float(sleeve.weight))
            for sleeve, one in zip(account.sleeves, mine, strict=True)
        ],
        costs=setting.costs(),
        capital=float(account.capital),
        margin_mode=account.margin_mode,
    )
    columns = [_column(setting, one.job, one, market, sleeve) for one, sleeve in zip(mine, result.sleeves, strict=True)]
    together = _together(setting, account, market, result, columns)
    return Part(title=f"account {account.name}", columns=(together, *columns), margin_mode=account.margin_mode)


def _account_market(setting: Setting, decided: list[Decided]) -> Market:
    """Return the bars of every sleeve's symbols at the longest interval that divides all of theirs."""
    from autarch.manifest import INTERVAL_MS

    symbols = tuple(dict.fromkeys(symbol for one in decided for symbol in one.decisions.symbols))
    step_ms = math.gcd(*(one.market.interval_ms for one in decided))
    for one in decided:
        if one.market.interval_ms == step_ms and set(symbols) <= set(one.market.symbols):
            return one.market
    return load_bars(setting, symbols, next(name for name, ms in INTERVAL_MS.items() if ms == step_ms))


def _column(setting: Setting, job: Job, one: Decided, market: Market, result: Backtest) -> Column:
    from autarch.evaluation.sheet import Column

    first_ms = int(one.market.ts[one.decisions.first_row()])
    return Column(
        label=job.named.label,
        place=job.named.place,
        title=job.named.source.manifest.title,
        result=result,
        market=market,
        metrics=_metrics(setting, result, market, first_ms),
        first_ms=first_ms,
        params=job.named.source.manifest.params,
        decisions=one.decisions.digest(),
        findings=job.findings,
    )


def _together(setting: Setting, account: Any, market: Market, result: AccountBacktest, columns: list[Column]) -> Column:
    from autarch.evaluation.sheet import Column
    from autarch.metrics import joined

    whole = joined(result)
    first_ms = min(column.first_ms for column in columns)
    return Column(
        label="together",
        place="live/portfolio.toml",
        title=f"account {account.name}, {account.margin_mode} margin, "
        + ", ".join(f"{sleeve.strategy} x {sleeve.weight}" for sleeve in account.sleeves),
        result=whole,
        market=market,
        metrics=_metrics(setting, whole, market, first_ms),
        first_ms=first_ms,
        params={},
        decisions=None,
    )


def _metrics(setting: Setting, result: Backtest, market: Market, first_ms: int) -> dict[str, float | None]:
    import numpy as np

    from autarch.metrics import summarise

    row = min(int(np.searchsorted(market.ts, first_ms)), market.n_bars - 1)
    return summarise(result, market, first_row=row, costs=setting.costs())
