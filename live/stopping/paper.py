"""The paper venue of an account whose executor is gone: built again from its book, standing where it stood.

On recorded bars that is the newest bar its journal knows; on a live feed it is now, at the last prices the book kept.
"""

from __future__ import annotations

from typing import Final

from autarch.canonical import EpochMs
from autarch.market.stores import Stores
from autarch.market.types import Split
from live.assembling import costs_of, market_of, recorded_venue, release_of
from live.host import Host
from live.installed import Installed, read_installed
from live.journal import Event, Journal
from live.portfolio import Account
from live.ports.clock import Clock
from live.ports.venue import Venue
from live.stopping.accounts import installed_account
from live.trading.release import Release
from live.venue.paper.book import RequestBook
from live.venue.paper.happening import happening_venue
from live.venue.paper.venue import PaperVenue

RECORDED: Final[dict[str, Split]] = {"train": "train", "forward": "forward"}


async def open_paper(host: Host, account: str, stores: Stores, *, clock: Clock) -> Venue:
    """Return the venue, started. Whoever asks holds the journal's lock, since the book has one writer; it ends with us.

    Raises:
        ConfigError: no release on this host has the account, or its book is damaged.
        DataError: bars are missing or changed.
        DeployError: the release on this host was changed.
    """
    found, folder = installed_account(host, account)
    installed = read_installed(folder)
    opened, newest = _last(host, account)
    feed = found.feed if opened is None else str(opened.body["feed"])
    if feed in RECORDED:
        venue = _recorded(installed, found, host, stores, RECORDED[feed])
        if newest is not None:
            venue.advance(EpochMs(newest.time_ms))
    else:
        venue = _happening(installed, found, host, clock)
    await venue.start((), {})
    return venue


def _recorded(installed: Installed, account: Account, host: Host, stores: Stores, split: Split) -> PaperVenue:
    markets = {s.strategy: market_of(installed, s.strategy, stores, split) for s in account.sleeves}
    release = release_of(installed, account, host, markets, opened={})
    return recorded_venue(release, markets, costs_of(installed, account), RequestBook(host.book_path(account.name)))


def _happening(installed: Installed, account: Account, host: Host, clock: Clock) -> PaperVenue:
    """Return the account without sleeves: of a release, a venue wants the capital and the margin mode alone."""
    release = Release(
        tag=installed.tag,
        account=account.name,
        sleeves={},
        limits=account.limits,
        capital=account.capital,
        opened={},
        margin_mode=account.margin_mode,
    )
    listed = [installed.lock.instrument(entry.symbol) for entry in installed.lock.instruments]
    book = RequestBook(host.book_path(account.name))
    return happening_venue(release, listed, costs_of(installed, account), book, clock=clock.now_ms)


def _last(host: Host, account: str) -> tuple[Event | None, Event | None]:
    """Return how the newest run was opened, and the newest event that stands at a bar."""
    path = host.journal_path(account)
    if not path.exists():
        return None, None
    with Journal(path, account=account, read_only=True) as journal:
        return journal.last("opened"), journal.last("decision", "plan", "intent")
