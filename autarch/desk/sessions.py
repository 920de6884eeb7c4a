"""Who may use the desk: a session a browser, forms that only our pages send, codes that only the operator sees."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SESSIONS_MAX: Final = 20
CODE_S: Final = 120.0
TRIES_MAX: Final = 3
WAITING_MAX: Final = 20
CODE_DIGITS: Final = 6

Seconds = Callable[[], float]
Secret = Callable[[], str]
"""Makes something that nobody guesses."""


def new_secret() -> str:
    """Return 256 bits as text."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """Return the digits of a one-time code."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser that has come in with the key: the cookie's value, and what its forms carry."""

    id: str
    csrf: str


@dataclass(slots=True, kw_only=True)
class Sessions:
    """Sessions of one run of the desk; the oldest goes when there are too many.

    `key` is what the address on the operator's terminal carries.
    """

    key: str
    make: Secret = new_secret
    _open: dict[str, Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, key: str) -> Session | None:
        """Return a new session for whoever holds the key, None for anybody else."""
        if not hmac.compare_digest(key.encode(), self.key.encode()):
            return None
        session = Session(id=self.make(), csrf=self.make())
        with self._lock:
            while len(self._open) >= SESSIONS_MAX:
                self._open.pop(next(iter(self._open)))
            self._open[session.id] = session
        return session

    def of(self, cookie: str) -> Session | None:
        """Return the session of a cookie."""
        with self._lock:
            return self._open.get(cookie)


def is_own_form(session: Session, given: str) -> bool:
    """Return whether a form carries the session's own word."""
    return hmac.compare_digest(given.encode(), session.csrf.encode())


@dataclass(slots=True)
class _Waiting:
    code: str
    until: float
    tries: int = 0


@dataclass(slots=True, kw_only=True)
class Codes:
    """One-time codes, each for one deed: asked for on a page, read on the operator's terminal, typed into the page."""

    clock: Seconds
    tell: Callable[[str], None]
    make: Secret = new_code
    _waiting: dict[tuple[str, ...], _Waiting] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, deed: tuple[str, ...], words: str) -> None:
        """Make a code for `deed` and tell it on the terminal in `words`; an earlier one for it is void."""
        code = self.make()
        with self._lock:
            while len(self._waiting) >= WAITING_MAX:
                self._waiting.pop(next(iter(self._waiting)))
            self._waiting[deed] = _Waiting(code=code, until=self.clock() + CODE_S)
        self.tell(f"{words}: code {code}, valid for {CODE_S:.0f} s. Nobody asked? Then end the desk.")

    def take(self, deed: tuple[str, ...], given: str) -> bool:
        """Return whether `given` is the code for `deed`; right or wrong too often, the code is spent."""
        with self._lock:
            waiting = self._waiting.get(deed)
            if waiting is None or self.clock() > waiting.until:
                self._waiting.pop(deed, None)
                return False
            waiting.tries += 1
            is_right = hmac.compare_digest("".join(given.split()).encode(), waiting.code.encode())
            if is_right or waiting.tries >= TRIES_MAX:
                del self._waiting[deed]
            return is_right


@dataclass(slots=True, kw_only=True)
class Bucket:
    """So many requests at once, so many a second after that."""

    clock: Seconds
    burst: float
    per_s: float
    _left: float = field(init=False)
    _at: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Begin full."""
        self._left, self._at = self.burst, self.clock()

    def take(self) -> bool:
        """Return whether one more may pass now."""
        with self._lock:
            now = self.clock()
            self._left = min(self.burst, self._left + (now - self._at) * self.per_s)
            self._at = now
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True
