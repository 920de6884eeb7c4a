"""The menu of faults, each named by what the client meets.

Requests: what is `accept…` reaches the exchange and is done there, whatever the client then sees. Streams: what a
socket does to the messages that are due on it. Market: what the exchange itself does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

RequestFault = Literal[
    "accept_then_timeout",  # done, and never answered
    "accept_then_drop",  # done, and the connection ends
    "accept_then_truncate",  # done, and half of the body arrives
    "accept_then_html",  # done, and status 200 with a page that is not JSON
    "accept_then_10000",  # done, and "Server Timeout"
    "lose_request",  # never arrives; the client waits
    "refuse_10002",  # timestamp
    "refuse_10006",  # rate limit, reset 300 ms ahead
    "refuse_10006_past",  # rate limit, reset 50 ms ago
    "refuse_10006_bare",  # rate limit without headers
    "refuse_10016",  # internal error; not done here, which a client cannot know
    "http_403",
    "http_429",
    "http_503",
    "stale_read",  # a read shows the state of some seconds ago
]
StreamFault = Literal[
    "mute",  # pongs, but no data
    "no_pong",  # data, but no pong
    "reset",  # the socket ends without a close
    "close_1001",  # the venue restarts
    "drop",  # messages are lost
    "duplicate",  # messages come twice
    "reorder",  # neighbours change places
    "delay",  # messages come late
    "unknown_topic",  # a message of a topic nobody asked for
    "delta_first",  # a ticker delta before its snapshot
    "refuse_subscription",
    "refuse_handshake",
]
MarketFault = Literal[
    "partial_fill",  # a market order fills in part, the rest is cancelled
    "fill_in_pieces",  # whole, in several executions
    "deleverage",  # part of a position is closed against a bankrupt stranger
    "lose_stop",  # the stop order is gone
    "stranger_order",  # somebody trades the account by hand
    "deposit",
    "withdraw",
    "change_filters",
    "halt_symbol",  # the contract does not trade
    "resume_symbol",
    "hedge_mode",
    "ban_trading",
    "allow_trading",
]
FaultKind = RequestFault | StreamFault | MarketFault
REQUEST_FAULTS: Final = frozenset(get_args(RequestFault))
STREAM_FAULTS: Final = frozenset(get_args(StreamFault))
MARKET_FAULTS: Final = frozenset(get_args(MarketFault))
READ_ONLY_FAULTS: Final = frozenset({"stale_read"})
ACCEPTING_FAULTS: Final = frozenset(kind for kind in get_args(RequestFault) if kind.startswith("accept"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, waiting for its occasion.

    Attributes:
        kind: From the menu.
        where: Path of a request, or kind of a stream (public, private, trade); "" meets the next of any.
        times: How often it strikes.
        lasts_ms: Of a stream fault: how long it holds.
        symbol: Of a market fault.
        amount: Of a market fault: a share in (0, 1] of the order or position, or USDT.
    """

    kind: str
    where: str = ""
    times: int = 1
    lasts_ms: int = 0
    symbol: str = ""
    amount: str = "0.5"

    def __post_init__(self) -> None:
        """Refuse what is not on the menu.

        Raises:
            ValueError: an unknown kind, or numbers that mean nothing.
        """
        known = REQUEST_FAULTS | STREAM_FAULTS | MARKET_FAULTS
        if self.kind not in known:
            raise ValueError(f"fault {self.kind!r} is not on the menu: {', '.join(sorted(known))}")
        if self.times < 1 or self.lasts_ms < 0:
            raise ValueError(f"times {self.times}, lasts_ms {self.lasts_ms}; expected at least 1 and at least 0")
