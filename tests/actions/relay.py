"""GitHub's calls about workflows, in front of a local forge, which has none: they are kept, the rest is passed on."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from ..forge.answering import Answering, answering  # noqa: TID252  folders of tests are no packages that could be named

RUNS = re.compile(r"/repos/[^/]+/[^/]+/actions/(?:workflows/[\w.]+/)?runs")
STARTS = re.compile(r"/repos/[^/]+/[^/]+/actions/(workflows/[\w.]+/dispatches|runs/\d+/rerun)")
HOP = frozenset({"connection", "content-length", "transfer-encoding", "host"})
"""Fields that are about one connection."""


@dataclass
class Relay:
    """`runs` are what the platform says its workflows did; `started` what it was asked to start, with the body.

    `calls` counts requests to the REST API, git's apart.
    """

    behind: str
    url: str = ""
    runs: list[dict[str, Any]] = field(default_factory=list)
    started: list[tuple[str, Any]] = field(default_factory=list)
    calls: int = 0


class _Handler(Answering):
    relay: Relay
    http: httpx.Client

    def respond(self) -> None:
        body = self.body()
        path = self.path.partition("?")[0]
        self.relay.calls += ".git/" not in path
        if self.command == "GET" and RUNS.fullmatch(path):
            told = {"total_count": len(self.relay.runs), "workflow_runs": self.relay.runs}
            self.send(200, {"Content-Type": "application/json"}, json.dumps(told).encode())
        elif self.command == "POST" and (match := STARTS.fullmatch(path)):
            self.relay.started.append((match[1], json.loads(body or b"null")))
            self.send(204, {}, b"")
        else:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            answer = self.http.request(self.command, f"{self.relay.behind}{self.path}", headers=headers, content=body)
            kept = {name: value for name, value in answer.headers.items() if name not in {*HOP, "content-encoding"}}
            self.send(answer.status_code, kept, answer.content)


@contextlib.contextmanager
def relaying(behind: str) -> Iterator[Relay]:
    """Answer on loopback in front of the forge at `behind` for as long as the context lasts."""
    relay = Relay(behind=behind)
    with httpx.Client(trust_env=False, timeout=120.0) as http, answering(_Handler, relay=relay, http=http) as url:
        relay.url = url
        yield relay
