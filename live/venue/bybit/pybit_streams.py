"""pybit's WebSocket as `Streams`: each connection is one socket that ends once, whatever pybit would do about it.

pybit connects in its constructor, reads in a thread, and dies or reconnects unseen on faults; so every fault ends the
connection here, visibly, and whoever supervises makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import websocket
from pybit.unified_trading import WebSocket

from live.venue.bybit.places import Place
from live.venue.bybit.ports import Channel, StreamDown, StreamMessage

if TYPE_CHECKING:
    from live.credentials import Credentials

PING_S: Final = 15
PONG_S: Final = 10
SOCKET_S: Final = 10.0
"""Longest wait of one socket operation."""
AUTH_LIVES_S: Final = 10
"""pybit signs an auth for one second, which a clock that is a second slow does not survive."""
ATTEMPTS: Final = 2
"""pybit throws its last attempt away even when it succeeds: 2 are one, and 0 would be endless."""
POLL_S: Final = 0.005
Heard = Callable[[StreamMessage | StreamDown], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one socket is for."""

    place: Place
    channel: Channel
    topics: tuple[str, ...]
    keys: Mapping[str, str]


class _Socket(WebSocket):  # type: ignore[misc]  # pybit has no types
    """One hardened socket. The attributes that its constructor's callbacks need are set before it runs."""

    def __init__(self, target: Target, heard: Heard) -> None:
        """Connect; blocks for as long as that takes."""
        self._target = target
        self._heard_by = heard
        self._acknowledged: set[str] = set()
        self._held: Any = None
        self.refused: StreamDown | None = None
        websocket.setdefaulttimeout(SOCKET_S)
        super().__init__(
            channel_type="private" if target.channel == "private" else "linear",
            testnet=False,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            retries=ATTEMPTS,
            restart_on_error=False,
            private_auth_expire=AUTH_LIVES_S,
            **target.keys,
        )

    def subscribe_all(self, is_wanted: Callable[[], bool]) -> None:
        """Wait for the auth, subscribe, and wait until every topic is acknowledged.

        Raises:
            StreamDown: refused, or ended, or nobody waits any more.
        """
        self._wait_for(lambda: self._target.channel == "public" or self.auth is True, is_wanted)
        sent = []
        for topic in self._target.topics:
            self.subscribe(topic, _nothing, ["-"])  # the topic is whole; pybit asks for something to format it with
            sent.append(list(self.subscriptions)[-1])
        self._wait_for(lambda: self._acknowledged.issuperset(sent), is_wanted)

    def finish(self) -> None:
        """Close; blocks for as long as that takes. The library leaves a socket open whose peer has gone."""
        self.exit()
        if self._held is not None:
            self._held.shutdown()

    def _wait_for(self, condition: Callable[[], bool], is_wanted: Callable[[], bool]) -> None:
        while not condition():
            if self.refused is not None:
                raise self.refused
            if not is_wanted() or not self.wst.is_alive():
                raise StreamDown("the connection ended before every topic was acknowledged")
            time.sleep(POLL_S)

    def _connect(self, url: str) -> None:
        base = self._target.place.private_stream if self._target.channel == "private" else None
        base = base or self._target.place.public_stream
        _, _, path = url.partition("/v5/")
        super()._connect(f"{base}/v5/{path}")
        self._held = self.ws.sock

    def _on_message(self, message: str | bytes) -> None:
        """Take a message; what pybit would die of ends nothing, and a fault in it is the venue's, not ours."""
        try:
            parsed = json.loads(message)
            if self._is_custom_pong(parsed):
                self._heard_by(StreamMessage(topic="", message=parsed))
            else:
                self._handle_incoming_message(parsed)
        except Exception:  # noqa: BLE001  in the socket's thread an exception would end its reader unseen
            # Not JSON, or a ticker's delta before its snapshot. It shows that the connection lives, and no more.
            self._heard_by(StreamMessage(topic="", message={}))

    def _process_auth_message(self, message: Mapping[str, Any]) -> None:
        if message.get("success") is True or message.get("retCode") == 0:
            self.auth = True
        else:
            self._end(StreamDown(f"the venue refuses the key: {message.get('ret_msg')}", fatal=True))

    def _process_subscription_message(self, message: Mapping[str, Any]) -> None:
        # Acknowledgements are noted by id: they may come before pybit has noted the subscription.
        if message.get("success") is True:
            self._acknowledged.add(str(message.get("req_id")))
        else:
            self._end(StreamDown(f"a subscription is refused: {message.get('ret_msg')}"))

    def _process_normal_message(self, message: Mapping[str, Any]) -> None:
        topic = str(message["topic"])
        if topic.startswith("tickers"):
            self._process_delta_ticker(message, topic)
            message = {**message, "data": dict(self.data[topic])}
        self._heard_by(StreamMessage(topic=topic, message=message))

    def _on_error(self, error: BaseException) -> None:
        self._end(StreamDown(f"the connection broke ({type(error).__name__}: {error})"))

    def _on_close(self) -> None:
        self._end(StreamDown("the venue closed the connection"))

    def _end(self, down: StreamDown) -> None:
        if self.refused is None:
            self.refused = down
        self._heard_by(self.refused)


class PybitConnection:
    """A socket's messages, handed from its thread to the event loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hold no socket yet."""
        self._loop = loop
        self._messages: asyncio.Queue[StreamMessage | StreamDown] = asyncio.Queue()
        self._socket: _Socket | None = None
        self._down: StreamDown | None = None
        self.wanted = True

    def heard(self, message: StreamMessage | StreamDown) -> None:
        """Take a message in the socket's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._messages.put_nowait, message)

    def open(self, target: Target) -> None:
        """Connect and subscribe, in a thread of its own.

        Raises:
            StreamDown: it could not be done.
        """
        try:
            socket = _Socket(target, self.heard)
        except Exception as error:
            raise StreamDown(f"no connection ({type(error).__name__}: {error})") from error
        self._socket = socket
        try:
            socket.subscribe_all(lambda: self.wanted)
        except StreamDown:
            socket.finish()
            raise
        except Exception as error:
            socket.finish()
            raise socket.refused or StreamDown(f"the connection broke ({type(error).__name__}: {error})") from error

    async def receive(self) -> StreamMessage:
        """See `Connection`."""
        if self._down is not None:
            raise self._down
        message = await self._messages.get()
        if isinstance(message, StreamDown):
            self._down = message
            raise message
        return message

    async def close(self) -> None:
        """See `Connection`."""
        self.wanted = False
        self._messages.put_nowait(StreamDown("closed here"))
        if self._socket is not None:
            threading.Thread(target=self._socket.finish, name="bybit-stream-exit", daemon=True).start()


class PybitStreams:
    """Connections to one place with one key."""

    def __init__(self, place: Place, credentials: Credentials | None) -> None:
        """Connect nothing yet."""
        logging.getLogger("websocket").setLevel(logging.CRITICAL)  # every end is told here, in our words
        self._place = place
        self._credentials = credentials

    async def connect(self, channel: Channel, topics: tuple[str, ...]) -> PybitConnection:
        """See `Streams`."""
        keys = {}
        if channel == "private":
            if self._credentials is None:
                raise StreamDown("the private stream needs a key, and there is none", fatal=True)
            keys = {"api_key": self._credentials.key, "api_secret": self._credentials.secret}
        loop = asyncio.get_running_loop()
        connection = PybitConnection(loop)
        opened: asyncio.Future[None] = loop.create_future()
        target = Target(place=self._place, channel=channel, topics=topics, keys=keys)

        def tell(error: StreamDown | None) -> None:
            if not opened.done():
                opened.set_exception(error) if error is not None else opened.set_result(None)

        def open_it() -> None:
            error = None
            try:
                connection.open(target)
            except StreamDown as down:
                error = down
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, error)

        threading.Thread(target=open_it, name=f"bybit-{channel}", daemon=True).start()
        try:
            await opened
        except BaseException:
            await connection.close()
            raise
        return connection


def _nothing(_message: object) -> None:
    """Be the callback that pybit wants; messages are taken before it is asked."""
