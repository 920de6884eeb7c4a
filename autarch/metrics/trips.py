"""Round trips: from flat to flat in one symbol, with what they earned."""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.result import Table

TRIP: Final = np.dtype(
    [
        ("symbol", "<i8"),
        ("side", "<i8"),  # 1 long, -1 short
        ("entry_row", "<i8"),
        ("exit_row", "<i8"),
        ("exit_phase", "<i8"),  # layout.AT_OPEN or layout.INSIDE; an entry is always at an open
        ("exit_kind", "<i8"),  # kind of the fill that ended it
        ("qty", "<f8"),  # coins bought and sold, added over all its entries
        ("fees", "<f8"),  # quote
        ("funding", "<f8"),  # quote paid
        ("profit", "<f8"),  # quote, after fees and funding
    ]
)


def round_trips(fills: Table, funding: Table | None = None) -> Table:
    """Return every closed round trip as `TRIP`, ordered by exit, then symbol.

    A flip ends one trip and begins another. A position still open after the last fill is no trip.

    Args:
        fills: `autarch.engine.result.FILL`.
        funding: `FUNDING` of the same backtest, charged to the trip that held the position; left out
            of profit when absent.
    """
    parts = [
        _trips_of(fills[fills["symbol"] == symbol], None if funding is None else funding[funding["symbol"] == symbol])
        for symbol in np.unique(fills["symbol"])
    ]
    trips = np.concatenate(parts) if parts else np.empty(0, dtype=TRIP)
    order = np.lexsort((trips["symbol"], trips["exit_phase"], trips["exit_row"]))
    ordered: Table = trips[order]
    return ordered


def independent_bets(trips: Table) -> int:
    """Return how many trips can be picked so that no two are held at the same time, over all symbols."""
    return int(independent_trips(trips).size)


def independent_trips(trips: Table) -> Table:
    """Return as many trips as can be picked so that no two are held at the same time, over all symbols, by exit.

    Greedy by exit, which is the maximum for intervals (Kleinberg and Tardos, Algorithm Design, 4.1).
    Trips that only touch, one leaving at the open where the other enters, do not overlap.
    """
    picked, free_from = [], -1
    entries = 2 * trips["entry_row"]
    exits = 2 * trips["exit_row"] + trips["exit_phase"]
    order = np.lexsort((entries, exits))
    for place, entry, leave in zip(order.tolist(), entries[order].tolist(), exits[order].tolist(), strict=True):
        if entry >= free_from:
            picked.append(place)
            free_from = leave
    found: Table = trips[picked]
    return found


def _trips_of(fills: Table, funding: Table | None) -> Table:
    ends = np.flatnonzero(fills["position"] == 0.0)
    trips = np.zeros(ends.size, dtype=TRIP)
    if ends.size == 0:
        return trips
    starts = np.concatenate([[0], ends[:-1] + 1])
    closed = fills[: ends[-1] + 1]
    trips["symbol"] = closed["symbol"][starts]
    trips["side"] = np.sign(closed["qty"][starts]).astype(np.int64)
    trips["entry_row"] = closed["row"][starts]
    for field in ("row", "phase", "kind"):
        trips[f"exit_{field}"] = closed[field][ends]
    side = np.repeat(trips["side"], ends - starts + 1)
    trips["qty"] = np.add.reduceat(np.maximum(closed["qty"] * side, 0.0), starts)
    trips["fees"] = np.add.reduceat(closed["fee"], starts)
    if funding is not None:
        trip = np.searchsorted(closed["seq"][starts], funding["seq"], side="right") - 1
        held = (trip >= 0) & (funding["seq"] < closed["seq"][ends][trip])
        trips["funding"] = np.bincount(trip[held], weights=funding["payment"][held], minlength=ends.size)
    trips["profit"] = np.add.reduceat(closed["realised"], starts) - trips["fees"] - trips["funding"]
    return trips
