"""What our fills cost beside the model's, which fills an order at the open of the bar after its decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .venue_side import UID

if TYPE_CHECKING:
    from .life import Life


def shortfalls_bps(life: Life) -> tuple[float, ...]:
    """Return how much worse than the open of its bar each fill of ours was, bp; half spread and impact included."""
    market = life.scenario.drawn.market
    bars = {event.ref: (str(event.body["symbol"]), int(str(event.body["bar"])))
            for event in life.disk.kept.events("intent")}  # fmt: skip
    found = []
    for row in life.house.site.exchange.accounts[UID].executions:
        symbol, bar = bars.get(row.order_link_id, ("", 0))
        if not symbol:
            continue
        opened = (bar - int(market.ts[0])) // market.interval_ms + 1
        if opened < market.n_bars:
            side = 1.0 if row.side == "Buy" else -1.0
            found.append(1e4 * side * (float(row.exec_price) / float(market.of(symbol).open[opened]) - 1.0))
    return tuple(found)
