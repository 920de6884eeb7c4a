"""Answers the pre-receive hook from inside the running forge, where who pushes is known.

Each push gets a ticket that is good once. The hook sends it with the moves over a private socket;
role and login come from memory, never from a variable that a pusher could set.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from autarch.forge.hook import QUARANTINE, SOCKET, TICKET
from autarch.forge.rules import Move, Rulebook, judge_all
from autarch.forge.wire import Account
from autarch.repo.git import GitRepo

MOVES_MAX = 500
"""References one push may move."""

QUESTION_BYTES_MAX = 1_000_000
QUESTION_S_MAX = 30.0
REST_READS_MAX = 64  # of as many bytes each: what a hook may say beyond its question and still hear why not
WAITING_MAX = 128
"""Hooks that may wait to be heard; beyond them connecting fails at once, since a hook's socket has a timeout."""

_log = logging.getLogger(__name__)


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the hook sends: its ticket, git's lines `old new ref`, and where the pushed objects are."""

    ticket: str
    lines: str
    quarantine: dict[str, str]


class Gatekeeper:
    """A socket, its thread, and the tickets of the pushes that are running; a context manager."""

    def __init__(self, repo: Path, book: Callable[[GitRepo, Account], Rulebook]) -> None:
        """Judge pushes to `repo` by the rules `book(repository in view, pusher)`."""
        self._repo = repo
        self._book = book
        self._tickets: dict[str, Account] = {}
        self._lock = threading.Lock()
        # A socket's address is at most 108 bytes, which a state directory's path may exceed.
        self._folder = Path(tempfile.mkdtemp(prefix="autarch-forge-"))
        self._server = _server(self._folder / "hook", self.answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="forge-gatekeeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def admit(self, account: Account) -> Iterator[dict[str, str]]:
        """Yield the variables with which one git process may ask on behalf of `account`."""
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            self._tickets[ticket] = account
        try:
            yield {SOCKET: str(self._folder / "hook"), TICKET: ticket}
        finally:
            with self._lock:
                self._tickets.pop(ticket, None)

    def answer(self, content: bytes) -> dict[str, object]:
        """Return what the hook is told about one question."""
        if len(content) >= QUESTION_BYTES_MAX:
            told = f"REFUSED {QUESTION_BYTES_MAX} bytes of references or more in one push: push in parts"
            return {"accepted": False, "told": told}
        try:
            question = msgspec.json.decode(content, type=Question, strict=True)
            moves = tuple(parse_move(line) for line in question.lines.splitlines())
        except (msgspec.DecodeError, ValueError) as error:
            return {"accepted": False, "told": f"REFUSED: the forge does not understand its hook: {error}"}
        with self._lock:
            account = self._tickets.pop(question.ticket, Account(login="nobody"))
        if len(moves) > MOVES_MAX:
            told = f"REFUSED {len(moves)} references in one push; at most {MOVES_MAX}: push in parts"
            return {"accepted": False, "told": told}
        variables = {name: value for name, value in question.quarantine.items() if name in QUARANTINE}
        refusals = judge_all(self._book(GitRepo(self._repo, quarantine=variables), account), moves)
        for refusal in refusals:
            _log.info("refused %s by %s: %s", refusal.ref, account.login, refusal.rule)
        return {"accepted": not refusals, "told": "\n".join(str(refusal) for refusal in refusals)}


def parse_move(line: str) -> Move:
    """Return the move in one line of a hook's input.

    Raises:
        ValueError: it is no such line.
    """
    old, new, ref = line.split(" ", 2)
    return Move(ref=ref, old=_known(old), new=_known(new))


def _known(oid: str) -> str | None:
    return None if set(oid) == {"0"} else oid


def _server(address: Path, answer: Callable[[bytes], dict[str, object]]) -> socketserver.ThreadingUnixStreamServer:
    class Handler(socketserver.StreamRequestHandler):
        timeout = QUESTION_S_MAX

        def handle(self) -> None:
            content = self.rfile.read(QUESTION_BYTES_MAX)
            # Closed with something unread, a line breaks at once, and the hook never reads why it was refused.
            for _ in range(REST_READS_MAX):
                if not self.rfile.read(QUESTION_BYTES_MAX):
                    break
            self.wfile.write(msgspec.json.encode(answer(content)))

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
        request_queue_size = WAITING_MAX

        def get_request(self) -> tuple[Any, Any]:
            try:
                return super().get_request()
            except OSError:  # which the base class keeps to itself
                _log.exception("a hook could not be heard")
                raise

        def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  as the base class names them
            _log.exception("a hook's question went unanswered")

    return Server(str(address), Handler)
