"""A merge on a platform that takes its time: it computes first, it has a queue, or it changes its mind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count

import httpx
import pytest

from autarch.errors import UndecidedError
from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.merging import Patience, merge_when_ready
from autarch.forge.wire import LOCAL_REPOSITORY

from .conftest import Keys, Yard, make_yard
from .conftest import ready as made_ready


@pytest.fixture(scope="module")
def yard(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("later"), project, keys) as made:
        yield made


QUEUE = [{"type": "merge_queue", "parameters": {}}]


@pytest.fixture(scope="module")
def open_one(yard: Yard) -> tuple[str, int]:
    """A pull request that nobody merges."""
    return ready(yard)


NUMBERS = count()
REFUSED_405 = {"message": "Pull Request is not mergeable"}


def ready(yard: Yard) -> tuple[str, int]:
    return made_ready(yard, f"trend_{next(NUMBERS)}")


class Slow(httpx.BaseTransport):
    """The local forge as a slow platform: says `mergeable: null` for a while, and may have a queue before main.

    `queue` answers one request about the queue after the other; an item may be a deed to do before.
    """

    def __init__(self, yard: Yard, *, computing: int = 0, queue: tuple[object, ...] = ()) -> None:
        self.yard = yard
        self.computing = computing
        self.queue = list(queue)
        self.behind = httpx.HTTPTransport()
        self.asked: list[tuple[str, str, object]] = []
        self.now = 0.0
        self.waited: list[float] = []
        self.after: list[Callable[[], object]] = []
        self.told: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, content = request.url.path.removeprefix(f"/repos/{LOCAL_REPOSITORY}"), request.read()
        self.asked.append((request.method, path, json.loads(content) if content else None))
        if path == "/rules/branches/main" and self.queue:
            return httpx.Response(200, json=QUEUE, request=request)
        if "/merge-async" in path:
            status, body = self.queue.pop(0)
            return httpx.Response(status, json=body, request=request)
        request.headers.pop("if-none-match", None)  # what is made up here has no tag
        if path.endswith("/merge") and self.computing:
            return httpx.Response(405, json=REFUSED_405, request=request)
        answer = self.behind.handle_request(request)
        answer.read()
        if request.method != "GET" or not path.startswith("/pulls/") or not self.computing:
            return answer
        self.computing -= 1
        raw = answer.json() | {"mergeable": None, "mergeable_state": "unknown"}
        return httpx.Response(200, json=raw, request=request)

    def close(self) -> None:
        self.behind.close()

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds
        if self.after:
            self.after.pop(0)()

    def merge(self, number: int, sha: str, *, seconds: float = 60.0) -> str:
        patience = Patience(seconds=seconds, clock=lambda: self.now, sleep=self.sleep, told=self.told.append)
        with ForgeClient(self.yard.url, LOCAL_REPOSITORY, self.yard.tokens["human"], transport=self) as forge:
            return merge_when_ready(forge, number, sha=sha, patience=patience)

    @property
    def puts(self) -> list[tuple[str, object]]:
        return [(path.rpartition("/")[2], body) for method, path, body in self.asked if method == "PUT"]


def pending(uuid: str = "u-1") -> tuple[int, dict[str, object]]:
    return 202, {"status": "pending", "details": {"message": "Pending", "uuid": uuid, "expected_head_sha": "x"}}


ENQUEUED = (200, {"status": "enqueued", "details": {"message": "In the merge queue"}})


def test_a_merge_that_is_being_computed_is_waited_for_and_then_asked_once(yard: Yard) -> None:
    head, number = ready(yard)
    slow = Slow(yard, computing=3)

    commit = slow.merge(number, head)

    assert yard.main == commit
    assert slow.waited == [0.5, 1.0, 2.0]
    assert slow.puts == [("merge", {"sha": head, "merge_method": "merge"})]
    assert len(slow.told) == 1  # said once, whatever it takes


def test_a_forge_that_never_computes_is_given_up_and_nothing_was_asked(yard: Yard, open_one) -> None:
    head, number = open_one
    slow = Slow(yard, computing=10_000)

    with pytest.raises(UndecidedError, match=r"computing whether it can be merged for 60 s; nothing was asked"):
        slow.merge(number, head)

    assert sum(slow.waited) == 60.0
    assert slow.puts == []


def test_a_refusal_of_a_forge_that_computes_anew_is_no_last_word_and_any_other_is(yard: Yard) -> None:
    head, number = ready(yard)
    unjudged = yard.propose(yard.strategy("unjudged"), branch="agent/tuner/unjudged-1")

    class Moving(Slow):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "PUT" and not self.puts:
                self.computing = 2
            return super().handle_request(request)

    slow = Moving(yard)
    commit = slow.merge(number, head)
    with pytest.raises(ForgeRefusedError, match="missing") as refused:
        Slow(yard).merge(unjudged.number, unjudged.head_sha)

    assert yard.main == commit
    assert [what for what, _ in slow.puts] == ["merge", "merge"]
    assert refused.value.status == 405


def test_where_main_has_a_queue_it_is_put_there_and_waited_for(yard: Yard) -> None:
    head, number = ready(yard)
    slow = Slow(yard, queue=(pending(), pending(), ENQUEUED))
    human = yard.client("human")
    slow.after = [int, int, int, lambda: human.merge_pull(number, sha=head)]

    commit = slow.merge(number, head)

    assert yard.main == commit
    assert slow.puts == [("merge-async", {"sha": head, "merge_action": "merge_queue"})]
    assert [path for _, path, _ in slow.asked if "merge-async/" in path] == [f"/pulls/{number}/merge-async/u-1"] * 2
    assert [("on its way" in line, "judges it together" in line) for line in slow.told] == [
        (True, False),
        (False, True),
    ]


def test_a_queue_that_takes_longer_than_our_patience_may_still_merge_it(yard: Yard) -> None:
    head, number = ready(yard)
    slow = Slow(yard, queue=(ENQUEUED,))

    with pytest.raises(UndecidedError, match=r"in the merge queue.* for 20 s; it may still merge, or"):
        slow.merge(number, head, seconds=20.0)
    yard.client("human").merge_pull(number, sha=head)
    again = Slow(yard, queue=(ENQUEUED,)).merge(number, head)

    assert again == yard.main


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        ((200, {"status": "failed", "details": {"message": "a rule"}}), 405, "a rule"),
        ((400, {"status": "failed", "details": {"message": "still a draft"}}), 400, "still a draft"),
        ((403, {"message": "not yours"}), 403, "not yours"),
    ],
)
def test_what_the_queue_refuses_is_refused(yard: Yard, open_one, answer, status: int, why: str) -> None:
    head, number = open_one

    with pytest.raises(ForgeRefusedError, match=why) as refused:
        Slow(yard, queue=(answer,)).merge(number, head)

    assert refused.value.status == status


def test_one_that_was_asked_for_already_is_waited_for(yard: Yard) -> None:
    head, number = ready(yard)
    slow = Slow(yard, queue=((409, pending()[1]),))
    slow.after = [lambda: yard.client("human").merge_pull(number, sha=head)]

    assert slow.merge(number, head) == yard.main


def test_a_head_pushed_over_or_closed_while_it_waits_is_not_merged_for_another(yard: Yard, open_one) -> None:
    head, number = open_one  # the last use of it
    slow = Slow(yard, queue=(ENQUEUED, ENQUEUED))
    other = yard.commit({"strategies/ema_trend/strategy.py": b'"""Another."""\n'}, parent=head)
    branch = yard.client("human").pull(number).head_ref
    slow.after = [lambda: yard.push("agent", f"{other}:refs/heads/{branch}")]

    with pytest.raises(ForgeRefusedError, match="you read") as moved:
        slow.merge(number, head)
    slow.after = [lambda: yard.client("human").close_pull(number)]
    with pytest.raises(ForgeRefusedError, match="closed") as closed:
        slow.merge(number, other)

    assert (moved.value.status, closed.value.status) == (409, 405)
