"""Raw hostile code in a confined child, as if there were no source policy: what it answered, or how it ended."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autarch.errors import SandboxError, StrategyError
from autarch.manifest import StrategySource, parse_manifest
from autarch.sandbox import StrategyRunError, Window, Worker
from autarch.sandbox.protocol import WINDOW_COLUMNS

PRELUDE = """\
import numpy as np
os = np.lib._npyio_impl.os
sys = os.sys
__builtins__.update(sys.modules['builtins'].__dict__)
import ctypes, errno, signal, socket, threading, time
from autarch.strategy import Targets
"""
"""Gives a snippet all of Python: every builtin, os, sys, ctypes, sockets and whatever else the zygote imported."""

MANIFEST = """\
schema = 1
name = "hostile"
title = "t"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 10
max_leverage = 1.0
[params]
fast = 20
"""

WENT_THROUGH, NO_ERRNO = 0, 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one run ended.

    `cause` is "answered", a `StrategyRunError` cause (raised, answer, timeout, memory, cpu, forbidden, crashed,
    closed, garbage), "undecided" for a child killed from outside, or "refused" for a source that was never sent.
    `exposure` is the last row's of each window that was answered; `pid` the child's, which is gone now.
    """

    cause: str
    text: str
    line: int
    exposure: tuple[float, ...]
    pid: int


def source_of(code: str | bytes) -> StrategySource:
    """Return `code` as a strategy, whatever its bytes."""
    content = code if isinstance(code, bytes) else code.encode("utf-8", "surrogatepass")
    manifest = MANIFEST.encode("ascii")
    return StrategySource(manifest=parse_manifest(manifest, slug="hostile"), manifest_bytes=manifest, code=content)


def window_at(first_bar: int, *, n_rows: int = 8) -> Window:
    """Bar number b closes at b + 1; every other column is 1."""
    rows = np.ones((len(WINDOW_COLUMNS), n_rows))
    rows[WINDOW_COLUMNS.index("close")] = first_bar + np.arange(1.0, n_rows + 1.0)
    return Window(target="BTCUSDT", first_bar=first_bar, columns={"BTCUSDT": rows})


def run_unpoliced(worker: Worker, code: str | bytes, *, windows: int = 1) -> Outcome:
    """Send `code` to a fresh confined child, ask it about `windows` windows of 8 bars, and tell how it ended.

    Limits are those of `worker.limits`. No exception leaves this but a bug of the evaluator.
    """
    exposure: list[float] = []
    pid = 0
    try:
        with worker.session(source_of(code)) as session:
            pid = session.pid
            exposure.extend(
                float(session.decide(window_at(first_bar), keep=1).exposure[0]) for first_bar in range(windows)
            )
        return Outcome(cause="answered", text="", line=0, exposure=tuple(exposure), pid=pid)
    except StrategyRunError as error:
        return Outcome(cause=error.cause, text=str(error), line=error.line, exposure=tuple(exposure), pid=pid)
    except SandboxError as error:
        return Outcome(cause="undecided", text=str(error), line=0, exposure=tuple(exposure), pid=pid)
    except StrategyError as error:
        return Outcome(cause="refused", text=str(error), line=0, exposure=tuple(exposure), pid=pid)


def attempting(statements: str, *, setup: str = "") -> str:
    """Return code whose `decide` runs `statements` and answers how that went; read it with `errno_of`.

    `setup` runs at module level first, behind `PRELUDE`.
    """
    body = "".join(f"        {line}\n" for line in statements.splitlines())
    return (
        f"{PRELUDE}{setup}\ndef decide(bars, p):\n    code = {WENT_THROUGH}\n    try:\n{body}"
        f"    except OSError as error:\n        code = error.errno or {NO_ERRNO}\n"
        f"    except BaseException:\n        code = {NO_ERRNO}\n"
        "    return Targets(exposure=np.full(len(bars), code / 1000.0))\n"
    )


def errno_of(outcome: Outcome) -> int:
    """Return the errno an attempt met: 0 when it went through, 999 for an exception that has none."""
    assert outcome.cause == "answered", outcome
    return round(1000 * outcome.exposure[-1])


def open_descriptors() -> int:
    """Return how many descriptors this process has."""
    gc.collect()  # what earlier tests left unreachable would go at any time
    return len(list(Path("/proc/self/fd").iterdir()))


def children_of(pid: int | None) -> tuple[int, ...]:
    """Return the process ids below `pid`, zombies and grandchildren included."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            found += (int(status.parent.name), *children_of(int(status.parent.name)))
    return tuple(sorted(found))
