"""What an executor is handed at the boundary where a release takes over, or where the present one was revoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from autarch.errors import DeployError
from live.lines import Line
from live.portfolio import Account
from live.ports.bars import Bars
from live.ports.brain import Brain
from live.trading.release import Held, Release, SleeveTerms, Switch, Takeover
from live.trust import WhenRevoked
from live.watching.handover import Holding
from live.watching.seats import Seat, SeatMode, hand_over

_HOLD_BACK: dict[WhenRevoked, SeatMode] = {"reduce": "drain", "flatten": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A release laid out for those who sit at an account, with the bars and brains of all of them by key."""

    release: Release
    bars: Bars
    brains: Mapping[str, Brain]


Lay = Callable[[Sequence[Seat]], Table]
"""Lays the table for these seats; called at the boundary, so whatever takes long has been done before."""


def switch_of(
    seats: Sequence[Seat],
    heirs: Sequence[Holding],
    lay: Lay,
    *,
    tag: str,
    told: Callable[[str], None] = lambda _: None,
) -> Switch:
    """Return the switch to release `tag`.

    Args:
        seats: Who sits at the account now.
        heirs: The sleeves of the release that takes over, in its order.
        lay: Lays the table for whoever sits then.
        tag: The release that takes over.
        told: Takes the hand-over, sentence by sentence.
    """

    def switch(held: Mapping[str, Held]) -> Takeover:
        plan, after = hand_over(seats, heirs, held, tag=tag)
        for sentence in plan.text:
            told(sentence)
        table = lay(after)
        return Takeover(
            release=table.release,
            bars=table.bars,
            brains=table.brains,
            actions={step.symbol: step.action for step in plan.symbols},
        )

    return switch


def require_same_margin(present: Account, after: Account, *, tag: str) -> None:
    """Refuse release `tag` to take over an account that it has in another margin mode.

    Raises:
        DeployError: it has; a venue changes the mode only while nothing is open.
    """
    if present.margin_mode != after.margin_mode:
        raise DeployError(
            f"{tag} has account {after.name!r} in {after.margin_mode} margin and it trades in {present.margin_mode}: "
            "the present release goes on. Stop it flat, set the margin mode at the venue, and run again"
        )


def held_back(seats: Sequence[Seat], when: WhenRevoked) -> tuple[Seat, ...]:
    """Return the same seats where the release they trade by was revoked: they only reduce, or are closed at once."""
    mode = _HOLD_BACK[when]
    return tuple(replace(seat, mode="close" if seat.mode == "close" else mode, takes={}) for seat in seats)


def terms_of(seat: Seat, lines: Sequence[Line], *, notional_max: Decimal | None = None) -> SleeveTerms:
    """Return a seat's terms; `lines` are all of its strategy's, in the manifest's order."""
    return SleeveTerms(
        strategy=seat.strategy,
        tag=seat.tag,
        lines=tuple(line for line in lines if line.symbol in seat.symbols),
        capital=float(seat.capital),
        mode=seat.mode,
        notional_max=notional_max,
        takes=seat.takes,
    )
