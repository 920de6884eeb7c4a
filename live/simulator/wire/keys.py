"""API keys of the simulated accounts, their permissions, and the checks that come before anything else."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from live.simulator.core.requests import Refused

RECV_WINDOW_MS = 5000
AHEAD_MS = 1000
ORDER_WINDOW_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key. `ips` empty: bound to no address."""

    key: str
    secret: str
    uid: str
    read_only: bool = False
    permissions: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"ContractTrade": ("Order", "Position"), "Derivatives": ("DerivativesTrade",)}
    )
    ips: tuple[str, ...] = ("127.0.0.1",)
    expired: bool = False

    def sign(self, payload: str) -> str:
        """Return HMAC-SHA256 of `payload` in lowercase hex."""
        return hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    def has_signed(self, payload: str, signature: str) -> bool:
        """Return whether `signature`, hex in either case, is that of `payload`; it may be any text at all."""
        shown = signature.lower().encode("utf-8", "surrogateescape")
        return hmac.compare_digest(self.sign(payload).encode("ascii"), shown)

    def require_trading(self) -> None:
        """Refuse a key that may only look.

        Raises:
            Refused: 10005.
        """
        if self.read_only or "Order" not in self.permissions.get("ContractTrade", ()):
            raise Refused(10005, "Permission denied, please check your API key permissions.")


@dataclass(slots=True, kw_only=True)
class Keyring:
    """All keys, by name."""

    keys: dict[str, ApiKey] = field(default_factory=dict)

    def check_request(self, headers: Mapping[str, str], payload: str, *, now_ms: int) -> ApiKey:
        """Return the key that signed a REST request: timestamp + key + recv window + payload.

        `payload` is the raw query string of a GET and the exact body of a POST.

        Raises:
            Refused: 10003 unknown key, 33004 expired, 10004 signature, 10002 time.
        """
        name, stamp = headers.get("x-bapi-api-key", ""), headers.get("x-bapi-timestamp", "")
        window = headers.get("x-bapi-recv-window") or str(RECV_WINDOW_MS)
        found = self.find(name)
        if not found.has_signed(f"{stamp}{name}{window}{payload}", headers.get("x-bapi-sign", "")):
            raise Refused(10004, f"error sign! origin_string[{stamp}{name}{window}{payload}]")
        check_time(stamp, window, now_ms=now_ms)
        return found

    def check_stream(self, name: str, expires: object, signature: str, *, now_ms: int) -> ApiKey:
        """Return the key that signed a stream's auth: `GET/realtime` + expiry.

        Raises:
            Refused: 10003, 10004, or 10005 when the expiry has passed.
        """
        found = self.find(name)
        if not found.has_signed(f"GET/realtime{expires}", signature):
            raise Refused(10004, "Error sign, please check your signature generation algorithm.")
        if not str(expires).isdigit() or int(str(expires)) <= now_ms:
            raise Refused(10005, "Params Error: expires is not later than now")
        return found

    def find(self, name: str) -> ApiKey:
        """Return a key that may be used.

        Raises:
            Refused: 10003 unknown, 33004 expired.
        """
        found = self.keys.get(name)
        if found is None:
            raise Refused(10003, "API key is invalid.")
        if found.expired:
            raise Refused(33004, "Your api key has expired.")
        return found


def check_time(stamp: str, window: str, *, now_ms: int) -> None:
    """Refuse a timestamp outside [now - recv_window, now + 1000).

    Raises:
        Refused: 10002 with both times.
    """
    try:
        sent, kept = int(stamp), int(window)
    except ValueError as error:
        raise Refused(10001, "params error: timestamp or recv_window") from error
    if not now_ms - kept <= sent < now_ms + AHEAD_MS:
        raise Refused(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{sent}],server_timestamp[{now_ms}],recv_window[{kept}]",
        )


@dataclass(slots=True, kw_only=True)
class RateLimit:
    """So many requests a second, rolling. `remaining` and `reset_ms` are what the answer's headers say."""

    limit: int
    _sent: deque[int] = field(default_factory=deque)

    def take(self, now_ms: int, *, count: int = 1) -> None:
        """Count a request.

        Raises:
            Refused: 10006, too many.
        """
        while self._sent and self._sent[0] <= now_ms - ORDER_WINDOW_MS:
            self._sent.popleft()
        if len(self._sent) + count > self.limit:
            raise Refused(10006, "Too many visits. Exceeded the API Rate Limit.")
        self._sent.extend([now_ms] * count)

    @property
    def remaining(self) -> int:
        """Requests left in this second."""
        return max(0, self.limit - len(self._sent))

    def reset_ms(self, now_ms: int) -> int:
        """Return when the next request is taken: now while the limit is not reached."""
        return self._sent[0] + ORDER_WINDOW_MS if self.remaining == 0 and self._sent else now_ms
