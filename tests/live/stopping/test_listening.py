"""Chat and label: each only sets the latch, for allowed senders, once, and the services may fail as they like."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from autarch.errors import ConfigError, UndecidedError
from live.stopping.chat import Cursor, Ntfy, Telegram
from live.stopping.latch import MemoryLatch
from live.stopping.listening import Listener, poll_chat, poll_labels

NOW_MS = 1_000_000
TOKEN = "12:very-secret"


class Stands:
    def now_ms(self):
        return NOW_MS


class Told:
    def __init__(self):
        self.subjects = []

    def tell(self, severity, subject, text):  # noqa: ARG002  the port's signature
        self.subjects.append(subject)


class Bot:
    """A Telegram of one bot."""

    def __init__(self):
        self.updates, self.sent, self.fail = [], [], []

    def say(self, text, *, sender=5, date=NOW_MS // 1000):
        message = {"date": date, "chat": {"id": 9, "type": "private"}, "from": {"id": sender}, "text": text}
        self.updates.append({"update_id": len(self.updates) + 1, "message": message})

    def __call__(self, request):
        if self.fail:
            return self.fail.pop()
        assert request.url.path.startswith(f"/bot{TOKEN}/")
        form = dict(httpx.QueryParams(request.content.decode()))
        if request.url.path.endswith("/sendMessage"):
            self.sent.append((form["chat_id"], form["text"]))
            return httpx.Response(200, json={"ok": True, "result": {}})
        found = [update for update in self.updates if update["update_id"] >= int(form.get("offset", 0))]
        return httpx.Response(200, json={"ok": True, "result": found})


class Topic:
    """An ntfy of one topic."""

    def __init__(self):
        self.lines, self.asked = [], []

    def say(self, text):
        self.lines.append({"id": f"m{len(self.lines)}", "time": 1, "event": "message", "message": text})

    def __call__(self, request):
        self.asked.append((request.method, request.headers.get("authorization")))
        if request.method == "POST":
            self.say(request.content.decode())
            return httpx.Response(200, json={})
        ids = [line["id"] for line in self.lines]
        since = request.url.params["since"]
        start = ids.index(since) + 1 if since in ids else 0
        lines = [{"id": "x", "event": "open"}, *self.lines[start:]]
        return httpx.Response(200, content="\n".join(map(json.dumps, lines)))


def listener(*accounts):
    notes, told = [], Told()
    made = Listener(
        latches={name: MemoryLatch() for name in accounts or ("paper", "main")},
        status=lambda name: f"{name} is fine", clock=Stands(), alerts=told, note=notes.append,
    )  # fmt: skip
    return made, notes


def telegram(http, path=None):
    return Telegram(
        http=http, base_url="http://127.0.0.1", token=TOKEN, senders=frozenset({"5"}),
        cursor=Cursor(path=path, clock=Stands()),
    )  # fmt: skip


def ntfy(http, path=None):
    cursor = Cursor(path=path, clock=Stands())
    return Ntfy(http=http, base_url="http://127.0.0.1", topic="t", token="tk", cursor=cursor)


def listen(made, service, *, channel=telegram, path=None, turns=1):
    async def main():
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as http:
            await poll_chat(made, channel(http, path), every_s=0.0, turns_max=turns)

    asyncio.run(main())


def halted(made):
    return [name for name, latch in made.latches.items() if latch.read().blocks("") is not None]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("halt", ["paper", "main"]),
        (" HALT\n", ["paper", "main"]),
        ("halt main", ["main"]),
        ("halt nobody", []),
        ("status", []),
        ("resume", []),
        ("halt main now", []),
        ("please halt", []),
        ("buy", []),
        ("", []),
    ],
)
def test_only_the_word_halt_halts_and_there_is_no_word_to_resume(said, expected):
    made, bot = listener()[0], Bot()
    bot.say(said)

    listen(made, bot)

    assert halted(made) == expected


def test_halt_and_status_are_answered_and_other_words_are_not():
    made, bot = listener()[0], Bot()
    for said in ("status paper", "halt", "hello", "status nobody"):
        bot.say(said)

    listen(made, bot)

    assert bot.sent == [
        ("9", "paper: paper is fine"),
        ("9", "halted: paper, main. Stops stay at the venue; only `autarch live resume` goes on"),
        ("9", "there is no account nobody; there are: paper, main"),
    ]
    assert made.alerts.subjects == ["halt paper", "halt main"]


def test_strangers_are_not_heard_and_not_answered():
    made, bot = listener()[0], Bot()
    bot.say("halt", sender=6)
    bot.updates.append({"update_id": 2, "message": {"date": NOW_MS, "chat": {"id": 9}, "text": "halt"}})
    bot.updates.append({"update_id": 3, "edited_message": {"text": "halt"}})

    listen(made, bot)

    assert halted(made) == []
    assert bot.sent == []


def test_a_message_is_heard_once_over_restarts_and_after_a_resume(tmp_path):
    made, bot = listener()[0], Bot()
    bot.say("halt")
    listen(made, bot, path=tmp_path / "cursor", turns=3)
    for latch in made.latches.values():
        latch.now = type(latch.now)()

    listen(made, bot, path=tmp_path / "cursor")
    assert halted(made) == []

    bot.say("halt main")
    listen(made, bot, path=tmp_path / "cursor")
    assert halted(made) == ["main"]
    assert len(bot.sent) == 2


def test_what_was_written_before_this_host_first_listened_is_passed_over():
    made, bot = listener()[0], Bot()
    bot.say("halt", date=NOW_MS // 1000 - 1)

    listen(made, bot)

    assert halted(made) == []


def test_a_halt_that_could_not_be_written_is_heard_again(tmp_path):
    made, bot = listener("paper")[0], Bot()
    bot.say("halt")
    latch, write = made.latches["paper"], MemoryLatch.halt
    full = [1, 1]

    class Full(MemoryLatch):
        def halt(self, halted):
            if full:
                full.pop()
                raise ConfigError("the disk is full")
            write(self, halted)

    made.latches["paper"] = Full()
    listen(made, bot, path=tmp_path / "cursor", turns=3)

    assert halted(made) == ["paper"]
    assert latch.read().blocks("") is None


def test_ntfy_hears_its_topic_with_its_token_and_not_its_own_answers(tmp_path):
    made, topic = listener("paper")[0], Topic()
    topic.say("status")
    topic.say("halt")

    listen(made, topic, channel=ntfy, path=tmp_path / "cursor", turns=3)

    assert halted(made) == ["paper"]
    assert [line["message"][:6] for line in topic.lines] == ["status", "halt", "paper:", "halted"]
    assert set(topic.asked) == {("GET", "Bearer tk"), ("POST", "Bearer tk")}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(401, text=TOKEN),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"ok": True}),
        httpx.Response(200, json={"ok": True, "result": [{"update_id": "1"}]}),
        httpx.Response(200, content=b" " * (2 << 20)),
    ],
)
def test_a_service_that_answers_nonsense_is_told_of_without_its_token(answer):
    bot = Bot()
    bot.fail.append(answer)

    async def main():
        async with httpx.AsyncClient(transport=httpx.MockTransport(bot)) as http:
            await telegram(http).receive()

    with pytest.raises(UndecidedError) as caught:
        asyncio.run(main())

    assert TOKEN not in str(caught.value)
    assert "telegram" in str(caught.value)


def test_an_outage_is_told_of_once_and_lived_through():
    made, notes = listener()
    bot = Bot()
    bot.fail = [httpx.Response(503)] * 5
    bot.say("halt main")

    listen(made, bot, turns=6)

    assert made.alerts.subjects == ["deaf to telegram", "halt main"]
    assert halted(made) == ["main"]
    assert sum("telegram answered 503" in note for note in notes) == 5


def test_a_service_that_cannot_be_reached_hides_its_token():
    def refuse(request):
        raise httpx.ConnectError(f"cannot reach {request.url}")

    async def main():
        async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as http:
            await telegram(http).receive()

    with pytest.raises(UndecidedError, match="telegram cannot be reached: ConnectError") as caught:
        asyncio.run(main())

    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(telegram(None))


def labels(made, on, *, turns=1):
    asyncio.run(poll_labels(made, lambda label: on.get(label, ()), every_s=0.0, turns_max=turns))


def test_the_label_halts_every_account_and_one_with_a_name_its_own():
    made, _ = listener()
    labels(made, {"halt-main": (7,)})
    assert halted(made) == ["main"]

    labels(made, {"halt": (12, 3)}, turns=3)
    assert halted(made) == ["paper", "main"]
    said = made.latches["paper"].read().blocks("")
    assert said == "the account halted by phone (the forge): label 'halt' on #12, #3; remove it before you resume"
    assert made.alerts.subjects == ["halt main", "halt paper"]


def test_a_label_taken_off_releases_nothing():
    made, _ = listener()
    labels(made, {"halt": (12,)})

    labels(made, {})

    assert halted(made) == ["paper", "main"]


def test_a_forge_that_cannot_be_reached_halts_nothing_and_is_told_of():
    made, _ = listener()

    def down(_label):
        raise UndecidedError("the forge is down")

    asyncio.run(poll_labels(made, down, every_s=0.0, turns_max=4))

    assert halted(made) == []
    assert made.alerts.subjects == ["deaf to the forge"]
