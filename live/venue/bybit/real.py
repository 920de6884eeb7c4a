"""The Bybit venue over pybit: mainnet, testnet, demo trading and `autarch sim` by one path."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from live.ports.clock import Clock
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.places import Place
from live.venue.bybit.pybit_http import PybitTransport
from live.venue.bybit.pybit_streams import PybitStreams
from live.venue.bybit.venue import BybitVenue

if TYPE_CHECKING:
    from live.credentials import Credentials


def bybit_venue(
    place: Place,
    credentials: Credentials,
    *,
    clock: Clock,
    margin_mode: Literal["isolated", "cross"] = "isolated",
    options: BybitOptions | None = None,
) -> BybitVenue:
    """Return one account at `place`; nothing is sent before its `start`.

    Mainnet wants `live.venue.bybit.demands.require_mainnet` before.
    """
    chosen = options or BybitOptions(environment=place.environment)
    return BybitVenue(
        PybitTransport(place, credentials),
        PybitStreams(place, credentials),
        clock=clock,
        options=replace(chosen, environment=place.environment, margin_mode=margin_mode),
        rng=random.Random(),  # noqa: S311  jitter only; nothing reproducible happens over real sockets
    )
