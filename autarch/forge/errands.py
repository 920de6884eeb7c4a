"""Errands: what a human asks the forge's trusted side to do beside judging heads, one at a time.

Each is a command of main's own code, run as the gate is, with CI's key; the fields of a request choose it from a fixed
list and fill it in, nothing more. What was done is in the ledger; this memory only tells who waits that it is over.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from autarch.errors import AutarchError
from autarch.forge.desk import DeniedError, need_role
from autarch.forge.wire import Account, Role

ErrandState = Literal["running", "done", "refused", "failed"]
KEPT_MAX = 50
"""Errands whose answers are remembered."""

_ANSWERING = range(4)
"""Exit codes of a command that came to its end; another is a signal's or a shell's."""

_TARGET = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")
_log = logging.getLogger(__name__)


class ErrandBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request: which errand, of what (a pull request, a strategy or a data set), and the price that was confirmed."""

    errand: str
    target: str = ""
    test: int | None = None
    epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One request under way or over. `answer` is the command's JSON object, `sentence` why there is none."""

    number: int
    errand: str
    asked_by: str
    state: ErrandState = "running"
    answer: dict[str, Any] | None = None
    sentence: str = ""


class Errander(Protocol):
    """Runs a command of main's code on the trusted side."""

    def errand(self, arguments: Sequence[str], *, log: Path) -> tuple[int, bytes, bytes]:
        """Return exit code, standard output and standard error of `autarch <arguments>`."""

    def stop(self) -> None:
        """End what is running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    roles: tuple[Role, ...]
    what: str
    arguments: Callable[[ErrandBody, str], list[str]]


def _judge(body: ErrandBody, login: str) -> list[str]:
    confirmed = [] if body.test is None else ["--test", str(body.test)]
    return ["judge", _target(body), "--publish", "--asked-by", login, *confirmed, "--json"]


def _close(body: ErrandBody, login: str) -> list[str]:
    if body.epoch is None or body.epoch < 1:
        raise DeniedError(422, "epoch is missing; name the one to close by its number")
    return ["ledger", "close", _target(body), "--epoch", str(body.epoch), "--publish", "--asked-by", login, "--json"]


KINDS: dict[str, _Kind] = {
    "judge": _Kind(
        roles=("human",), what="asks for a judgement: it spends what all later tests lack", arguments=_judge
    ),
    "close": _Kind(roles=("human",), what="closes an epoch", arguments=_close),
    "forward": _Kind(
        roles=("human", "ci"),
        what="asks for forward scores",
        arguments=lambda _body, _login: ["forward", "--publish", "--json"],
    ),
}


@dataclass(slots=True)
class Errands:
    """The forge's errands; a thread each, never two at once."""

    runner: Errander
    logs: Path
    _kept: dict[int, Errand] = field(default_factory=dict)
    _busy: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, account: Account, body: ErrandBody) -> Errand:
        """Start an errand and return it.

        Raises:
            DeniedError: 403 the role, 409 another one is under way, 422 a field.
        """
        kind = KINDS.get(body.errand)
        if kind is None:
            raise DeniedError(422, f"errand is {body.errand!r}; expected one of {', '.join(KINDS)}")
        need_role(account, kind.roles, kind.what)
        arguments = kind.arguments(body, account.login)
        if not self._busy.acquire(blocking=False):
            raise DeniedError(409, "another errand is under way; wait until it is over, then look at the price again")
        errand = Errand(number=max(self._kept, default=0) + 1, errand=body.errand, asked_by=account.login)
        self._keep(errand)
        thread = threading.Thread(target=self._run, args=(errand, arguments), name="forge-errand", daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return errand

    def of(self, number: int) -> Errand:
        """Return one errand.

        Raises:
            DeniedError: 404.
        """
        found = self._kept.get(number)
        if found is None:
            raise DeniedError(404, f"no errand {number} is remembered here; what it did is in the ledger")
        return found

    def stop(self, *, wait_s: float) -> None:
        """End what is running and wait for it."""
        self.runner.stop()
        for thread in self._threads:
            thread.join(wait_s)

    def _run(self, errand: Errand, arguments: list[str]) -> None:
        try:
            log = self.logs / f"errand-{errand.number}-{errand.errand}.log"
            code, answered, told = self.runner.errand(arguments, log=log)
            over = _over(errand, code, answered, told)
        except Exception as error:  # noqa: BLE001  whatever went wrong, whoever asked must not wait for ever
            if not isinstance(error, AutarchError):
                _log.warning("errand %d broke", errand.number, exc_info=error)
            over = replace(errand, state="failed", sentence=str(error) or type(error).__name__)
        finally:
            self._busy.release()
        if over.state != "done":
            _log.info("errand %d (%s) %s: %s", over.number, over.errand, over.state, over.sentence)
        self._keep(over)

    def _keep(self, errand: Errand) -> None:
        self._kept[errand.number] = errand
        for number in sorted(self._kept)[:-KEPT_MAX]:
            del self._kept[number]


def errand_json(errand: Errand) -> dict[str, Any]:
    """Return an errand as an answer holds it."""
    found: dict[str, Any] = msgspec.to_builtins(errand)
    return found


def _target(body: ErrandBody) -> str:
    if not _TARGET.match(body.target):
        raise DeniedError(422, f"target is {body.target[:40]!r}; name a pull request, a strategy or a data set")
    return body.target


def _over(errand: Errand, code: int, answered: bytes, told: bytes) -> Errand:
    """Return what became of it: an answer is one even where it is no good news and the code is not 0."""
    try:
        answer = msgspec.json.decode(answered, type=dict[str, Any]) if code in _ANSWERING else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = None
    if answer is not None:
        return replace(errand, state="done", answer=answer)
    if code == 0:
        return replace(errand, state="failed", sentence="it answered nothing that can be read")
    lines = [line.strip() for line in told[-8192:].decode("utf-8", "replace").splitlines() if line.strip()]
    sentence = lines[-1].removeprefix("autarch: ") if lines else f"it ended with exit code {code}"
    return replace(errand, state="refused" if code in {1, 2} else "failed", sentence=sentence)
