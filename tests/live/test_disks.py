"""A disk that fails while a real process trades: what it cannot write down it does not send, and stops stay."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from benchmarks.live.deaths import RECONCILED, Found, compare, says, start, venue
from benchmarks.live.venue import wall_ms
from live.journal import Journal

pytestmark = pytest.mark.slow
IMAGE_BYTES, RESERVE_BYTES = 16_000_000, 200_000


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True)


class Disk:
    """A small file system of its own, which can be filled, and told that it has found an error."""

    def __init__(self, folder):
        self.at, self._image = folder / "disk", folder / "image"
        self.at.mkdir()
        with self._image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.at))

    @property
    def device(self):
        lines = Path("/proc/mounts").read_text().splitlines()
        return next(Path(line.split()[0]).name for line in lines if line.split()[1] == str(self.at))

    def fill(self):
        """Leave no byte free."""
        with contextlib.suppress(OSError), (self.at / "filler").open("ab", buffering=0) as file:
            for size in (1_000_000, 4096, 512):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))
                        os.fsync(file.fileno())

    def empty(self):
        (self.at / "filler").unlink(missing_ok=True)

    def turn_read_only(self):
        """Let the kernel find an error, which it answers as a disk that breaks is answered."""
        Path(f"/sys/fs/ext4/{self.device}/trigger_fs_error").write_text("planted")

    def gone(self):
        run("umount", str(self.at))


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("mounting a file system of its own wants root and mkfs.ext4")
    try:
        made = Disk(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine mounts no image: {error.stderr.strip()}")
    yield made
    made.gone()


def until(condition, *, seconds=60.0):
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        threading.Event().wait(0.05)
    return condition()


@contextlib.contextmanager
def trading(at, path):
    """Yield a process that holds a position with its stop."""
    process = start(at, path, start_ms=wall_ms() + 2000, n_bars=10**6)
    try:
        assert says(process, "begins")
        assert says(process, RECONCILED)
        assert until(lambda: held(at))
        yield process
    finally:
        process.kill()
        process.communicate()


def held(at):
    """Return what is held by symbol, once each position has its stop, else nothing."""
    account = at.site.exchange.accounts["1"]

    def look():
        open_now = {symbol: holding.qty for symbol, holding in account.holdings.items() if holding.is_open}
        stopped = {order.symbol for order in account.open_orders.values() if order.stop_order_type == "StopLoss"}
        return open_now if set(open_now) <= stopped else {}

    return at.do(look)


def orders(at):
    return at.do(lambda: set(at.site.exchange.accounts["1"].links))


def journalled(path):
    with Journal(path, account="sim") as journal:
        assert journal.verify() > 0
        states = [(event.body["state"], event.body["reason"]) for event in journal.events("state")]
        return {event.ref for event in journal.events("intent")}, states


def test_a_disk_that_turns_read_only_ends_the_process_before_it_sends_anything_more(disk):
    path = disk.at / "journal.sqlite3"
    with venue() as at, trading(at, path) as process:
        disk.turn_read_only()
        sent = orders(at)
        _, complaint = process.communicate(timeout=60)

        assert process.returncode not in {0, None}
        assert "critical journal: sim: nothing is sent any more; stops stay on the exchange" in complaint
        assert len(orders(at) - sent) <= 2  # what had been written down when the disk broke: a leg of each symbol
        assert held(at)
        with Journal(path, account="sim", read_only=True) as journal:
            assert orders(at) <= {event.ref for event in journal.events("intent")}


def test_a_disk_that_fills_frees_its_reserve_only_reduces_and_then_sends_nothing(disk):
    path, found = disk.at / "journal.sqlite3", Found()
    with venue() as at, trading(at, path) as process:
        assert path.with_suffix(".reserve").stat().st_size == RESERVE_BYTES
        disk.fill()
        assert until(lambda: not path.with_suffix(".reserve").exists())
        assert until(lambda: not any(h.is_open for h in at.site.exchange.accounts["1"].holdings.values()))
        flat = orders(at)
        threading.Event().wait(4.0)  # beyond the next bar, at which it would enter again
        assert process.poll() is None
        assert orders(at) == flat

        disk.fill()
        _, complaint = process.communicate(timeout=60)

        assert process.returncode not in {0, None}
        assert "critical REDUCING: sim: the journal could be written only with the reserve" in complaint
        assert "critical journal: sim: nothing is sent any more" in complaint
        assert orders(at) == flat
        disk.empty()
        intents, states = journalled(path)
        assert flat <= intents
        assert [state for state, _ in states] == ["REDUCING"]
        rows = at.do(lambda: list(at.site.exchange.accounts["1"].executions))
        compare(path, rows, dict.fromkeys(at.site.exchange.accounts["1"].holdings, 0), found)
        assert [text for text in found.wrong if "state:" not in text] == []
