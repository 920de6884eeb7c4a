"""From an installed release to what an executor takes: sleeves with their terms, recorded markets, a paper venue."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from autarch.engine.costs import CostModel
from autarch.market.load import load_market
from autarch.market.stores import Stores
from autarch.market.types import Market, Split
from live.host import Host
from live.installed import Installed
from live.lines import Line, lines_of
from live.portfolio import Account, Limits
from live.tiers import sleeve_capitals
from live.trading.release import Release, SleeveTerms
from live.venue.paper.book import RequestBook
from live.venue.paper.recorded import recorded_exchange
from live.venue.paper.venue import PaperVenue

NOTIONAL_SLACK = Decimal("1.2")
"""How far above capital x leverage a capped sleeve may hold: what it has won, and what prices moved since."""


def release_of(
    installed: Installed, account: Account, host: Host, markets: Mapping[str, Market], *, opened: Mapping[str, Any]
) -> Release:
    """Return what an account trades by a release.

    Args:
        installed: The verified release.
        account: As its portfolio has it.
        host: Whose limits tighten the account's.
        markets: By strategy, with the instruments to trade under.
        opened: What else the journal says of the run: feed, confinement.

    Raises:
        ConfigError: limits are malformed or looser, an instrument cannot be traded, or tiers have no caps.
        DataError: a market lacks a symbol.
    """
    limits = host.limits(account.limits)
    capitals = sleeve_capitals(account, installed.policy, installed.ceilings)
    sleeves = {
        sleeve.strategy: SleeveTerms(
            strategy=sleeve.strategy,
            tag=installed.tag,
            lines=lines_for(installed, account, sleeve.strategy, markets[sleeve.strategy]),
            capital=float(capitals[sleeve.strategy]),
            notional_max=_notional_max(installed, account, sleeve.strategy, capitals[sleeve.strategy]),
        )
        for sleeve in account.sleeves
    }
    return Release(
        tag=installed.tag,
        account=account.name,
        sleeves=sleeves,
        limits=limits,
        capital=account.capital,
        margin_mode=account.margin_mode,
        opened={**opened_of(installed, account, capitals), "limits": _plain(limits), **opened},
    )


def lines_for(installed: Installed, account: Account, strategy: str, market: Market) -> tuple[Line, ...]:
    """Return a strategy's symbols as the account trades them.

    Raises:
        ConfigError, DataError: as `live.lines.lines_of`.
    """
    costs = costs_of(installed, account)
    return lines_of(market, installed.sources[strategy].manifest, costs)


def costs_of(installed: Installed, account: Account) -> CostModel:
    """Return the data set's cost model under the account's margin mode."""
    return dataclasses.replace(CostModel.from_lock(installed.lock), margin_mode=account.margin_mode)


def market_of(installed: Installed, strategy: str, stores: Stores, split: Split) -> Market:
    """Return the stored bars that a strategy of this release reads.

    Raises:
        DataError: bars are missing or changed.
    """
    manifest = installed.sources[strategy].manifest
    symbols = (*manifest.symbols, *manifest.context)
    return load_market(installed.lock, split=split, symbols=symbols, interval=manifest.interval, stores=stores)


def recorded_venue(
    release: Release, markets: Mapping[str, Market], costs: CostModel, book: RequestBook | None = None
) -> PaperVenue:
    """Return a paper venue that lives by recorded bars; `live.feeds.recorded` moves it.

    Args:
        release: Whose sleeves' symbols are listed.
        markets: By sleeve key.
        costs: Of market orders.
        book: Requests of earlier runs.
    """
    lines = {key: terms.lines for key, terms in release.sleeves.items()}
    own = {key: market for key, market in markets.items() if key in lines}
    return PaperVenue(
        recorded_exchange(own, lines, costs),
        capital=release.capital,
        book=book,
        margin_mode=release.margin_mode,
    )


def opened_of(installed: Installed, account: Account, capitals: Mapping[str, Decimal]) -> dict[str, Any]:
    """Return what the journal says of a release at the beginning of a run."""
    record, released = installed.record, installed.record.released
    sleeves = {item.strategy: item for item in released.strategies if item.account == account.name}
    return {
        "tag": released.tag,
        "tag_object": record.tag_object,
        "commit": released.commit,
        "signer": record.signer,
        "demo": record.demo,
        "engine": record.engine,
        "policy": released.policy,
        "policy_path": released.policy_path,
        "walkthrough": record.walkthrough,
        "dataset": released.dataset,
        "portfolio": installed.portfolio_sha256,
        "capital": format(account.capital, "f"),
        "sleeves": {
            name: {
                "capital": format(capitals[name], "f"),
                "tier": item.tier,
                "tree": item.tree,
                "evidence": item.evidence,
                "decisions": item.decisions,
                "interval_ms": installed.sources[name].manifest.interval_ms,
                "symbols": list(installed.sources[name].manifest.symbols),
            }
            for name, item in sleeves.items()
        },
    }


def _notional_max(installed: Installed, account: Account, strategy: str, capital: Decimal) -> Decimal | None:
    if account.venue == "paper":
        return None
    leverage = Decimal(str(installed.sources[strategy].manifest.max_leverage))
    return capital * leverage * NOTIONAL_SLACK


def _plain(limits: Limits) -> dict[str, object]:
    return {name: str(getattr(limits, name)) for name in Limits.__slots__}
