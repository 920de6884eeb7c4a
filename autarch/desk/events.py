"""What changes while a page is open, as server-sent events: verdicts, the gate's last lines, accounts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from autarch.desk import journal
from autarch.desk.reading import account_name, accounts_in
from autarch.desk.room import Room
from autarch.errors import AutarchError

EVERY_S: Final = 2.0
STREAMS_MAX: Final = 20
HOURS_MAX: Final = 12
Look = Callable[[], dict[str, Any]]


class Streams:
    """Open streams, counted: each holds a connection."""

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        """Look every so many seconds."""
        self._every_s = every_s
        self._open = 0

    def stream(self, request: Request, look: Look) -> StreamingResponse:
        """Return the changes of what `look` sees, until the browser leaves; a stream too many ends at once."""
        return StreamingResponse(self._events(request, look), media_type="text/event-stream")

    async def _events(self, request: Request, look: Look) -> AsyncIterator[str]:
        if self._open >= STREAMS_MAX:
            yield "retry: 30000\n\n"
            return
        self._open += 1
        try:
            yield "retry: 3000\n\n"
            told = ""
            for _ in range(int(HOURS_MAX * 3_600 / max(self._every_s, 0.01))):
                seen = json.dumps(await run_in_threadpool(look), allow_nan=False, sort_keys=True)
                if seen != told:
                    told = seen
                    yield f"data: {seen}\n\n"
                else:
                    yield ": still here\n\n"  # a browser that has gone is noticed by writing to it
                await asyncio.sleep(self._every_s)
                if await request.is_disconnected():
                    return
        finally:
            self._open -= 1


def queue_look(room: Room) -> Look:
    """Return what sees the queue: each open pull request's word and sentence."""

    def look() -> dict[str, Any]:
        try:
            rows = room.forge.rows()
        except AutarchError as error:
            return {"problem": str(error)}
        return {"pulls": {str(row.pull.number): [row.verdict, row.pull.head_sha] for row in rows}}

    return look


def pull_look(room: Room, number: int) -> Look:
    """Return what sees one pull request: word, sentence, the gate's last lines."""

    def look() -> dict[str, Any]:
        try:
            found = next((row for row in room.forge.rows() if row.pull.number == number), None)
        except AutarchError as error:
            return {"problem": str(error)}
        if found is None:
            return {"verdict": "closed", "sentence": "", "log": ""}
        sentence = found.pull.gate.sentence if found.pull.gate is not None else ""
        log = room.forge.log_tail(found.pull) if found.verdict == "running" else ""
        return {"verdict": found.verdict, "sentence": sentence, "log": log, "head": found.pull.head_sha}

    return look


def account_look(room: Room, request: Request) -> Look:
    """Return what sees one account: state, positions, equity; and how many fills, so that a page knows of new ones."""
    name = account_name(request)

    def look() -> dict[str, Any]:
        stands = next((one for one in accounts_in(room.live.newest()) if one.get("account") == name), {})
        keys = ("state", "reason", "tag", "next_tag", "positions", "account_equity", "day_change", "running", "latch")
        seen = {key: stands.get(key) for key in keys}
        try:
            past = journal.history(room.host_folder / "journal" / f"{name}.sqlite3")
        except AutarchError as error:
            return {**seen, "problem": str(error)}
        newest = past.fills[0].exec_id if past.fills else ""
        return {**seen, "newest_fill": newest, "point": list(past.equity[-1]) if past.equity else None}

    return look
