"""What every group of calls is built on: one conversation about one repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autarch.forge.transport import Transport


class Endpoints:
    """A group of calls. Paths are below `/repos/{owner}/{name}`."""

    def __init__(self, transport: Transport) -> None:
        """Speak through `transport`."""
        self._transport = transport

    def _root(self, path: str) -> str:
        return f"/repos/{self._transport.repository}{path}"

    def _json(self, method: str, path: str, body: object = None) -> Any:
        return self._transport.json(method, self._root(path), body)

    def _pages(self, path: str, query: dict[str, str] | None = None, *, key: str | None = None) -> Iterator[Any]:
        return self._transport.pages(self._root(path), query, key=key)
