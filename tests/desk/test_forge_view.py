"""The desk and a forge that speaks HTTP: it may begin anew at another port, and be slow to merge."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from autarch.desk.forge_view import KEEP_S, ForgeView
from autarch.errors import ConfigError
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.workspace import Config, ForgeSection, Workspace


class Answering(BaseHTTPRequestHandler):
    """Has no pull request, and says nothing of what it is asked."""

    def do_GET(self) -> None:
        content = json.dumps([]).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_words) -> None:
        pass


@contextlib.contextmanager
def forge_at(workspace):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    told = workspace.forge_folder / "url"
    told.write_text(f"http://127.0.0.1:{server.server_port}\n")
    try:
        yield
    finally:
        told.unlink()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def workspace(tmp_path):
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True, env=SAFE_ENVIRONMENT)
    found = Workspace(tmp_path, Config(schema=1, forge=ForgeSection(repository="local/autarch")))
    found.forge_folder.mkdir(parents=True)
    token = tmp_path / found.config.tokens.human
    token.parent.mkdir(parents=True)
    token.touch(mode=0o600)
    token.write_text("t" * 40)
    return found


def test_a_forge_that_began_anew_at_another_port_is_found_by_the_next_page(workspace) -> None:
    now = [0.0]
    view = ForgeView(workspace=workspace, clock=lambda: now[0])
    with forge_at(workspace):
        assert view.rows() == ()
    now[0] += KEEP_S
    with pytest.raises(ConfigError, match="autarch forge serve"):
        view.rows()

    with forge_at(workspace):
        assert view.rows() == ()
        assert view.do(lambda forge: forge.pulls()) == ()
    view.close()


def test_pages_are_read_while_a_merge_waits_and_two_merges_do_not_wait_for_each_other(workspace) -> None:
    view = ForgeView(workspace=workspace, clock=lambda: 0.0)
    both, read = threading.Barrier(2, timeout=10.0), threading.Event()

    def merge(_forge):
        both.wait()  # two at once, or neither goes on
        return read.wait(10.0)

    with forge_at(workspace):
        found = []
        deeds = [threading.Thread(target=lambda: found.append(view.do(merge))) for _ in range(2)]
        for deed in deeds:
            deed.start()
        assert view.rows() == ()
        read.set()
        for deed in deeds:
            deed.join()
    view.close()

    assert found == [True, True]
