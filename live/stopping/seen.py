"""What is there before a human says "adopt": positions and orders of the venue beside what our journal says.

The digest ties the word to what was shown: whoever carries a release out looks again, and what has changed in between
was not what the human said yes to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from autarch.canonical import canonical_json
from autarch.errors import UsageError
from live.ports.venue import Snapshot


class SeenPosition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One symbol: signed coins at the venue and by our journal, as text; `stop_loss` is a price or None."""

    symbol: str
    venue: str
    journal: str
    stop_loss: str | None


class SeenOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One open order; `link` is empty for what the venue or a human made."""

    order_id: str
    link: str
    symbol: str
    side: str
    qty: str
    trigger: str


class Seen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account at one look."""

    account: str
    positions: tuple[SeenPosition, ...]
    orders: tuple[SeenOrder, ...]

    @property
    def differences(self) -> tuple[SeenPosition, ...]:
        """Return the positions on which venue and journal disagree."""
        return tuple(p for p in self.positions if Decimal(p.venue) != Decimal(p.journal))

    @property
    def digest(self) -> str:
        """Return the SHA-256 over everything shown but where stops stand, which move by themselves."""
        shown = {
            "account": self.account,
            "positions": [[p.symbol, p.venue, p.journal] for p in self.positions],
            "orders": [[o.order_id, o.link, o.symbol, o.side, o.qty] for o in self.orders],
        }
        return hashlib.sha256(canonical_json(shown)).hexdigest()

    @property
    def body(self) -> dict[str, object]:
        """Return it as an answer's body."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found


def look(account: str, snapshot: Snapshot, booked: Mapping[str, Decimal]) -> Seen:
    """Return what a snapshot shows beside what the journal has booked, by symbol; what is zero in both is left out."""
    symbols = sorted({*snapshot.positions, *booked})
    found = []
    for symbol in symbols:
        position = snapshot.positions.get(symbol)
        theirs = Decimal(0) if position is None else position.size
        ours = booked.get(symbol, Decimal(0))
        if theirs == 0 and ours == 0:
            continue
        stop = None if position is None or position.stop_loss is None else format(position.stop_loss, "f")
        found.append(SeenPosition(symbol=symbol, venue=_plain(theirs), journal=_plain(ours), stop_loss=stop))
    orders = sorted(
        (
            SeenOrder(
                order_id=order.order_id,
                link=order.order_link_id,
                symbol=order.symbol,
                side=order.side,
                qty=_plain(order.qty),
                trigger=order.trigger,
            )
            for order in snapshot.orders
            if order.status == "open"
        ),
        key=lambda order: (order.symbol, order.order_id),
    )
    return Seen(account=account, positions=tuple(found), orders=tuple(orders))


def parse_seen(body: Mapping[str, object]) -> Seen:
    """Return what an executor answered to `look`.

    Raises:
        UsageError: it answered something else.
    """
    try:
        return msgspec.convert(dict(body), Seen, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"the executor's look is none we know ({error}); upgrade both to one version") from error


def _plain(value: Decimal) -> str:
    """Return a quantity as text of one form only: 2, never 2.0 or 2E+0."""
    return format(value.normalize() + 0, "f") if value else "0"
