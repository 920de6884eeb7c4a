"""A desk over a forge that is a few objects, commands that answer what a test says, and a clock that stands."""

from __future__ import annotations

import itertools

import pytest
from starlette.testclient import TestClient

from autarch.desk.app import build_app
from autarch.desk.commands import Commands
from autarch.desk.events import Streams
from autarch.desk.guard import Doors
from autarch.desk.jobs import Jobs
from autarch.desk.room import Room
from autarch.desk.sessions import Bucket, Codes, Sessions
from autarch.forge.merging import Patience
from tests.desk.yard import HOST, Desk, FakeForge, FakeLive


@pytest.fixture
def desk(tmp_path):
    now = [0.0]
    counter = itertools.count()
    told, ran = [], []
    forge = FakeForge(now=now)

    def run(arguments, _timeout_s):
        ran.append(tuple(arguments))
        return 0, b'{"account": "paper", "halts": ["halted"]}', b""

    room = Room(
        forge=forge,
        commands=Commands(run=run, clock=lambda: now[0]),
        live=FakeLive(),
        codes=Codes(clock=lambda: now[0], tell=told.append),
        jobs=Jobs(folder=tmp_path),
        doors=Doors(
            host=HOST,
            sessions=Sessions(key="k" * 43, make=lambda: f"secret-{next(counter)}"),
            reads=Bucket(clock=lambda: now[0], burst=1_000.0, per_s=1.0),
            deeds=Bucket(clock=lambda: now[0], burst=20.0, per_s=1.0),
        ),
        host_folder=tmp_path,
        wall=lambda: 1_000.0 + 7_200.0,
        patience=Patience(clock=lambda: now[0], sleep=forge.wait, told=told.append, seconds=30.0),
    )
    app = build_app(room, library=b"// charts", streams=Streams(every_s=0.001))
    browser = TestClient(app, base_url=f"http://{HOST}")
    browser.get(f"/enter?key={'k' * 43}")
    return Desk(room=room, browser=browser, forge=forge, told=told, ran=ran, now=now)
