"""Run a forge: listen, tell where, judge in the background, and end everything that was started."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import uvicorn

from autarch.canonical import EpochMs
from autarch.errors import ConfigError, UsageError
from autarch.forge.create import install_hook
from autarch.forge.errands import Errander, Errands
from autarch.forge.gatekeeper import Gatekeeper
from autarch.forge.office import Office, open_office
from autarch.forge.runner import Gate, Runner
from autarch.forge.server import build_app
from autarch.forge.state import ForgeState, write_private

LOOPBACK = "127.0.0.1"
GRACE_S = 5
START_S = 20.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to listen. `port` 0 takes a free one; `policy_path` outranks the stored one while this runs."""

    host: str = LOOPBACK
    port: int = 0
    policy_path: str | None = None


MakeGate = Callable[[Office], Gate]
"""Makes the gate of an opened forge; None in its place serves without judging."""

MakeErrander = Callable[[Office], Errander]
"""Makes what runs errands of an opened forge; None in its place serves without them."""


def wall_clock() -> EpochMs:
    """Return now in milliseconds since the epoch."""
    return EpochMs(time.time_ns() // 1_000_000)


def serve(
    state: ForgeState,
    options: ServeOptions,
    *,
    make_gate: MakeGate | None,
    told: Callable[[str], None],
    make_errander: MakeErrander | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `told` hears the URL once requests are answered.

    Raises:
        ConfigError: no forge lives there, another one is serving it, or the address is taken.
    """
    with _listening(state, options, make_gate, make_errander) as running:

        def end(_signal: int, _frame: FrameType | None) -> None:
            running.server.should_exit = True

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        told(running.office.url)
        running.server.run(sockets=[running.socket])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningForge:
    """A forge that answers from another thread of this process."""

    office: Office
    runner: Runner | None

    @property
    def url(self) -> str:
        """Root of its API."""
        return self.office.url


@contextlib.contextmanager
def serving(
    state: ForgeState,
    options: ServeOptions | None = None,
    *,
    make_gate: MakeGate | None = None,
    make_errander: MakeErrander | None = None,
) -> Iterator[RunningForge]:
    """Serve from a thread for as long as the context lasts.

    Raises:
        ConfigError: as `serve`.
    """
    with _listening(state, options or ServeOptions(), make_gate, make_errander) as running:
        arguments = {"sockets": [running.socket]}
        thread = threading.Thread(target=running.server.run, kwargs=arguments, name="forge", daemon=True)
        thread.start()
        try:
            _await_start(running.server, thread)
            yield RunningForge(office=running.office, runner=running.runner)
        finally:
            running.server.should_exit = True
            thread.join(START_S)


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it: uvicorn would raise them again after it has ended."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listening:
    office: Office
    runner: Runner | None
    server: _Server
    socket: socket.socket


@contextlib.contextmanager
def _listening(
    state: ForgeState, options: ServeOptions, make_gate: MakeGate | None, make_errander: MakeErrander | None
) -> Iterator[_Listening]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_only_one(state))
        listener = stack.enter_context(_bound(options))
        url = f"http://{options.host}:{listener.getsockname()[1]}"
        office = open_office(state, url=url, clock=wall_clock, policy_path=options.policy_path)
        install_hook(state)
        office.repo.run("-c", "gc.autoDetach=false", "gc", "--auto", "--quiet", check=False)
        runner = None if make_gate is None else Runner(office.talk, make_gate(office), logs=state.logs)
        office.desk.notice()
        if runner is not None:
            runner.start()
            stack.callback(runner.stop)
        errands = None if make_errander is None else Errands(make_errander(office), logs=state.logs)
        if errands is not None:
            stack.callback(errands.stop, wait_s=START_S)
        desk = office.desk
        gatekeeper = Gatekeeper(state.repo, lambda repo, pusher: desk.book(pusher, repo))
        stack.enter_context(gatekeeper)
        config = uvicorn.Config(
            build_app(office, gatekeeper, errands),
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        write_private(state.url_file, f"{url}\n".encode())
        stack.callback(state.url_file.unlink, missing_ok=True)
        yield _Listening(office=office, runner=runner, server=_Server(config), socket=listener)


@contextlib.contextmanager
def _only_one(state: ForgeState) -> Iterator[None]:
    """Hold the state directory: two forges would keep two memories of one repository."""
    state.settings()
    with (state.root / "lock").open("wb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another forge serves {state.root} already; its URL is in {state.url_file}") from error
        yield


@contextlib.contextmanager
def _bound(options: ServeOptions) -> Iterator[socket.socket]:
    if options.host not in {LOOPBACK, "localhost"}:
        _log.warning("listening on %s: tokens travel unencrypted; put a TLS proxy in front", options.host)
    if ":" in options.host:
        raise UsageError(f"found host {options.host}; expected an IPv4 address or a name")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((options.host, options.port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {options.host}:{options.port}: {error}; choose another --port"
            ) from error
        yield listener


def _await_start(server: _Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ConfigError("the forge did not start; read its log")
        time.sleep(0.01)
