"""Make a snippet into the strategy the policy reads, and into the code a child runs as if there were no policy."""

from __future__ import annotations

from collections.abc import Mapping

from autarch.manifest import StrategySource, parse_source

from ..sandbox.hostile import PRELUDE  # noqa: TID252  tests are no package
from .snippets import Snippet

N_ROWS = 256
LEAKED_MAX = N_ROWS - 1
"""Bytes an answer carries: one a bar, the first bar says how many."""

FUTURE = 123456.75
"""What every column of the bars after the window holds, where they can be reached at all."""

NAMES = ("CANARY", "DROP", "KEYFILE", "HOST", "PORT", "SOCKET", "NEIGHBOUR", "ADDRESS", "PARENT", "PROOF")
"""What a snippet is told of the world, so that no attack fails for want of an address: the file it may not read, the
folder it may not write, a key's file, a listener, another process and the place of a secret in its memory, whoever
started it, and the word that shows it came through."""

MANIFEST = b"""schema = 1
name = "escape"
title = "An escape"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 10
max_leverage = 1.0
[params]
fast = 20
"""

_THESIS = '"""An escape.\n\nThesis: walls are thin.\nSource: own choice.\nDies when: they are not.\n"""\n'

_READ = """
import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets

{names}


def leak(value):
    return value


{top}


def decide(bars: Bars, p: Params) -> Targets:
    fast = p.fast
{body}
    return Targets(exposure=np.zeros(len(bars.close)))
{last}"""

_RUN = """
import pandas as pd
LEAKED = bytearray()
{names}


def leak(value):
    LEAKED.extend(value if isinstance(value, (bytes, bytearray)) else str(value).encode("utf-8", "replace"))


def answer(bars):
    sent = bytes(LEAKED[:255])
    rows = np.zeros(len(bars))
    rows[0], rows[1 : 1 + len(sent)] = len(sent) / 256, np.frombuffer(sent, dtype=np.uint8) / 256
    LEAKED.clear()
    return Targets(exposure=rows)


{top}


def decide(bars, p):
    fast = p.fast
    try:
        pass
{body}
    except Exception as error:
        if not LEAKED:
            raise
    return answer(bars)
{last}"""


def as_read(snippet: Snippet | None) -> StrategySource:
    """Return the strategy that the source policy judges; without a snippet, one that it must pass."""
    names = "\n".join(f"{name} = 'x'" if name != "NEIGHBOUR" else f"{name} = 1" for name in NAMES)
    return _strategy(_READ, names, snippet, indent=4, head=_THESIS)


def as_run(snippet: Snippet, world: Mapping[str, object]) -> StrategySource:
    """Return the code a child runs: the snippet, with all of Python at hand and told where everything is."""
    names = "\n".join(f"{name} = {world[name]!r}" for name in NAMES)
    return _strategy(_RUN, names, snippet, indent=8, head=PRELUDE)


def leaked(exposure: list[float]) -> bytes:
    """Return what the answer of `as_run` carries."""
    count = round(256 * exposure[0])
    return bytes(round(256 * value) for value in exposure[1 : 1 + count])


def _strategy(frame: str, names: str, snippet: Snippet | None, *, indent: int, head: str) -> StrategySource:
    parts = dict.fromkeys(("top", "body", "last"), "")
    parts["body"] = "pass"
    if snippet is not None:
        parts[snippet.place] = snippet.code.rstrip("\n")
    body = "\n".join(" " * indent + line for line in parts["body"].split("\n"))
    first = f"{snippet.first}\n" if snippet is not None and snippet.first else ""
    text = first + head + frame.format(names=names, top=parts["top"], body=body, last=parts["last"])
    code = text.encode("utf-8", "surrogateescape")
    return parse_source(slug="escape", manifest_bytes=MANIFEST, code=code)
