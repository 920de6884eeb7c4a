"""One conversation with a forge's REST API: authentication, patience, pages, moved repositories.

Decides on status codes and headers. What may be repeated is: reads always, writes only where the
forge says that it did nothing (a rate limit) or never heard of it (no connection).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypedDict, Unpack
from urllib.parse import urljoin, urlsplit

import httpx

from autarch.errors import UndecidedError, UsageError
from autarch.forge import wire
from autarch.forge.answers import ForgeRefusedError, RateLimitedError, checked, date_of, decoded, is_limited, wait_s
from autarch.forge.credentials import Credential, wall_s

TIMEOUT_S = 30.0  # a merge on the local forge checks every signature before it answers
ATTEMPTS_MAX = 4
PATIENCE_S = 120.0
"""How long one request waits in all for a limit to pass, unless the caller has more time."""

PAGES_MAX = 100
PER_PAGE = 100
HOPS_MAX = 3
REMEMBERED_MAX = 256
REMEMBERED_BYTES_MAX = 1024 * 1024
_MOVED = frozenset({301, 302, 307, 308})


class Seams(TypedDict, total=False):
    """What a conversation depends on beside the forge.

    `transport` is another way to deliver requests, for tests; `sleep` waits, seconds; `clock` is now, epoch
    seconds, used where an answer carries no date; `patience_s` the longest wait of one request for limits, in all.
    """

    transport: httpx.BaseTransport | None
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    patience_s: float


class Transport:
    """Sends requests about one repository of one forge; a context manager."""

    def __init__(self, base_url: str, repository: str, credential: Credential, **seams: Unpack[Seams]) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: Root of the REST API, such as `http://127.0.0.1:4711`, `https://api.github.com` or
                `https://github.example.com/api/v3`.
            repository: `owner/name`.
            credential: Who speaks; sent in a header only.
            seams: What else it depends on.

        Raises:
            UsageError: `repository` or `base_url` has another shape.
        """
        owner, _, name = repository.partition("/")
        parts = urlsplit(base_url)
        if not owner or not name or "/" in name:
            raise UsageError(f"found repository {repository!r}; expected owner/name")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise UsageError("expected a forge URL like http://127.0.0.1:4711, without credentials in it")
        self.base_url = base_url.rstrip("/")
        self.repository = repository
        self.calls = 0
        self.served_at_s: float | None = None
        self._credential = credential
        self._sleep = seams.get("sleep", time.sleep)
        self._clock = seams.get("clock", wall_s)
        self._patience_s = seams.get("patience_s", PATIENCE_S)
        self._remembered: dict[str, httpx.Response] = {}
        self._elsewhere = seams.get("transport")
        self._http = httpx.Client(
            base_url=self.base_url,
            headers={"User-Agent": "autarch", "X-GitHub-Api-Version": wire.API_VERSION},
            timeout=TIMEOUT_S,
            transport=self._elsewhere,
            trust_env=False,  # a proxy variable must not see a token meant for the loopback
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def token(self) -> str:
        """Return the secret to send now; for git, which speaks for itself."""
        return self._credential.token(self._ask)

    def login(self) -> str | None:
        """Return whom the credential says it speaks for."""
        return self._credential.login(self._ask)

    def permissions(self) -> dict[str, str] | None:
        """Return what the credential may do, where it can be known without trying."""
        return self._credential.permissions(self._ask)

    # -- what is sent ---------------------------------------------------------------------------

    def json(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the decoded answer, None for an empty one."""
        answer = self.send(method, path, body)
        return decoded(answer) if answer.content else None

    def pages(self, path: str, query: Mapping[str, str] | None = None, *, key: str | None = None) -> Iterator[Any]:
        """Yield the items of every page of a list; `key` where GitHub wraps it in an object.

        Raises:
            UndecidedError: more than `PAGES_MAX` pages, or a page at another forge.
        """
        parameters = httpx.QueryParams(dict(query or {}) | {"per_page": str(PER_PAGE)})
        url = f"{path}?{parameters}"
        for _ in range(PAGES_MAX):
            answer = self.send("GET", url)
            found = decoded(answer)
            yield from found if key is None else found[key]
            following = answer.links.get("next", {}).get("url")
            if following is None:
                return
            self._same_forge(following, "the next page")
            url = following
        raise UndecidedError(f"{path} has more than {PAGES_MAX} pages; expected fewer. Narrow the question")

    def send(self, method: str, url: str, body: object = None, *, accept: str = wire.ACCEPT_JSON) -> httpx.Response:
        """Send one request until it is answered for good, and return the answer.

        Raises:
            ForgeRefusedError: the forge said no, or the repository has moved and this was no read.
            RateLimitedError: a limit outlasts our patience.
            UndecidedError: no answer, or none a forge gives.
        """
        answer = self._answered(method, url, body, accept)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._credential.renew():
            answer = self._answered(method, url, body, accept)
        for _ in range(HOPS_MAX):
            if answer.status_code not in _MOVED:
                return checked(answer)
            answer = self._answered(method, self._moved_to(method, answer), body, accept)
        raise UndecidedError(f"{method} {url} leads from one address to the next; expected an answer")

    def download(self, url: str, *, size_max: int, accept: str = wire.ACCEPT_JSON) -> bytes:
        """Return a file of at most `size_max` bytes; a store elsewhere is asked without our token.

        Raises:
            ForgeRefusedError: the forge said no.
            UndecidedError: larger than `size_max`, or it could not be fetched.
        """
        headers = {"Accept": accept, "Authorization": f"Bearer {self.token()}"}
        address = url if url.startswith("http") else f"{self.base_url}{url}"
        # Its own connection: what it ends in may be another host, which must not share ours.
        with httpx.Client(transport=self._elsewhere, trust_env=False, timeout=TIMEOUT_S) as http:
            for _ in range(HOPS_MAX):
                self.calls += 1
                with _streamed(http, address, headers) as answer:
                    if answer.status_code not in _MOVED:
                        return _read_capped(answer, size_max=size_max, what=url)
                    address = _store_address(address, answer)
                headers = {"Accept": accept} if not address.startswith(f"{self.base_url}/") else headers
        raise UndecidedError(f"{url} leads from one address to the next; expected a file")

    def upload(self, template: str, name: str, content: bytes, *, kind: str) -> Any:
        """Send a file to the address a release names, and return the decoded answer.

        Raises:
            ForgeRefusedError: the forge said no.
            UndecidedError: the address is at another host than the platform's own.
        """
        address = template.partition("{")[0]
        if not _is_platforms(address, self.base_url):
            raise UndecidedError(
                f"the release takes files at {address}, which is not {self.base_url}'s; nothing was sent"
            )
        headers = {"Accept": wire.ACCEPT_JSON, "Authorization": f"Bearer {self.token()}", "Content-Type": kind}
        try:
            self.calls += 1
            answer = self._http.post(address, params={"name": name}, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise UndecidedError(
                f"uploading {name} failed: {type(error).__name__}: {error}; read the release"
            ) from error
        return decoded(checked(answer))

    # -- inside ---------------------------------------------------------------------------------

    def _answered(self, method: str, url: str, body: object, accept: str) -> httpx.Response:
        waited = 0.0
        for attempt in range(1, ATTEMPTS_MAX + 1):
            answer = self._attempt(method, url, body, accept=accept, last=attempt == ATTEMPTS_MAX)
            wait = wait_s(method, answer, attempt=attempt, now_s=self._clock())
            if answer is not None and wait is None:
                return answer
            waited += wait or 0.0
            if answer is not None and is_limited(answer) and (waited > self._patience_s or attempt == ATTEMPTS_MAX):
                raise RateLimitedError(wait or 0.0, f"{method} {url}")
            if attempt < ATTEMPTS_MAX:
                self._sleep(wait or 0.0)
        raise UndecidedError(
            f"{self.base_url} answered {answer.status_code if answer is not None else 'nothing'} to {method} {url} "
            f"{ATTEMPTS_MAX} times; expected an answer. Try again later"
        )

    def _attempt(self, method: str, url: str, body: object, *, accept: str, last: bool) -> httpx.Response | None:
        headers = {"Accept": accept, "Authorization": f"Bearer {self.token()}"}
        return self._exchange(method, url, body, headers=headers, last=last)

    def _exchange(
        self, method: str, url: str, body: object, *, headers: dict[str, str], last: bool
    ) -> httpx.Response | None:
        known = self._remembered.get(url) if method == "GET" else None
        if known is not None:
            headers = headers | {"If-None-Match": known.headers["etag"]}
        try:
            self.calls += 1
            answer = self._http.request(method, url, json=body, headers=headers)
        except httpx.HTTPError as error:
            # A write whose answer was lost may have happened: only a connection that never opened is tried again.
            if isinstance(error, httpx.ConnectError) or method == "GET":
                if not last:
                    return None
                step = "start the forge (`autarch forge serve`) or correct its URL"
            else:
                step = "read the pull request's state before repeating it"
            raise UndecidedError(
                f"{method} {url} at {self.base_url} failed: {type(error).__name__}: {error}; next: {step}"
            ) from error
        self.served_at_s = date_of(answer) or self.served_at_s
        if answer.status_code == httpx.codes.NOT_MODIFIED and known is not None:
            return known
        self._remember(method, url, answer)
        return answer

    def _remember(self, method: str, url: str, answer: httpx.Response) -> None:
        if method != "GET" or answer.status_code != httpx.codes.OK or "etag" not in answer.headers:
            return
        if len(answer.content) <= REMEMBERED_BYTES_MAX:
            self._remembered.pop(url, None)
            self._remembered[url] = answer
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.pop(next(iter(self._remembered)))

    def _ask(self, method: str, path: str, bearer: str, body: Mapping[str, Any] | None) -> Any:
        """Send a request that authenticates itself: an App's, before it has a token."""
        headers = {"Accept": wire.ACCEPT_JSON, "Authorization": f"Bearer {bearer}"}
        answer = self._exchange(method, path, body, headers=headers, last=True)
        if answer is None:
            raise UndecidedError(f"{self.base_url} did not answer {method} {path}; try again later")
        return decoded(checked(answer))

    def _moved_to(self, method: str, answer: httpx.Response) -> str:
        if method == "GET":
            address = str(urljoin(f"{self.base_url}/", answer.headers.get("location", "")))
            self._same_forge(address, "the answer")
            return address
        name = decoded(self.send("GET", f"/repos/{self.repository}")).get("full_name", "unknown")
        raise ForgeRefusedError(
            httpx.codes.MOVED_PERMANENTLY, f"{self.repository} is called {name} now; nothing was written"
        )

    def _same_forge(self, url: str, what: str) -> None:
        if not url.startswith(f"{self.base_url}/"):
            raise UndecidedError(f"{what} is said to be at {url}; expected {self.base_url}. Nothing was sent")


@contextlib.contextmanager
def _streamed(http: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    try:
        with http.stream("GET", url, headers=headers) as answer:
            yield answer
    except httpx.HTTPError as error:
        raise UndecidedError(f"GET {url} failed: {type(error).__name__}: {error}; try again later") from error


def _store_address(asked: str, answer: httpx.Response) -> str:
    address = str(urljoin(asked, answer.headers.get("location", "")))
    if urlsplit(address).scheme != "https" and urlsplit(asked).scheme == "https":
        raise UndecidedError(f"{asked} leads to {address}, which is not https; nothing was fetched")
    return address


def _read_capped(answer: httpx.Response, *, size_max: int, what: str) -> bytes:
    if not answer.is_success:
        answer.read()
        checked(answer)
    content = bytearray()
    for chunk in answer.iter_bytes():
        content += chunk
        if len(content) > size_max:
            raise UndecidedError(f"{what} has more than {size_max} bytes; expected less. Nothing of it is used")
    return bytes(content)


def _is_platforms(address: str, base_url: str) -> bool:
    found, ours = urlsplit(address), urlsplit(base_url)
    if (found.scheme, found.netloc) == (ours.scheme, ours.netloc):
        return True
    return found.scheme == "https" and (ours.hostname, found.netloc) == ("api.github.com", "uploads.github.com")
