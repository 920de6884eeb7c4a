"""What a running executor may be asked over its control socket, and what it answers.

One JSON object a line: `{"command": "halt", "symbol": "BTCUSDT", "why": "..."}` and
`{"ok": true, "text": "...", "body": {...}}`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from autarch.errors import UsageError

LINE_BYTES_MAX = 4096
ANSWER_BYTES_MAX = 1 << 20
TEXT_LENGTH_MAX = 500


class Status(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="status", tag_field="command"):
    """Say how things stand: state, reason, tag, positions, equity, newest bar."""


class Look(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="look", tag_field="command"):
    """Read the venue now and say what it holds beside what we booked: the body is `live.stopping.seen.Seen`."""


class Stop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="stop", tag_field="command"):
    """End the run. `flatten`: close every position first; else they stay, with their stops on the exchange."""

    flatten: bool


class Halt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="halt", tag_field="command"):
    """Send nothing more for `symbol`, or for the whole account when empty, until a human resumes it."""

    symbol: str = ""
    why: str = "asked on the control socket"


class Resume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="resume", tag_field="command"):
    """Carry out now the release that lies in the latch file; without one there, nothing is released."""


Command = Status | Look | Stop | Halt | Resume


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a command. `text` is a sentence for a human, `body` facts for a machine."""

    ok: bool
    text: str
    body: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command in the executor's inbox; `reply.set_result(Answer(...))` answers it. `who` asked, such as uid 1000."""

    command: Command
    who: str
    reply: asyncio.Future[Answer]

    def answer(self, answer: Answer) -> None:
        """Answer, unless whoever asked has gone."""
        if not self.reply.done():
            self.reply.set_result(answer)


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ok: bool
    text: str
    body: dict[str, object] = {}


def command_bytes(command: Command) -> bytes:
    """Return `command` as its line."""
    return msgspec.json.encode(command) + b"\n"


def parse_command(line: bytes) -> Command:
    """Return the command in a line.

    Raises:
        UsageError: it is none; the text says what was expected.
    """
    try:
        found: Command = msgspec.json.decode(line, type=Command, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"no command: {error}; expected one JSON object a line with command status, look, stop, halt or resume"
        ) from error
    if isinstance(found, Halt) and len(found.why) > TEXT_LENGTH_MAX:
        raise UsageError(f"the reason has {len(found.why)} characters; at most {TEXT_LENGTH_MAX}")
    return found


def answer_bytes(answer: Answer) -> bytes:
    """Return `answer` as its line."""
    return msgspec.json.encode(_Answer(ok=answer.ok, text=answer.text, body=dict(answer.body))) + b"\n"


def parse_answer(line: bytes) -> Answer:
    """Return the answer in a line.

    Raises:
        UsageError: it is none: what listens there is no executor of this version.
    """
    try:
        found = msgspec.json.decode(line, type=_Answer, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the executor's answer is none we know ({error}); upgrade both to one version") from error
    return Answer(ok=found.ok, text=found.text, body=found.body)
