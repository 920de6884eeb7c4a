"""A process that plays for another does not outlive it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

PLAYER = """
import sys, time
from autarch.referee.serve import serve
serve(lambda sheet: (print("busy", file=sys.stderr, flush=True), time.sleep(600)))
"""
PARENT = f"""
import os, subprocess, sys
from autarch.numerics import pinned_environment
from autarch.referee.serve import send
player = subprocess.Popen(
    [sys.executable, "-P", "-c", {PLAYER!r}],
    env=pinned_environment(os.environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
)
send(player.stdin, (1,))
player.stderr.readline()
print(player.pid, flush=True)
player.wait()
"""


def state_of(pid: int) -> str:
    """Return a process's state letter, empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return ""


def test_a_player_whose_asker_is_killed_ends_though_it_is_busy(root: Path) -> None:
    asker = subprocess.Popen([sys.executable, "-c", PARENT], cwd=root, stdout=subprocess.PIPE, text=True)
    assert asker.stdout is not None
    player = int(asker.stdout.readline())
    assert state_of(player) not in {"", "Z"}

    asker.kill()
    asker.wait()

    until = time.monotonic() + 30
    while state_of(player) not in {"", "Z"} and time.monotonic() < until:
        os.sched_yield()
        time.sleep(0.05)
    asker.stdout.close()
    assert state_of(player) in {"", "Z"}
