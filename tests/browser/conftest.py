"""A real browser before a real desk on loopback; skipped, with the reason, where either is missing."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import socket
import threading
from importlib.resources import files

import pytest
import uvicorn

from autarch.desk.app import build_app
from autarch.desk.commands import Commands
from autarch.desk.events import Streams
from autarch.desk.guard import Doors
from autarch.desk.jobs import Jobs
from autarch.desk.room import Room
from autarch.desk.sessions import Bucket, Codes, Sessions
from autarch.forge.merging import Patience
from ci.page import library
from tests.desk.yard import Desk, FakeForge, FakeLive


@pytest.fixture(scope="module")
def chromium():
    """A browser for one file's tests: while Playwright is open, nothing else in the process may run an event loop."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: install the dev group of the lock")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium):
    """A page that remembers every error a script made."""
    with contextlib.closing(chromium.new_context(viewport={"width": 1200, "height": 900})) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda told: page.faults.append(told.text) if told.type == "error" else None)
        yield page


@pytest.fixture(scope="session")
def axe():
    """axe-core, as the package that drives it from Python carries it."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def served(tmp_path):
    """A desk that listens, over the fakes of the desk's own tests; clocks and codes are theirs too."""
    counter = itertools.count()
    told, ran, now = [], [], [0.0]

    def run(arguments, _timeout_s):
        ran.append(tuple(arguments))
        return 0, b'{"account": "paper", "halts": ["halted"], "head": "%s"}' % (b"a" * 64), b""

    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        forge = FakeForge(now=now)
        room = Room(
            forge=forge,
            commands=Commands(run=run, clock=lambda: now[0]),
            live=FakeLive(),
            codes=Codes(clock=lambda: now[0], tell=told.append),
            jobs=Jobs(folder=tmp_path),
            doors=Doors(
                host=host,
                sessions=Sessions(key="key", make=lambda: f"secret-{next(counter)}"),
                reads=Bucket(clock=lambda: now[0], burst=10_000.0, per_s=1.0),
                deeds=Bucket(clock=lambda: now[0], burst=100.0, per_s=1.0),
            ),
            host_folder=tmp_path,
            wall=lambda: 8_200.0,
            patience=Patience(clock=lambda: now[0], sleep=forge.wait, told=told.append, seconds=30.0),
        )
        app = build_app(room, library=library().encode(), streams=Streams(every_s=0.05))
        server = _Server(uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        desk = Desk(room=room, browser=None, forge=forge, told=told, ran=ran, now=now)
        yield desk, f"http://{host}"
        server.should_exit = True
        thread.join(10.0)


class _Server(uvicorn.Server):
    """Leaves signals alone: it runs beside the tests."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield
