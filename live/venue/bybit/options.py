"""How a Bybit account is talked to. Seconds are the event loop's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Environment = Literal["mainnet", "testnet", "demo", "sim"]
RECV_WINDOW_MS: Final = 5000
"""Small and constant: the fence of an unanswered order is made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BybitOptions:
    """What differs between accounts, and the patience of the client.

    Attributes:
        environment: Mainnet alone demands a key that is bound to an address.
        margin_mode: What the account must be in.
        recv_window_ms: How long a signed request may be under way.
        clock_off_ms_max: Difference to the venue's clock beyond which nothing is sent.
        connect_s: Deadline for a stream to be connected and acknowledged.
        silent_s: A connection that shows nothing at all, not even a pong, for so long is dead.
        mute_s: Nor is one alive that says nothing of an order for so long after its acknowledgement.
        backoff_s: First wait before another connection; doubles up to `backoff_s_max`, with jitter.
        settle_s_max: After so long an order without a readable trace stays unknown.
        orders_a_second: Of every order endpoint.
        reads_a_second: Of every private read.
    """

    environment: Environment
    margin_mode: Literal["isolated", "cross"] = "isolated"
    recv_window_ms: int = RECV_WINDOW_MS
    clock_off_ms_max: int = 500
    connect_s: float = 15.0
    silent_s: float = 35.0
    mute_s: float = 10.0
    backoff_s: float = 0.5
    backoff_s_max: float = 30.0
    settle_s_max: float = 120.0
    orders_a_second: int = 10
    reads_a_second: int = 50
