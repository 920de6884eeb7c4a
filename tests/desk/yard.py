"""A forge that is a few objects, and a desk with a browser that has come in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from starlette.testclient import TestClient

from autarch.desk.forge_view import Detail, Numbers, Row
from autarch.desk.room import Room
from autarch.errors import RefusedError
from autarch.forge.answers import ForgeRefusedError
from autarch.forge.wire import CombinedStatus, GateSummary, Pull
from autarch.forge.wire_more import Enqueued
from autarch.repo.git import GitRepo

HOST = "127.0.0.1:8411"
HEAD = "a" * 40


def a_pull(number=1, gate="accepted", **changed):
    summary = GateSummary(state=gate, head=HEAD, base="b" * 40, sentence="all 11 checks")
    fields = {
        "number": number, "title": f"Tune {number}", "body": "", "state": "open", "merged": False, "author": "tuner",
        "head_ref": f"agent/tuner/x-{number}", "head_sha": HEAD, "base_ref": "main", "base_sha": "b" * 40,
        "labels": (), "url": "", "gate": summary, "mergeable": True,
    }  # fmt: skip
    return Pull(**{**fields, **changed})


@dataclass
class FakeForge:
    """What `ForgeView` is to the pages: pull requests by number, and what was done to them."""

    pulls: dict = field(default_factory=lambda: {1: a_pull()})
    done: list = field(default_factory=list)
    refusal: str = ""
    diff: str = ""
    problem: Exception | None = None
    folder: object = None
    place: object = None
    rules: tuple = ()
    meanwhile: list = field(default_factory=list)
    now: list = field(default_factory=lambda: [0.0])

    def rows(self):
        if self.problem is not None:
            raise self.problem
        numbers = Numbers(sharpe=1.25, book=0.5)
        return tuple(Row(pull=p, verdict=p.gate.state, since_s=1_000, numbers=numbers) for p in self.pulls.values())

    def detail(self, number):
        if self.problem is not None:
            raise self.problem
        if number not in self.pulls:
            raise RefusedError(f"there is no pull request {number}")
        pull = self.pulls[number]
        status = CombinedStatus(state="success", statuses=())
        verdict = "merged" if pull.merged else pull.gate.state
        return Detail(pull=pull, verdict=verdict, status=status, files=(), reviews=(), comments=(), diff=self.diff)

    def do(self, deed):
        return deed(self)

    def pull(self, number):
        return self.pulls[number]

    def branch_rules(self, _branch):
        return self.rules

    def wait(self, seconds):
        self.now[0] += seconds
        if self.meanwhile:
            self.pulls[1] = self.meanwhile.pop(0)

    def merge_pull(self, number, *, sha):
        if self.refusal:
            raise ForgeRefusedError(409, self.refusal)
        self.done.append(("merge", number, sha))
        return "d" * 40

    def enqueue_pull(self, number, *, sha):
        self.done.append(("enqueue", number, sha))
        return Enqueued(status="enqueued", uuid="", message="In the merge queue")

    def review(self, number, *, event, commit):
        self.done.append((event, number, commit))

    def close_pull(self, number):
        self.done.append(("close", number))

    def add_comment(self, number, body):
        self.done.append(("comment", number, body))

    def repo(self):
        return GitRepo(self.place)

    def report_file(self, _pull):
        return self.folder

    def log_tail(self, _pull):
        return "judging"

    def main(self):
        return None


class FakeLive:
    """What `LiveFeed` is to the pages."""

    def __init__(self):
        self.found = {"problem": "nothing was traded yet"}

    def newest(self):
        return self.found


@dataclass
class Desk:
    """One desk with a browser that has come in."""

    room: Room
    browser: TestClient
    forge: FakeForge
    told: list
    ran: list
    now: list

    def csrf(self, path="/pulls/1"):
        return re.search(r'name="csrf" value="([^"]+)"', self.browser.get(path).text)[1]

    def post(self, path, *, headers=None, **fields):
        own = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin", **(headers or {})}
        return self.browser.post(path, data=fields, headers=own, follow_redirects=False)

    @property
    def code(self):
        return re.search(r"code (\d{6})", self.told[-1])[1]
