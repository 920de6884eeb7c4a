"""Who speaks: a token as it is, or a GitHub App that buys a token for an hour with its key.

An App signs a short JWT (RS256) with its private key and exchanges it for an installation token;
source: GitHub's documentation of App authentication. Neither key nor token appears in a repr.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from autarch.errors import ConfigError, UndecidedError

JWT_BACKDATE_S = 60  # GitHub's advice against clocks that run ahead
JWT_LIFE_S = 540  # at most 600 are accepted
RENEW_BEFORE_S = 300.0
"""An installation token lives an hour; one with less than this left is replaced."""

Ask = Callable[[str, str, str, Mapping[str, Any] | None], Any]
"""Sends (method, path, bearer, body) and returns the decoded answer; raises as the client does."""


def wall_s() -> float:
    """Return now, epoch seconds."""
    return time.time_ns() / 1e9


class Credential(Protocol):
    """What a client authenticates with."""

    def token(self, ask: Ask) -> str:
        """Return the token to send now, buying one with `ask` where that is needed."""

    def renew(self) -> bool:
        """Forget a token that was refused; False: there is no other to be had."""

    def login(self, ask: Ask) -> str | None:
        """Return whom it speaks for, or None where only the forge can tell."""

    def permissions(self, ask: Ask) -> dict[str, str] | None:
        """Return what it may do, by GitHub's names (`contents` -> `write`), or None where nobody tells."""


class Token:
    """A token that is sent as it is: of the local forge, a personal one, or a workflow's own.

    `login` is given where the forge would not say: a workflow's token speaks for `github-actions[bot]`
    and may not ask.
    """

    def __init__(self, secret: str, *, login: str | None = None) -> None:
        self._secret = secret
        self._login = login

    def __repr__(self) -> str:
        return "Token(...)"

    def token(self, ask: Ask) -> str:  # noqa: ARG002  nothing needs to be asked
        """Return the token."""
        return self._secret

    def renew(self) -> bool:
        """Return False: somebody has to write another one."""
        return False

    def login(self, ask: Ask) -> str | None:  # noqa: ARG002  likewise
        """Return the login it was given with."""
        return self._login

    def permissions(self, ask: Ask) -> dict[str, str] | None:  # noqa: ARG002  likewise
        """Return None: a plain token does not tell."""
        return None


class AppInstallation:
    """A GitHub App installed on the repository; buys installation tokens for that repository alone."""

    def __init__(
        self,
        *,
        app_id: str,
        key_pem: bytes,
        repository: str,
        installation: int | None = None,
        clock: Callable[[], float] = wall_s,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            app_id: The App's id or client id.
            key_pem: Its RSA private key.
            repository: `owner/name` the token is bought for.
            installation: Its installation; None asks for the one on `repository`.
            clock: Now, epoch seconds.
        """
        self._app_id = app_id
        self._key = key_pem
        self._repository = repository
        self._installation = installation
        self._clock = clock
        self._held: tuple[str, float, dict[str, str]] | None = None
        self._login: str | None = None

    def __repr__(self) -> str:
        return f"AppInstallation(app_id={self._app_id!r}, repository={self._repository!r})"

    def token(self, ask: Ask) -> str:
        """Return an installation token with at least `RENEW_BEFORE_S` to live.

        Raises:
            ConfigError: the key is no RSA private key.
            UndecidedError: the forge answered no token.
        """
        return self._current(ask)[0]

    def renew(self) -> bool:
        """Forget the token held, if any."""
        had, self._held = self._held is not None, None
        return had

    def login(self, ask: Ask) -> str | None:
        """Return the App's login, `<slug>[bot]`."""
        if self._login is None:
            self._login = f"{ask('GET', '/app', self.jwt(), None)['slug']}[bot]"
        return self._login

    def permissions(self, ask: Ask) -> dict[str, str] | None:
        """Return the permissions of the installation token, as the forge told them when it was bought."""
        return self._current(ask)[2]

    def jwt(self) -> str:
        """Return a signed statement that this is the App, good for `JWT_LIFE_S`.

        Raises:
            ConfigError: the key is no RSA private key.
        """
        import jwt  # noqa: PLC0415  half of the import time of the client, and only Apps need it

        now = int(self._clock())
        claims = {"iat": now - JWT_BACKDATE_S, "exp": now + JWT_LIFE_S, "iss": self._app_id}
        try:
            return jwt.encode(claims, self._key.decode("ascii"), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise ConfigError(
                f"the key of App {self._app_id} is no RSA private key in PEM; download one from the App's settings"
            ) from error

    def _current(self, ask: Ask) -> tuple[str, float, dict[str, str]]:
        if self._held is None or self._held[1] - self._clock() < RENEW_BEFORE_S:
            self._held = self._bought(ask)
        return self._held

    def _bought(self, ask: Ask) -> tuple[str, float, dict[str, str]]:
        statement = self.jwt()
        if self._installation is None:
            self._installation = int(ask("GET", f"/repos/{self._repository}/installation", statement, None)["id"])
        body = {"repositories": [self._repository.partition("/")[2]]}
        raw = ask("POST", f"/app/installations/{self._installation}/access_tokens", statement, body)
        try:
            until = dt.datetime.fromisoformat(str(raw["expires_at"])).timestamp()
            granted = {str(name): str(level) for name, level in (raw.get("permissions") or {}).items()}
            return str(raw["token"]), until, granted
        except (KeyError, TypeError, ValueError) as error:
            raise UndecidedError(f"App {self._app_id} asked for a token and got none; try again later") from error
