"""Ask Bybit's public v5 API through pybit: paced, tried a bounded number of times, every failure in words.

pybit's own retries are off (they hide the venue's code and sleep where nobody sees it); what is worth another
try is decided here. All waiting goes through `pause`, so a test waits for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from autarch.errors import DataError

MAINNET = "https://api.bybit.com"
TRIES_MAX = 6
SPACING_S = 0.05  # between requests: a sixth of the 600 in 5 s that one address may send
BACKOFF_S = 1.0  # doubled at each try
BACKOFF_MAX_S = 30.0
RATE_WAIT_S = 2.0  # after 10006 without a reset time
RATE_WAIT_MAX_S = 60.0
BAN_WAIT_S = 605.0  # an address that asked too often is let in again after ten minutes
TIMEOUT_S = 20
TEXT_MAX = 200
_RATE_CODE = 10006
_BUSY_CODES = frozenset({10000, 10002, 10016, 10019, 10429})  # time-out, clock, restart: the venue's own trouble
_HTTP_BUSY = 429
_HTTP_BANNED = 403
_HTTP_BROKEN = 500
_KEPT = "Pages already downloaded are kept: run the same command again to continue"

Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One try that failed: what was said, and after how many seconds another makes sense (None: never)."""

    text: str
    wait_s: float | None


class PublicClient:
    """One session with the venue. `url` replaces the public address, for another network or a test."""

    def __init__(self, *, url: str | None, pause: Pause, narrate: Callable[[str], None]) -> None:
        self.url = (url or MAINNET).rstrip("/")
        self._pause = pause
        self._narrate = narrate
        # pybit gives its logger a handler where there is none; above CRITICAL it stays silent.
        self._http = HTTP(logging_level=logging.CRITICAL + 1, timeout=TIMEOUT_S, max_retries=1)
        self._http.endpoint = self.url
        self._http.retry_codes = set()  # the constructor takes an empty set for "use the defaults"
        self._http.client.hooks["response"].append(self._remember)
        self._last: requests.Response | None = None

    def ask(self, method: str, **query: object) -> Mapping[str, Any]:
        """Return `result` of one public call, by pybit's name for it; one that has a query is in category linear.

        Raises:
            DataError: the venue says no, or nothing usable came in TRIES_MAX tries.
        """
        what = " ".join(str(query[key]) for key in ("symbol", "interval") if query.get(key) is not None)
        label = f"{method.removeprefix('get_').replace('_', ' ')} {what}".strip()
        failure = Failure(text="no try", wait_s=None)
        for attempt in range(TRIES_MAX):
            self._pause(SPACING_S)
            self._last = None
            outcome = self._try(method, {"category": "linear", **query} if query else {}, attempt)
            if not isinstance(outcome, Failure):
                return outcome
            failure = outcome
            if failure.wait_s is None:
                raise DataError(f"{self.url}, {label}: {failure.text}")
            if attempt + 1 < TRIES_MAX:
                self._narrate(f"{label}: {failure.text}; waiting {failure.wait_s:g} s, then try {attempt + 2}")
                self._pause(failure.wait_s)
        raise DataError(f"{self.url}, {label}: {TRIES_MAX} tries failed, the last with {failure.text}. {_KEPT}")

    def _try(self, method: str, query: dict[str, object], attempt: int) -> Mapping[str, Any] | Failure:
        backoff = min(BACKOFF_S * 2**attempt, BACKOFF_MAX_S)
        try:
            answer = getattr(self._http, method)(**query)
        except InvalidRequestError as error:
            return self._refused(int(error.status_code), str(error.message), backoff)
        except FailedRequestError as error:
            return self._http_failure(int(error.status_code), backoff, attempt)
        except requests.exceptions.RequestException as error:
            return Failure(text=f"no answer ({type(error).__name__})", wait_s=backoff)
        except (AttributeError, TypeError, KeyError):  # what pybit raises on JSON that is no envelope
            return Failure(text="an answer that is no v5 envelope", wait_s=backoff)
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            return Failure(text="an answer without a result", wait_s=backoff)
        self._heed_limit()
        return result

    def _refused(self, code: int, message: str, backoff: float) -> Failure:
        if code == _RATE_CODE:
            return Failure(text=f"rate limit (retCode {code})", wait_s=self._until_reset())
        text = f"retCode {code}: {message[:TEXT_MAX]}"
        return Failure(text=text, wait_s=backoff if code in _BUSY_CODES else None)

    def _http_failure(self, status: int, backoff: float, attempt: int) -> Failure:
        said = "" if self._last is None else " ".join(self._last.text.split())[:TEXT_MAX]
        if status == _HTTP_BANNED:
            often = "access too frequent" in said.lower()
            if often and attempt == 0:
                return Failure(text=f"HTTP 403, {said}", wait_s=BAN_WAIT_S)
            cause = (
                "this address is still banned for asking too often; wait at least ten minutes"
                if often
                else "the venue refuses this address: too many requests from it (wait ten minutes), or a country it "
                "does not serve. Download where it does, and --push to a store that this machine reads"
            )
            return Failure(text=f"HTTP 403 ({said or 'no text'}): {cause}. {_KEPT}", wait_s=None)
        if self._last is not None and self._last.ok:  # pybit's 409 for a body that is no JSON
            return Failure(text=f"a body that is no JSON ({len(self._last.content)} bytes)", wait_s=backoff)
        if status == _HTTP_BUSY or status >= _HTTP_BROKEN:
            return Failure(text=f"HTTP {status}", wait_s=backoff)
        return Failure(text=f"HTTP {status} ({said}); is --url the root of a v5 API?", wait_s=None)

    def _heed_limit(self) -> None:
        """Wait when the venue says that nothing is left until its reset."""
        if self._last is not None and self._last.headers.get("X-Bapi-Limit-Status") == "0":
            self._pause(self._until_reset())

    def _until_reset(self) -> float:
        """Return seconds until the reset the last answer names, by the venue's own clock; 2 s when it names none."""
        if self._last is None:
            return RATE_WAIT_S
        try:
            reset = int(self._last.headers["X-Bapi-Limit-Reset-Timestamp"])
            now = int(self._last.json()["time"])
        except (KeyError, TypeError, ValueError):
            return RATE_WAIT_S
        return min(max((reset - now) / 1000, SPACING_S), RATE_WAIT_MAX_S)

    def _remember(self, response: requests.Response, *_: object, **__: object) -> None:
        self._last = response
