"""Who sits at an account: the sleeves of its release, and those of earlier ones that still hold something. Pure.

Written into the journal with every `opened`, so that a restart in the middle of a hand-over knows whom to seat again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

import msgspec

from autarch.errors import RefusedError
from live.portfolio import Handover
from live.trading.release import Held
from live.watching.handover import Holding, Plan, plan_handover

SeatMode = Literal["trade", "drain", "close"]
NOBODY = ""
"""What a sleeve takes a symbol from that somebody else still holds, or that it starts afresh."""
_MODES: dict[Handover, SeatMode] = {"drain": "drain", "flatten": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One sleeve at the table.

    Attributes:
        key: The strategy's slug; of an older release's sleeve, strategy@tag and how it leaves.
        strategy: The strategy's slug.
        tag: The release whose code decides.
        mode: trade; drain: decides, but only reduces; close: decides nothing, is closed at once.
        symbols: What it trades or still holds, in the manifest's order where it trades.
        capital: USDT it is sized from.
        handover: What the release says of it for the next hand-over.
        takes: Symbol -> key of the sleeve it takes position and money over from; absent: the same key's, if any.
    """

    key: str
    strategy: str
    tag: str
    mode: SeatMode
    symbols: tuple[str, ...]
    capital: Decimal
    handover: Handover
    takes: dict[str, str] = field(default_factory=dict)

    @property
    def holding(self) -> Holding:
        """Return it as the next hand-over sees it."""
        return Holding(
            strategy=self.strategy, tag=self.tag, symbols=self.symbols, capital=self.capital, handover=self.handover
        )


class _Seat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    strategy: str
    tag: str
    mode: SeatMode
    symbols: tuple[str, ...]
    capital: str
    handover: Handover


def first_seats(heirs: Sequence[Holding]) -> tuple[Seat, ...]:
    """Return the sleeves of a release on an account that trades nothing yet."""
    return tuple(_seat(heir, key=heir.strategy, mode="trade") for heir in heirs)


def hand_over(
    seats: Sequence[Seat], heirs: Sequence[Holding], held: Mapping[str, Held], *, tag: str
) -> tuple[Plan, tuple[Seat, ...]]:
    """Return what happens to every symbol where release `tag` takes over, and who sits at the account then.

    Args:
        seats: Who sits now.
        heirs: The sleeves of the release that takes over, in its order.
        held: By symbol, every position that is not flat and the seat that holds it.
        tag: The release that takes over, another one than trades now.

    Raises:
        ValueError: as `plan_handover`.
    """
    before = _still_seated(seats, held)
    positions = {symbol: one.qty for symbol, one in held.items()}
    plan = plan_handover([seat.holding for seat in before], heirs, positions, tag=tag)
    source = {(seat.strategy, seat.tag, symbol): seat.key for seat in reversed(before) for symbol in seat.symbols}
    leaving = tuple(_leaving(holder, source) for holder in plan.leaving)
    staying = tuple(
        replace(_seat(heir, key=heir.strategy, mode="trade"), takes=_takes(heir, plan, source)) for heir in heirs
    )
    return plan, (*leaving, *staying)


def _still_seated(seats: Sequence[Seat], held: Mapping[str, Held]) -> tuple[Seat, ...]:
    """Return who counts, those that leave first and with no more than they still hold."""
    leaving = [
        replace(
            seat, symbols=tuple(symbol for symbol in seat.symbols if symbol in held and held[symbol].key == seat.key)
        )
        for seat in seats
        if seat.mode != "trade"
    ]
    return (*(seat for seat in leaving if seat.symbols), *(seat for seat in seats if seat.mode == "trade"))


def _leaving(holder: Holding, source: Mapping[tuple[str, str, str], str]) -> Seat:
    mode = _MODES[holder.handover]
    seat = _seat(holder, key=f"{holder.strategy}@{holder.tag}:{mode}", mode=mode)
    return replace(seat, takes={symbol: source[holder.strategy, holder.tag, symbol] for symbol in holder.symbols})


def _takes(heir: Holding, plan: Plan, source: Mapping[tuple[str, str, str], str]) -> dict[str, str]:
    """Return from whom an heir takes each symbol: from its own strategy what is adopted or flat, else from nobody."""
    found = {}
    for step in plan.symbols:
        if step.new == heir:
            kept = step.old is not None and step.old.strategy == heir.strategy and step.action in {"adopt", "start"}
            found[step.symbol] = source[step.old.strategy, step.old.tag, step.symbol] if kept and step.old else NOBODY
    return found


def seats_to_json(seats: Iterable[Seat]) -> list[dict[str, object]]:
    """Return seats as an `opened` event holds them; what they took is over by then."""
    wire = (
        _Seat(
            key=seat.key,
            strategy=seat.strategy,
            tag=seat.tag,
            mode=seat.mode,
            symbols=seat.symbols,
            capital=format(seat.capital, "f"),
            handover=seat.handover,
        )
        for seat in seats
    )
    return [msgspec.to_builtins(seat) for seat in wire]


def seats_from_json(written: object) -> tuple[Seat, ...]:
    """Return what `seats_to_json` wrote.

    Raises:
        RefusedError: the journal holds something else; another runtime wrote it.
    """
    try:
        found = msgspec.convert(written, tuple[_Seat, ...], strict=True)
    except msgspec.ValidationError as error:
        raise RefusedError(
            f"the journal does not say who sits at the account ({error}): another runtime wrote it. Run that one, or "
            "close the account's positions by hand and start a new journal"
        ) from error
    return tuple(
        Seat(
            key=seat.key,
            strategy=seat.strategy,
            tag=seat.tag,
            mode=seat.mode,
            symbols=seat.symbols,
            capital=Decimal(seat.capital),
            handover=seat.handover,
        )
        for seat in found
    )


def _seat(holding: Holding, *, key: str, mode: SeatMode) -> Seat:
    return Seat(
        key=key,
        strategy=holding.strategy,
        tag=holding.tag,
        mode=mode,
        symbols=holding.symbols,
        capital=holding.capital,
        handover=holding.handover,
    )
