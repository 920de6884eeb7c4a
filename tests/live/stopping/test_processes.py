"""Kill and dead-man as real processes with real sockets against the simulated Bybit, the forge out of reach."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from live.credentials import Credentials
from live.host import Host
from live.journal import Draft, Journal
from live.ports.venue import OrderRequest
from live.stopping.latch import FileLatch
from live.stopping.places import Places
from live.venue.bybit.places import sim
from live.venue.bybit.real import bybit_venue
from tests.live.simulator_site import KEY, Served, wall_ms

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
SYMBOL = "AAAUSDT"

pytestmark = pytest.mark.slow


class Wall:
    def now_ms(self):
        return wall_ms()


class Yard:
    """A live host without a forge, an account `main` on a simulated Bybit, and its kill key."""

    def __init__(self, folder, served):
        self.served, self.folder = served, folder
        self.workspace = folder / "ws"
        self.host = Host(root=self.workspace / ".autarch" / "host")
        self.host.journal_path("main").parent.mkdir(parents=True, mode=0o700)
        (self.workspace / ".autarch" / "config.toml").write_text(
            'schema = 1\n[forge]\nrepository = "a/b"\nurl = "http://127.0.0.1:1"\n'
        )
        keys = folder / "config" / "autarch" / "keys"
        keys.mkdir(parents=True, mode=0o700)
        (keys / "main.kill").write_text(f"{KEY.key}\n{KEY.secret}\n")
        (keys / "main.kill").chmod(0o600)
        self.places = Places(root=self.host.root, account="main")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"},
            "XDG_CONFIG_HOME": str(folder / "config"),
            "AUTARCH_WORKSPACE": str(self.workspace),
            "PYTHONPATH": str(ROOT),
        }

    def size(self, symbol=SYMBOL):
        return self.served.call(lambda: self.served.site.exchange.accounts[KEY.uid].holdings[symbol].qty)

    def orders(self):
        return self.served.call(lambda: len(self.served.site.exchange.accounts[KEY.uid].links))

    def open_position(self, *, link, qty="2", stop=True):
        async def main():
            credentials = Credentials(KEY.key, KEY.secret)
            venue = bybit_venue(sim(self.served.server.url), credentials, clock=Wall())
            await venue.start((), {})
            stop_loss = Decimal(990) if stop else None
            await venue.place(
                OrderRequest(
                    order_link_id=link, symbol=SYMBOL, side="Buy", qty=Decimal(qty), reduce_only=False,
                    stop_loss=stop_loss,
                )
            )  # fmt: skip
            await venue.close()

        asyncio.run(main())

    def command(self, *words):
        where = ["--environment", "sim", "--url", self.served.server.url]
        return [sys.executable, "-m", "autarch", "live", *words, *where]

    def kill(self):
        done = subprocess.run(
            self.command("kill", "main", "--json"),
            env=self.environment, cwd=self.workspace, capture_output=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr.decode()
        return done.returncode, json.loads(done.stdout)

    @contextmanager
    def running(self, *command):
        """A process; its first line of output is waited for."""
        process = subprocess.Popen(
            command, env=self.environment, cwd=self.workspace, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def yard(tmp_path):
    with Served(ack_delay_ms=0) as served:
        yield Yard(tmp_path, served)


def reaches(wanted, *, seconds=120.0):
    """Wait until `wanted` returns true."""
    ends = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def test_a_stopped_executor_is_killed_and_its_position_closed_and_twice_is_once(yard):
    lock = yard.host.journal_path("main").with_name("main.sqlite3.lock")
    yard.open_position(link="at-1")
    assert yard.size() == 2

    with yard.running(sys.executable, str(HERE / "holder_process.py"), str(lock)) as executor:
        assert executor.stdout.readline() == b"held\n"
        executor.send_signal(signal.SIGSTOP)
        code, killed = yard.kill()
        assert executor.wait(timeout=60) == -signal.SIGKILL

    assert (code, killed["done"], killed["executor"]) == (0, True, "ended")
    assert killed["before"] == {SYMBOL: "2.000"}
    assert killed["after"] == {}
    assert yard.size() == 0
    orders = yard.orders()

    again, killed = yard.kill()

    assert (again, killed["executor"], killed["orders_sent"]) == (0, "absent", 0)
    assert yard.orders() == orders
    assert "killed by hand" in FileLatch(path=yard.places.latch, account="main").read().blocks(SYMBOL)
    assert len(list(yard.places.kills.iterdir())) == 2


def test_an_entry_that_arrives_after_the_executors_death_is_closed_too(yard):
    with Journal(yard.host.journal_path("main"), account="main") as journal:
        body = {"order_link_id": "at-late", "symbol": SYMBOL, "sent_ms": wall_ms(), "qty": "2"}
        journal.append([Draft(time_ms=wall_ms(), kind="intent", ref="at-late", body=body)])
    late = threading.Timer(2.5, yard.open_position, kwargs={"link": "at-late"})
    late.start()

    code, killed = yard.kill()

    late.join()
    assert (code, killed["done"]) == (0, True)
    assert yard.size() == 0
    assert killed["orders_sent"] == 1


def test_a_silent_heart_is_flattened_from_another_process_and_a_beating_one_is_not(yard):
    yard.open_position(link="at-1")
    beat = [sys.executable, str(HERE / "heart_process.py"), str(yard.host.root), "main"]
    rules = ["--silent", "5", "--grace", "1", "--every", "0.25"]
    source = str(yard.host.root / "heartbeat" / "main.json")

    with yard.running(*beat) as heart:
        assert heart.stdout.readline() == b"beats\n"
        with yard.running(*yard.command("deadman", "main", "--heartbeat", source, *rules)) as guard:
            armed = yard.places.folder / "armed"
            assert reaches(armed.exists)
            assert yard.size() == 2
            heart.send_signal(signal.SIGSTOP)

            assert reaches(lambda: yard.size() == 0)
            done = yard.places.folder / "deadman.jsonl"
            assert reaches(done.exists)
            guard.send_signal(signal.SIGTERM)
            _, said = guard.communicate(timeout=120)

    assert json.loads(done.read_text())["flat"] is True
    order = [said.decode().index(word) for word in ("first heartbeat", "will be flattened in 1 s", "flattening now")]
    assert order == sorted(order)
