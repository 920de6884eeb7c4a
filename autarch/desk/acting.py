"""What may be done from the desk: approve, merge and close as the configured human, say something, halt an account.

Approving and merging ask for a code that appears on the operator's terminal alone: whoever has only the browser
cannot do either. There is no way here to trade, judge, waive or tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from autarch.desk import reading
from autarch.desk.rendering import page
from autarch.desk.room import Room
from autarch.desk.sessions import Session, is_own_form
from autarch.errors import RefusedError, UndecidedError, UsageError
from autarch.forge.client import ForgeClient
from autarch.forge.merging import Patience, merge_when_ready

FORM_BYTES_MAX: Final = 80_000
SHA: Final = re.compile(r"[0-9a-f]{40}\Z")
WORDS: Final = {"merge": "merge", "approve": "approve"}
Form = Mapping[str, str]


class FormError(UsageError):
    """A form that is not one of ours, or that is too large."""


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        FormError: too large, of another type, or no text.
    """
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > FORM_BYTES_MAX:
            raise FormError(f"the form has more than {FORM_BYTES_MAX} bytes; say less")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise FormError("found another type of body; expected a form of the desk's own pages")
    try:
        return dict(parse_qsl(content.decode("utf-8"), keep_blank_values=True, max_num_fields=20))
    except (UnicodeDecodeError, ValueError) as error:
        raise FormError(f"the form cannot be read: {error}") from error


def need_own(form: Form, session: Session) -> None:
    """Refuse a form that does not carry the session's word.

    Raises:
        FormError: as said.
    """
    if not is_own_form(session, form.get("csrf", "")):
        raise FormError("this form is not of this session; load the page again and send it from there")


def ask(room: Room, request: Request, session: Session, form: Form) -> Response:
    """Ask for a code: the deed waits until it is typed in."""
    deed, number, sha = _deed(request), int(request.path_params["number"]), _sha(form)
    words = f"the desk asks to {deed} pull request {number} at {sha[:12]}"
    room.codes.ask((deed, str(number), sha), words)
    return reading.pull(room, request, session, asked={"deed": deed, "sha": sha, "problem": ""})


def confirm(room: Room, request: Request, session: Session, form: Form) -> Response:
    """Do what was asked for, once the code is right; otherwise say so."""
    deed, number, sha = _deed(request), int(request.path_params["number"]), _sha(form)
    if not room.codes.take((deed, str(number), sha), form.get("code", "")):
        problem = "that is not the code on the terminal, or it is spent; ask for another"
        return reading.pull(room, request, session, asked={"deed": deed, "sha": sha, "problem": problem})
    try:
        room.forge.do(_work(deed, number, sha, room.patience))
    except RefusedError as refused:
        return page("problem", session, title=f"Not done: {deed} {number}", message=str(refused), status=409)
    except UndecidedError as error:  # a queue may still merge it: neither done nor refused
        return page("problem", session, title=f"Not done yet: {deed} {number}", message=str(error), status=202)
    return RedirectResponse(f"/pulls/{number}", status_code=303)


def close(room: Room, request: Request, session: Session, _form: Form) -> Response:
    """Close a pull request; its branch and evidence stay, and it can be opened again."""
    number = int(request.path_params["number"])
    try:
        room.forge.do(lambda forge: forge.close_pull(number))
    except RefusedError as refused:
        return page("problem", session, title=f"Not closed: {number}", message=str(refused), status=409)
    return RedirectResponse(f"/pulls/{number}", status_code=303)


def comment(room: Room, request: Request, _session: Session, form: Form) -> Response:
    """Say something on a pull request."""
    number, body = int(request.path_params["number"]), form.get("body", "").strip()
    if not body:
        raise FormError("the comment is empty; say something")
    room.forge.do(lambda forge: forge.add_comment(number, body))
    return RedirectResponse(f"/pulls/{number}#talk", status_code=303)


def halt(room: Room, request: Request, session: Session, form: Form) -> Response:
    """Set an account's halt latch once its name was typed; releasing it is the terminal's business."""
    name = reading.account_name(request)
    if form.get("name", "") != name:
        return reading.account(room, request, session, asked=True)
    found = room.commands.halt(name, f"from the desk: {form.get('why', '').strip()[:200] or 'no reason given'}")
    if "problem" in found:
        return page("problem", session, title=f"Not halted: {name}", message=str(found["problem"]), status=409)
    return RedirectResponse(f"/live/{name}", status_code=303)


def _work(deed: str, number: int, sha: str, patience: Patience) -> Callable[[ForgeClient], object]:
    if deed == "merge":
        return lambda forge: merge_when_ready(forge, number, sha=sha, patience=patience)
    return lambda forge: forge.review(number, event="APPROVE", commit=sha)


def _deed(request: Request) -> str:
    deed = WORDS.get(str(request.path_params["deed"]))
    if deed is None:
        raise UsageError("the desk merges and approves; nothing else takes a code")
    return deed


def _sha(form: Form) -> str:
    sha = form.get("sha", "")
    if not SHA.match(sha):
        raise FormError("the form names no head; load the page again")
    return sha
