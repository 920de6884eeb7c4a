"""The paper venue: our matching core behind the port, fed by recorded bars.

Whoever feeds it calls `open_bars` and `close_bars`; between the two the executor may place orders,
which fill at the open. Killed and built again over the same bars and the same order book, it arrives
at the same executions with the same numbers.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from autarch.canonical import EpochMs
from autarch.errors import VenueRejected
from live.venue.book import OrderBook
from live.venue.matching import Happened, SymbolMatching
from live.venue.port import ORDER_LINK_ID, Execution, OrderAck, OrderRequest, Position


class PaperVenue:
    """One paper account. Implements `live.venue.port.Venue`."""

    def __init__(self, *, account: str, symbols: Mapping[str, SymbolMatching], book: OrderBook) -> None:
        """Stand before the first bar; orders the book already holds are filled again when their bar opens."""
        self._account = account
        self._symbols = symbols
        self._book = book
        self._orders: dict[str, OrderAck] = {}
        self._executions: list[Execution] = []
        self._replayed = deque(book.orders())

    def open_bars(self, symbols: Sequence[str]) -> None:
        """Open the next bar of `symbols`: funding at the instant, gapped triggers, then remembered orders."""
        for symbol in symbols:
            self._take(self._symbols[symbol].open_bar(), link="")
        opened = {self._symbols[symbol].time_ms for symbol in symbols}
        while self._replayed and self._replayed[0][0] in opened:
            self._accept(self._replayed.popleft()[1])

    def close_bars(self, symbols: Sequence[str]) -> None:
        """Play the inside of the present bar of `symbols`."""
        for symbol in symbols:
            self._take(self._symbols[symbol].close_bar(), link="")

    def place(self, order: OrderRequest) -> OrderAck:
        """Take one market order and fill it at the open of the present bar.

        Raises:
            VenueRejected: a duplicate link id (110072), an unknown symbol, or a filter.
        """
        if not ORDER_LINK_ID.match(order.order_link_id):
            raise VenueRejected(f"10001: orderLinkId {order.order_link_id!r} is not 1 to 36 of [A-Za-z0-9_-]")
        if order.order_link_id in self._orders:
            raise VenueRejected(f"110072: orderLinkId {order.order_link_id} is a duplicate")
        if order.symbol not in self._symbols:
            raise VenueRejected(f"10029: symbol {order.symbol} is not traded on account {self._account}")
        matching = self._symbols[order.symbol]
        matching.check(order)
        self._book.add(order, matching.time_ms)
        return self._accept(order)

    def find_order(self, order_link_id: str) -> OrderAck | None:
        """Return the order of that link id, or None when it was never taken."""
        return self._orders.get(order_link_id)

    def position(self, symbol: str) -> Position:
        """Return the position in `symbol`."""
        return self._symbols[symbol].position()

    def executions(self, *, after: int) -> tuple[Execution, ...]:
        """Return executions with seq above `after`; seq counts from 1."""
        return tuple(self._executions[after:])

    def _accept(self, order: OrderRequest) -> OrderAck:
        ack = OrderAck(order_id=_short(self._account, "order", order.order_link_id), order_link_id=order.order_link_id)
        self._orders[order.order_link_id] = ack
        self._take(self._symbols[order.symbol].fill(order), link=order.order_link_id)
        return ack

    def _take(self, happened: Iterable[Happened], *, link: str) -> None:
        for fact in happened:
            seq = len(self._executions) + 1
            self._executions.append(
                Execution(
                    seq=seq,
                    exec_id=_short(self._account, "execution", str(seq), fact.symbol, str(fact.time_ms)),
                    exec_type=fact.exec_type,
                    create_type=fact.create_type,
                    symbol=fact.symbol,
                    side=fact.side,
                    order_link_id=link,
                    exec_qty=fact.qty,
                    exec_price=fact.price,
                    exec_fee=fact.fee,
                    time_ms=EpochMs(fact.time_ms),
                )
            )


def _short(*parts: str) -> str:
    """Return a name of 26 characters that follows from `parts` alone, so that a rebuilt venue gives it again."""
    digest = hashlib.sha256("|".join(parts).encode()).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:26]
