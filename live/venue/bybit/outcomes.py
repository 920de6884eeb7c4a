"""What the venue's codes mean: which say that nothing happened, which that it is so already, and which say nothing.

Source: Bybit's v5 error codes (2026-07). A code that is not listed here says nothing: the order is looked for.
"""

from __future__ import annotations

from typing import Final, Literal

from autarch.errors import VenueError, VenueRejected, VenueUnknown
from live.venue.bybit.ports import NotSent, RetCode, Unanswered

Meaning = Literal["refused", "key", "later", "same", "gone", "unknown"]

DUPLICATE_LINK: Final = 110072
RATE_LIMITED: Final = 10006
BANNED_STATUS: Final = 403

KEY_CODES: Final = frozenset({10003, 10004, 10005, 10010, 33004})
REFUSED: Final = frozenset(
    {10001, 10029, 110074,  # parameters, symbol
     110003, 30208, 30209, 110120, 110121, 110094, 110017, 110092, 110093,  # price, notional, reduce-only, trigger
     110009, 110020, 110061, 110090, 110013, 110086,  # too many, risk limit
     110004, 110006, 110007, 110012, 110044, 110045, 110051, 110052, 110053, 110040,  # margin
     110024, 110028, 3400045}  # mode cannot change
)  # fmt: skip
LATER: Final = frozenset({10002, RATE_LIMITED, 10027, 110023, 110066, 110063})
SAME: Final = frozenset({110043, 110025, 110026, 34040})
GONE: Final = frozenset({110001, 110008, 110010})

Ended = RetCode | NotSent | Unanswered
"""How a request ended that has no answer with retCode 0."""


def meaning_of(code: int) -> Meaning:
    """Return what a retCode says about what was asked."""
    for codes, meaning in _TABLE:
        if code in codes:
            return meaning
    return "unknown"


_TABLE: Final[tuple[tuple[frozenset[int], Meaning], ...]] = (
    (REFUSED, "refused"),
    (KEY_CODES, "key"),
    (LATER, "later"),
    (SAME, "same"),
    (GONE, "gone"),
)


def order_error(ended: Ended, what: str) -> VenueError:
    """Return how an order that was sent once, and not acknowledged, ended for the executor.

    HTTP 403 is the edge turning an address away, before anything that knows of orders. 110072 says that an order of
    this id exists: ours was sent once, so somebody between us and the venue sent it twice; it has to be looked for.
    """
    if isinstance(ended, NotSent):
        return VenueRejected(f"{what} was not sent: {ended}")
    if isinstance(ended, Unanswered):
        if ended.status == BANNED_STATUS:
            return VenueRejected(f"{what} was turned away with HTTP 403 before it reached the exchange: {ended}")
        return VenueUnknown(f"{what}: no answer that can be read ({ended}); find out what became of it")
    if meaning_of(ended.code) in {"refused", "key", "later", "same", "gone"}:
        return VenueRejected(f"{what} was refused with {ended}")
    return VenueUnknown(f"{what}: {ended} does not say whether it was taken; find out what became of it")


def is_transient(ended: Ended) -> bool:
    """Return whether a read that ended so is worth another try."""
    if isinstance(ended, RetCode):
        return meaning_of(ended.code) == "unknown" or ended.code in {10002, RATE_LIMITED}
    return not (isinstance(ended, Unanswered) and ended.status == BANNED_STATUS)


def reset_wait_s(ended: RetCode, *, default_s: float, most_s: float) -> float:
    """Return how long a rate limit lasts by the answer's own header and time, in [0, most_s].

    `default_s` where there is no header; one that lies in the past is over.
    """
    raw = ended.headers.get("x-bapi-limit-reset-timestamp", "")
    if not raw.isdigit() or ended.time_ms == 0:
        return default_s
    return min(max((int(raw) - ended.time_ms) / 1000, 0.0), most_s)
