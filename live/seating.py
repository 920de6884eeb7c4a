"""From seats to what an executor trades: the release laid out for those who sit at an account. No venue, no bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autarch.market.types import Market, SymbolSeries
from live.assembling import lines_for, release_of
from live.host import Host
from live.installed import Installed
from live.lines import Line
from live.portfolio import Account
from live.tiers import sleeve_capitals
from live.trading.release import Release
from live.watching.handover import Holding, holdings_of
from live.watching.seats import Seat, seats_to_json
from live.watching.takeover import terms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One account of this host. `account` is the newest card of it that any release here had."""

    host: Host
    account: Account

    def account_at(self, installed: Installed) -> Account:
        """Return the account as a release has it; with no sleeves where the release has it no more."""
        for account in installed.portfolio.accounts:
            if account.name == self.account.name:
                return account
        return replace(self.account, sleeves=())

    def heirs(self, installed: Installed) -> tuple[Holding, ...]:
        """Return the sleeves that a release has on this account.

        Raises:
            ConfigError: its policy sets no caps for tiers, and the venue wants them.
        """
        account = self.account_at(installed)
        manifests = {name: source.manifest for name, source in installed.sources.items()}
        return holdings_of(
            account, installed.tag, manifests, sleeve_capitals(account, installed.policy, installed.ceilings)
        )

    def laid(self, present: Installed, seats: Sequence[Seat], releases: Mapping[str, Installed], more: Any) -> Release:
        """Return `present` laid out for these seats.

        Args:
            present: The release that trades.
            seats: Who sits at the account.
            releases: By tag, those whose code decides.
            more: What else the journal says of the run: feed, confinement.

        Raises:
            ConfigError: limits are malformed or looser, or an instrument cannot be traded.
        """
        account = self.account_at(present)
        bare = {sleeve.strategy: bare_market(present, sleeve.strategy) for sleeve in account.sleeves}
        base = release_of(present, account, self.host, bare, opened={**more, "seats": seats_to_json(seats)})
        terms = {}
        for seat in seats:
            own = base.sleeves.get(seat.key)
            lines = self._lines(releases[seat.tag], seat.strategy) if own is None else own.lines
            terms[seat.key] = terms_of(seat, lines, notional_max=None if own is None else own.notional_max)
        return replace(base, sleeves=terms)

    def _lines(self, installed: Installed, strategy: str) -> tuple[Line, ...]:
        return lines_for(installed, self.account_at(installed), strategy, bare_market(installed, strategy))


def bare_market(installed: Installed, strategy: str) -> Market:
    """Return the market of a strategy before any bar: its symbols with their instruments, and no row."""
    manifest = installed.sources[strategy].manifest
    symbols = (*manifest.symbols, *manifest.context)
    none, never = np.empty(0), np.empty(0, dtype=np.int64)
    series = tuple(
        SymbolSeries(
            symbol=symbol,
            open=none,
            high=none,
            low=none,
            close=none,
            volume=none,
            turnover=none,
            traded=np.empty(0, dtype=np.bool_),
            first_row=0,
            funding_ms=never,
            funding_rate=none,
            mark_ms=never,
            mark_close=none,
            funding_schedule=(),
        )
        for symbol in symbols
    )
    return Market(
        dataset=installed.lock.name,
        dataset_digest=installed.lock.digest,
        split="forward",
        interval=manifest.interval,
        interval_ms=manifest.interval_ms,
        ts=never,
        series=series,
        instruments=tuple(installed.lock.instrument(symbol) for symbol in symbols),
    )
