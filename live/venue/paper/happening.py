"""A paper venue that lives by a market that is happening: our matching, a venue's public prices, no key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autarch.canonical import EpochMs
from autarch.engine.costs import CostModel
from autarch.market.types import Instrument
from live.simulator.core.contract import PRICE_LIMIT_FRAC
from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import Script
from live.trading.release import Release
from live.venue.paper.book import RequestBook
from live.venue.paper.recorded import contract_of
from live.venue.paper.venue import Live, PaperVenue


def happening_venue(
    release: Release,
    instruments: Sequence[Instrument],
    costs: CostModel,
    book: RequestBook,
    *,
    clock: Callable[[], EpochMs],
) -> PaperVenue:
    """Return a paper venue that `move` tells the prices; with the book of an earlier run it holds what that one held.

    Args:
        release: Whose account it is.
        instruments: Everything that is listed: the release's data set, so that what an older one held still is.
        costs: Of market orders.
        book: Requests and prices of earlier runs.
        clock: The market's time.
    """
    kept = book.requests()
    script = Script()
    exchange = Exchange(
        [contract_of(instrument, costs, band=PRICE_LIMIT_FRAC) for instrument in instruments],
        script,
        start_ms=kept[0].time_ms if kept else clock(),
        public=False,
    )
    return PaperVenue(
        exchange,
        capital=release.capital,
        book=book,
        margin_mode=release.margin_mode,
        live=Live(script=script, clock=clock),
    )
