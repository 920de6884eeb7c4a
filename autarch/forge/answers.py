"""What a forge's answer means: granted, refused, limited, or nothing to rely on. Pure but for the clock given."""

from __future__ import annotations

import contextlib
import email.utils
from typing import Any

import httpx

from autarch.errors import RefusedError, UndecidedError

SECONDARY_WAIT_S = 60.0  # GitHub's advice where a secondary limit names no time
_BUSY = frozenset({502, 503, 504})
_NEXT_STEPS = {
    301: "write the new name into [forge] repository of .autarch/config.toml",
    401: "the token is wrong, revoked or expired: write a new one into its role's file in .autarch/tokens",
    403: "use a token whose role may do this",
    404: "check the number, the name, and that the token may read this repository",
    405: "read the rule, cure it, and merge again",
    409: "read the pull request again and repeat with its present head",
    422: "correct the named field",
}


class ForgeRefusedError(RefusedError):
    """The forge said no. `status` is the HTTP status code to decide on.

    `needed` names the permission the token lacks, in GitHub's words (`contents=write`), where it was told.
    """

    def __init__(self, status: int, message: str, needed: str = "") -> None:
        super().__init__(status, message, needed)
        self.status = status
        self.message = message
        self.needed = needed

    def __str__(self) -> str:
        step = _NEXT_STEPS.get(self.status)
        if self.needed:
            step = f"give the token one of these permissions: {self.needed}"
        return f"the forge refused ({self.status}): {self.message}" + (f"; next: {step}" if step else "")


class RateLimitedError(UndecidedError):
    """The forge wants fewer requests. `wait_s` is how long it asked to be left alone, in seconds."""

    def __init__(self, wait_s: float, asked: str) -> None:
        super().__init__(wait_s, asked)
        self.wait_s = wait_s
        self.asked = asked

    def __str__(self) -> str:
        return (
            f"the forge's rate limit stopped {self.asked}; it asks for {self.wait_s:.0f} s of silence. "
            "Run the same command again after that: what is written already is found and kept"
        )


def is_limited(answer: httpx.Response) -> bool:
    """Return True when the forge did nothing because it was asked too much.

    A secondary limit may carry no header at all; only its link to the documentation tells it from a
    missing permission.
    """
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return True
    if answer.status_code != httpx.codes.FORBIDDEN:
        return False
    told = "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
    return told or b"rate-limit" in answer.content[:4096]


def wait_s(method: str, answer: httpx.Response | None, *, attempt: int, now_s: float) -> float | None:
    """Return how long to wait before the next attempt, or None when the answer stands.

    Args:
        method: Of the request.
        answer: What came, None for no connection.
        attempt: From 1.
        now_s: Epoch seconds, for an answer without a date.
    """
    backoff = 0.5 * 2.0 ** (attempt - 1)
    if answer is None:
        return backoff
    if is_limited(answer):
        return _limit_s(answer, attempt, now_s)
    if answer.status_code in _BUSY and method == "GET":
        told = _number(answer.headers.get("retry-after"))
        return backoff if told is None else told
    return None


def checked(answer: httpx.Response) -> httpx.Response:
    """Return a good answer.

    Raises:
        ForgeRefusedError: 4xx, and other refusals.
        UndecidedError: 5xx.
    """
    if answer.is_success:
        return answer
    message, method, path = _message(answer), answer.request.method, answer.request.url.path
    if answer.is_server_error:
        raise UndecidedError(f"the forge answered {answer.status_code} to {method} {path}: {message}; try again later")
    needed = ""
    if answer.status_code in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
        headers = answer.headers
        needed = headers.get("x-accepted-github-permissions") or headers.get("x-accepted-oauth-scopes") or ""
    raise ForgeRefusedError(answer.status_code, message, needed)


def decoded(answer: httpx.Response) -> Any:
    """Return the JSON of an answer.

    Raises:
        UndecidedError: it is none.
    """
    try:
        return answer.json()
    except ValueError as error:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise UndecidedError(f"{asked} did not answer in JSON; is this a forge's API?") from error


def _message(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        return "no reason was given"
    if not isinstance(body, dict):
        return "no reason was given"
    more = [e.get("message") or e.get("code") if isinstance(e, dict) else str(e) for e in body.get("errors") or ()]
    details = body.get("details")
    told = body.get("message") or (details.get("message") if isinstance(details, dict) else None)
    return "; ".join([str(told or "no reason was given"), *(str(each) for each in more if each)])


def _limit_s(answer: httpx.Response, attempt: int, now_s: float) -> float:
    told = _number(answer.headers.get("retry-after"))
    if told is not None:
        return told
    reset = _number(answer.headers.get("x-ratelimit-reset"))
    if reset is not None and answer.headers.get("x-ratelimit-remaining") == "0":
        told_s = date_of(answer)  # the forge's own clock: ours may be wrong by more than the wait
        return max(1.0, reset - (now_s if told_s is None else told_s) + 1.0)
    forbidden = answer.status_code == httpx.codes.FORBIDDEN
    return (SECONDARY_WAIT_S if forbidden else 0.5) * 2.0 ** (attempt - 1)


def date_of(answer: httpx.Response) -> float | None:
    """Return when the forge says it answered, epoch seconds to the second, or None."""
    with contextlib.suppress(ValueError, TypeError):
        return email.utils.parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    return None


def _number(written: str | None) -> float | None:
    try:
        return max(0.0, float(written)) if written else None
    except ValueError:
        return None
