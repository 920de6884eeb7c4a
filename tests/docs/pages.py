"""Pages whose commands are run: the blocks of a page in order, in one folder, each with the exit code it promises.

A block that begins with ```sh is run by bash; `expect=N` on that line is its exit code, 0 without. A block that begins
with ```text in=output must stand, line by line, in what the block of commands before it printed. `<!-- by hand -->`
above a block leaves it to the reader: it needs what a test has not.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?P<hand><!-- by hand -->\n)?```(?P<kind>sh|text in=output)(?: expect=(?P<code>\d+))?\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Commands with the exit code they promise, or lines that must have been printed."""

    body: str
    is_commands: bool
    code: int = 0


def blocks_of(text: str) -> Iterator[Block]:
    """Yield the blocks of a page that a test can hold it to, in order."""
    for found in BLOCK.finditer(text):
        if found["hand"] is None:
            yield Block(body=found["body"], is_commands=found["kind"] == "sh", code=int(found["code"] or 0))


def run_page(page: Path, *, folder: Path, environment: Mapping[str, str], timeout_s: float = 900) -> int:
    """Run a page's blocks in `folder` and return how many held; the first that does not is an AssertionError."""
    held, printed = 0, ""
    for block in blocks_of(page.read_text("utf-8")):
        if not block.is_commands:
            missing = [line for line in block.body.splitlines() if line.strip() not in printed]
            assert not missing, f"{page.name} promises {missing}; printed was:\n{printed}"
            held += 1
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.body],
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == block.code, f"{page.name}: exit {done.returncode} of\n{block.body}\n{printed}"
        held += 1
    return held
