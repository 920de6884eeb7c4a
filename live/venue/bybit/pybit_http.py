"""pybit's HTTP client as a `Transport`: one send a request, every end told apart, and no waiting of its own.

pybit signs and sends, in threads, each with a client and a connection of its own. What it would do beyond that is off:
its resending on 10002 and 10006, its redirects, its reading of proxy variables.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP

from autarch.canonical import EpochMs
from live.venue.bybit.options import RECV_WINDOW_MS
from live.venue.bybit.places import Place
from live.venue.bybit.ports import Answer, Method, NotSent, RetCode, Unanswered

if TYPE_CHECKING:
    from live.credentials import Credentials

TIMEOUT_S: Final = 6.0
"""Above the receive window: a request that timed out is too old for the venue to take it later."""
WRITERS: Final = 2
READERS: Final = 4
TEXT_MAX: Final = 200
_NEVER_LEFT: Final = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
)


class OneShotSession(requests.Session):
    """A session that sends once, follows nothing, and remembers whether anything was sent and what came."""

    def __init__(self) -> None:
        """Ignore the environment's proxies and .netrc."""
        super().__init__()
        self.trust_env = False
        self.sent = False
        self.answered: requests.Response | None = None

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """Send, without following a redirect, which would send an order twice."""
        self.sent, self.answered = True, None
        self.answered = super().send(request, **{**how, "allow_redirects": False})
        return self.answered


class _Client(HTTP):  # type: ignore[misc]  # pybit has no types
    """pybit's client, whose timestamps may be off on purpose."""

    stamp_off_ms = 0

    def _prepare_headers(self, payload: str, recv_window: int, content_type: str = "application/json") -> Any:
        headers = super()._prepare_headers(payload, recv_window, content_type)
        if self.stamp_off_ms:
            stamp = str(int(headers["X-BAPI-TIMESTAMP"]) + self.stamp_off_ms)
            headers |= {"X-BAPI-TIMESTAMP": stamp, "X-BAPI-SIGN": self._auth(payload, recv_window, stamp)}
        return headers


@dataclass(slots=True)
class _Asked:
    """A request between the loop that asked and the thread that sends."""

    given_up: bool = False


class PybitTransport:
    """Requests to one place with one key; without a key, public ones only."""

    def __init__(
        self, place: Place, credentials: Credentials | None, *, timeout_s: float = TIMEOUT_S, stamp_off_ms: int = 0
    ) -> None:
        """Open nothing yet. `stamp_off_ms` signs for another time than now, which only a conformance run wants."""
        self._stamp_off_ms = stamp_off_ms
        self._place = place
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="bybit-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="bybit-read")

    async def request(self, method: Method, path: str, params: Mapping[str, Any], *, signed: bool = True) -> Answer:
        """See `Transport`."""
        if signed and self._credentials is None:
            raise NotSent(f"{path} needs a key, and there is none")
        pool = self._writers if method == "POST" else self._readers
        asked = _Asked()
        send = partial(self._send, method, f"{self._place.rest}{path}", dict(params), signed=signed, asked=asked)
        sending = asyncio.get_running_loop().run_in_executor(pool, send)
        sending.add_done_callback(_heed)
        try:
            async with asyncio.timeout(2 * self._timeout_s):
                return await asyncio.shield(sending)
        except TimeoutError as error:
            asked.given_up = True
            if sending.cancel():
                raise NotSent(f"{path}: no thread was free within {2 * self._timeout_s:g} s") from error
            raise Unanswered(f"no whole answer within {2 * self._timeout_s:g} s") from error
        except asyncio.CancelledError:
            asked.given_up = True
            sending.cancel()
            raise

    async def close(self) -> None:
        """See `Transport`."""
        self._writers.shutdown(wait=False, cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)
        for session in self._sessions:
            session.close()

    def _send(self, method: Method, url: str, params: dict[str, Any], *, signed: bool, asked: _Asked) -> Answer:
        """Send in this thread, unless whoever asked has given up before it got here."""
        client = self._client()
        session = client.client
        session.sent, session.answered = False, None
        if asked.given_up:
            raise NotSent(f"{url}: given up before it was sent")
        try:
            envelope = client._submit_request(  # noqa: SLF001  pybit's one way to any endpoint
                method=method, path=url, query=params, auth=signed
            )
        except InvalidRequestError as error:
            raise _code(error, session.answered) from error
        except FailedRequestError as error:
            raise _failed(error, session.answered) from error
        except _NEVER_LEFT as error:
            raise NotSent(f"{url}: no connection ({type(error).__name__})") from error
        except requests.exceptions.ConnectionError as error:
            if _is_new_connection(error):
                raise NotSent(f"{url}: no connection ({_cause(error)})") from error
            raise Unanswered(f"the connection ended without an answer ({type(error).__name__})") from error
        except Exception as error:
            # Whatever it is, what counts is whether the request had left.
            if session.sent:
                raise Unanswered(f"no answer that can be read ({type(error).__name__})") from error
            raise NotSent(f"{url}: {type(error).__name__}: {error}") from error
        return answer_of(envelope, session.answered)

    def _client(self) -> Any:
        """Return this thread's pybit client."""
        if not hasattr(self._local, "client"):
            keys = {} if self._credentials is None else _keys(self._credentials)
            client = _Client(
                logging_level=logging.CRITICAL + 1,  # pybit gives its logger a handler where there is none
                timeout=self._timeout_s,
                recv_window=RECV_WINDOW_MS,
                max_retries=1,
                **keys,
            )
            client.stamp_off_ms = self._stamp_off_ms
            client.endpoint = self._place.rest
            client.retry_codes = set()  # only here: the constructor takes an empty set for "use the defaults"
            client.force_retry = False
            stock, client.client = client.client, OneShotSession()
            client.client.headers.update(stock.headers)
            stock.close()
            self._sessions.append(client.client)
            self._local.client = client
        return self._local.client


def answer_of(envelope: object, response: requests.Response | None) -> Answer:
    """Return a whole envelope with retCode 0.

    Raises:
        Unanswered: it is no such thing; pybit takes any object without a retCode for success.
    """
    if isinstance(envelope, dict) and envelope.get("retCode") == 0:
        result, time_ms = envelope.get("result"), envelope.get("time")
        if isinstance(result, dict) and isinstance(time_ms, int):
            return Answer(result=result, time_ms=EpochMs(time_ms), headers=_headers(response))
    raise Unanswered("an answer that is no v5 envelope")


def _heed(sending: asyncio.Future[Answer]) -> None:
    """Look at the end of a request that nobody waits for any more, so that asyncio does not complain of it."""
    if not sending.cancelled():
        sending.exception()


def _keys(credentials: Credentials) -> dict[str, str]:
    return {"api_key": credentials.key, "api_secret": credentials.secret}


def _code(error: InvalidRequestError, response: requests.Response | None) -> RetCode | Unanswered:
    if not isinstance(error.status_code, int):
        return Unanswered("an answer whose retCode is no number")
    time_ms = 0
    with contextlib.suppress(Exception):  # only a hint of how long a limit lasts
        time_ms = int(response.json()["time"]) if response is not None else 0
    return RetCode(error.status_code, str(error.message)[:TEXT_MAX], _headers(response), time_ms=time_ms)


def _failed(error: FailedRequestError, response: requests.Response | None) -> Unanswered:
    if response is not None and response.status_code != requests.codes.ok:
        said = " ".join(response.text.split())[:TEXT_MAX]
        return Unanswered(f"HTTP {response.status_code} {said}".rstrip(), response.status_code)
    return Unanswered(f"a body that is no JSON ({error.status_code})")


def _headers(response: requests.Response | None) -> dict[str, str]:
    return {} if response is None else {name.lower(): value for name, value in response.headers.items()}


def _is_new_connection(error: requests.exceptions.ConnectionError) -> bool:
    """Return whether the connection was never made: refused, no such host, no route."""
    return _cause(error) in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}


def _cause(error: requests.exceptions.ConnectionError) -> str:
    inner = error.args[0] if error.args else error
    return type(getattr(inner, "reason", inner)).__name__
