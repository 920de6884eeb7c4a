"""Open the venue of an account that trades outside paper, with its own key for trading or for killing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autarch.errors import ConfigError
from live.credentials import Credentials, KeySource, KeyUse, load_credentials
from live.portfolio import Account
from live.ports.clock import Clock

if TYPE_CHECKING:
    from live.venue.bybit.venue import BybitVenue


def credentials_of(account: Account, source: KeySource, *, use: KeyUse = "trade") -> Credentials:
    """Return the account's key; workers that run strategies are started before.

    Raises:
        ConfigError: paper needs none, there is none, or others could have read it.
    """
    if account.venue != "bybit":
        raise ConfigError(f"account {account.name!r} is on paper and has no key; choose an account on Bybit")
    return load_credentials(account.name, source, environment=account.environment, use=use)


def open_venue(account: Account, credentials: Credentials, *, clock: Clock) -> BybitVenue:
    """Return the account's venue, not started; nothing is sent before its `start`.

    Raises:
        ConfigError: its address is none.
    """
    from live.venue.bybit.places import place_of  # noqa: PLC0415  pybit takes long to import, and paper needs none
    from live.venue.bybit.real import bybit_venue  # noqa: PLC0415  as above

    place = place_of(account.environment, url=account.url or None)
    return bybit_venue(place, credentials, clock=clock, margin_mode=account.margin_mode)
