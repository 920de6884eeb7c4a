"""The paper venue of an account whose executor is gone: built again from its book, standing where it stood."""

from __future__ import annotations

from typing import Final

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from autarch.market.stores import Stores
from autarch.market.types import Split
from live.assembling import costs_of, market_of, recorded_venue, release_of
from live.host import Host
from live.installed import read_installed
from live.journal import Event, Journal
from live.ports.venue import Venue
from live.stopping.accounts import installed_account
from live.venue.paper.book import RequestBook

FEEDS: Final[dict[str, Split]] = {"train": "train", "forward": "forward"}


def open_paper(host: Host, account: str, stores: Stores) -> Venue:
    """Return the venue. Whoever asks holds the journal's lock, since the book has one writer; it closes with us.

    Raises:
        ConfigError: its bars are no recorded ones, or no release on this host has the account.
        DataError: bars are missing or changed.
        DeployError: the release on this host was changed.
    """
    found, folder = installed_account(host, account)
    installed = read_installed(folder)
    opened, newest = _last(host, account)
    feed = "forward" if opened is None else str(opened.body["feed"])
    if feed not in FEEDS:
        raise ConfigError(f"account {account!r} is on paper by feed {feed!r}; its positions end with its executor")
    markets = {s.strategy: market_of(installed, s.strategy, stores, FEEDS[feed]) for s in found.sleeves}
    release = release_of(installed, found, host, markets, opened={})
    book = RequestBook(host.book_path(account))
    venue = recorded_venue(release, markets, costs_of(installed, found), book)
    if newest is not None:
        venue.advance(EpochMs(newest.time_ms))
    return venue


def _last(host: Host, account: str) -> tuple[Event | None, Event | None]:
    """Return how the newest run was opened, and the newest event that stands at a bar."""
    path = host.journal_path(account)
    if not path.exists():
        return None, None
    with Journal(path, account=account, read_only=True) as journal:
        return journal.last("opened"), journal.last("decision", "plan", "intent")
