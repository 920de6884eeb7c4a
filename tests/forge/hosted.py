"""A small GitHub over real HTTP: what the local forge has none of. Repository settings, rulesets, environments, git.

It keeps what it is sent, refuses what a plan lacks with GitHub's status codes, and judges nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autarch.repo.runner import SAFE_ENVIRONMENT

from .answering import Answering, answering

TOKEN = "ghp_human"
LATER = "2026-01-01T00:00:00Z"


@dataclass
class Hosted:
    """One repository of one plan. `missing` maps a path's pattern to (status, message) the plan answers."""

    name: str = "me/strategies"
    private: bool = True
    owner: str = "User"
    bare: Path | None = None
    missing: dict[str, tuple[int, str]] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    labels: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    actions: dict[str, Any] = field(default_factory=lambda: {"default_workflow_permissions": "write"})
    settings: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""

    @property
    def writes(self) -> list[tuple[str, str, Any]]:
        return [call for call in self.sent if call[0] != "GET"]

    # -- the routes ---------------------------------------------------------------------------

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.sent.append((method, path, body))
        for pattern, (status, message) in self.missing.items():
            if re.fullmatch(pattern, f"{method} {path}"):
                return status, {"message": message}
        if path == "/user":
            return 200, {"login": "me"}
        if match := re.fullmatch(r"/users/(.+)", path):
            return 200, {"login": match[1], "id": 4242}
        root = f"/repos/{self.name}"
        if not path.startswith(root):
            return 404, {"message": "Not Found"}
        rest = path.removeprefix(root)
        for pattern, handler in self.routes():
            if match := re.fullmatch(pattern, f"{method} {rest}"):
                return handler(body, *match.groups())
        return 404, {"message": "Not Found"}

    def routes(self) -> list[tuple[str, Any]]:
        return [
            ("GET ", lambda _: (200, self.about())),
            ("PATCH ", lambda body: (200, self.settings.update(body) or self.about())),
            ("GET /actions/permissions/workflow", lambda _: (200, self.actions)),
            ("PUT /actions/permissions/workflow", lambda body: (204, self.actions.update(body))),
            ("GET /labels", lambda _: (200, self.labels)),
            ("POST /labels", lambda body: (201, self.labels.append(body) or body)),
            ("GET /rulesets", lambda _: (200, [self.summary(each) for each in self.rulesets.values()])),
            ("POST /rulesets", self.add_ruleset),
            (r"GET /rulesets/(\d+)", lambda _, number: (200, self.rulesets[int(number)])),
            (r"PUT /rulesets/(\d+)", self.put_ruleset),
            (r"GET /environments/([a-z]+)", self.environment),
            (r"PUT /environments/([a-z]+)", self.put_environment),
            (r"GET /environments/([a-z]+)/deployment-branch-policies", self.branch_policies),
            (r"GET /environments/([a-z]+)/secrets", lambda _, name: (200, {"secrets": self.kept.get(name, [])})),
            (r"POST /environments/([a-z]+)/deployment-branch-policies", self.add_policy),
            (
                "GET /actions/secrets",
                lambda _: (200, {"total_count": 0, "secrets": [{"name": n} for n in self.secrets]}),
            ),
            ("GET /actions/runs", lambda _: (200, {"total_count": len(self.runs), "workflow_runs": self.runs})),
            (r"GET /actions/runs/(\d+)/jobs", lambda _, run: (200, {"jobs": self.jobs.get(int(run), [])})),
        ]

    def about(self) -> dict[str, Any]:
        owner = {"login": self.name.partition("/")[0], "id": 1, "type": self.owner}
        return {"full_name": self.name, "private": self.private, "default_branch": "main", "owner": owner, "id": 7}

    def add_ruleset(self, body: Any) -> tuple[int, Any]:
        number = len(self.rulesets) + 1
        self.rulesets[number] = {**body, "id": number, "source_type": "Repository", "source": self.name}
        return 201, self.rulesets[number]

    def put_ruleset(self, body: Any, number: str) -> tuple[int, Any]:
        self.rulesets[int(number)] |= body
        return 200, self.rulesets[int(number)]

    @staticmethod
    def summary(ruleset: dict[str, Any]) -> dict[str, Any]:
        return {key: ruleset[key] for key in ("id", "name", "target", "enforcement", "source_type", "source")}

    def environment(self, _body: Any, name: str) -> tuple[int, Any]:
        found = self.environments.get(name)
        return (404, {"message": "Not Found"}) if found is None else (200, found)

    def put_environment(self, body: Any, name: str) -> tuple[int, Any]:
        if body["reviewers"] and "reviewers" in self.lacking:
            return 422, {"message": self.lacking["reviewers"]}
        rules = [{"type": "branch_policy"}]
        if body["reviewers"]:
            rules.append({"type": "required_reviewers", "reviewers": body["reviewers"]})
        self.environments[name] = {
            "name": name,
            "protection_rules": rules,
            "deployment_branch_policy": body["deployment_branch_policy"],
        }
        return 200, self.environments[name]

    def branch_policies(self, _body: Any, name: str) -> tuple[int, Any]:
        return 200, {"branch_policies": self.policies.get(name, [])}

    def add_policy(self, body: Any, name: str) -> tuple[int, Any]:
        self.policies.setdefault(name, []).append(body)
        return 200, body

    # -- git ----------------------------------------------------------------------------------

    def git(self, method: str, path: str, query: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        assert self.bare is not None
        environment = {
            **SAFE_ENVIRONMENT,
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.bare.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": "/" + self.bare.name + path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": method,
            "REMOTE_USER": "me",
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        }
        answer = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=True)
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n"))
        return int(fields.pop("Status", "200").split()[0]), fields, content


class _Handler(Answering):
    hosted: Hosted

    def respond(self) -> None:
        body = self.body()
        path, _, query = self.path.partition("?")
        if ".git/" in path:
            status, headers, content = self.hosted.git(
                self.command, path[path.index(".git/") + 4 :], query, self.headers, body
            )
            self.send(status, headers, content)
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send(401, {}, b'{"message": "Bad credentials"}')
            return
        status, answer = self.hosted.answer(self.command, path, json.loads(body) if body else None)
        self.send(status, {"Content-Type": "application/json"}, b"" if status == 204 else json.dumps(answer).encode())


@contextlib.contextmanager
def serving_hosted(hosted: Hosted) -> Iterator[Hosted]:
    """Serve on loopback for as long as the context lasts."""
    with answering(_Handler, hosted=hosted) as url:
        hosted.url = url
        yield hosted
