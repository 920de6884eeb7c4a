"""What stops each snippet of the corpus, as rows: the policy's rule, and which layers of confinement.

`rows()` measures it on this machine and takes a few minutes; `python -m tests.escapes.table` prints it as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from autarch.sandbox.source_policy import check_source

from .confined import confined
from .lacking import LAYERS
from .snippets import Harm, Snippet, load
from .sources import as_read
from .world import World

PROCESS, WATCHDOG = "process", "watchdog"
"""What is left when Landlock, seccomp and namespaces are taken away: a process exec'd clean, without capabilities,
with limits, none of its parent's descriptors and none of its own; and the clock that ends what does not answer."""
WALLS = (PROCESS, *LAYERS, WATCHDOG)

ROOT = Path(__file__).resolve().parents[2]
_SECONDS_MAX = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One snippet and what stops it.

    Attributes:
        kind: Its attack class.
        name: Its name there.
        harm: What it does when nothing stops it.
        rule: The construct for which the policy refuses it; empty when it does not.
        stopped: True when full confinement kept it from its harm, no policy asked.
        alone: Each wall that stops it when the others are taken away; `process` is always there, so a snippet that
            it stops is stopped by all.
        left_to: The check that sees what confinement lets be, if any.
    """

    kind: str
    name: str
    harm: Harm
    rule: str
    stopped: bool
    alone: tuple[str, ...]
    left_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One attack class: how many snippets it has, how many the policy refuses, how many each wall stops."""

    kind: str
    snippets: int
    refused: int
    stopped: int
    left: int
    by_wall: dict[str, int]


def rows(progress: Callable[[str], None] = lambda _: None) -> tuple[Row, ...]:
    """Return a row for every snippet, in the corpus's order.

    Args:
        progress: Is told what is being measured.
    """
    snippets = load()
    progress("the corpus, fully confined")
    harms = _confined(snippets)
    progress("the corpus, with walls taken away")
    lacking = _without_others()
    return tuple(
        Row(
            kind=snippet.kind,
            name=snippet.name,
            harm=snippet.harm,
            rule=_rule(snippet),
            stopped=not harms[snippet.id],
            alone=_alone(snippet, lacking, stopped=not harms[snippet.id]),
            left_to=snippet.left_to,
        )
        for snippet in snippets
    )


def by_class(found: Sequence[Row]) -> tuple[ClassRow, ...]:
    """Return one row for each attack class, in order."""
    kinds = dict.fromkeys(row.kind for row in found)
    return tuple(_class_row(kind, [row for row in found if row.kind == kind]) for kind in kinds)


def _class_row(kind: str, own: Sequence[Row]) -> ClassRow:
    return ClassRow(
        kind=kind,
        snippets=len(own),
        refused=sum(bool(row.rule) for row in own),
        stopped=sum(row.stopped for row in own),
        left=sum(bool(row.left_to) and not row.stopped for row in own),
        by_wall={wall: sum(wall in row.alone for row in own) for wall in WALLS},
    )


def _rule(snippet: Snippet) -> str:
    found = [finding.construct for finding in check_source(as_read(snippet))]
    return snippet.rule if snippet.rule in found else ""


def _confined(snippets: Sequence[Snippet]) -> dict[str, tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            with confined(world) as walls:
                return {snippet.id: walls.run(snippet).harms for snippet in snippets}
        finally:
            world.close()


def _without_others() -> dict[str, dict[str, list[str]]]:
    """Return, for each wall, the harms by snippet where it stands with no other than the process."""
    removed = {PROCESS: LAYERS, **{wall: tuple(other for other in LAYERS if other != wall) for wall in LAYERS}}
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(removed, pool.map(without, removed.values()), strict=True))


def without(layers: Sequence[str], *ids: str) -> dict[str, list[str]]:
    """Return the harms by snippet on a kernel that lacks `layers`; of the snippets `ids` alone when some are given."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.escapes.lacking", ",".join(layers), *ids],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=_SECONDS_MAX,
        start_new_session=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)["harms"]
    return found


def _alone(snippet: Snippet, lacking: dict[str, dict[str, list[str]]], *, stopped: bool) -> tuple[str, ...]:
    if snippet.harm == "hang":
        return (WATCHDOG,) if stopped else ()
    return tuple(wall for wall in WALLS if wall != WATCHDOG and not lacking[wall][snippet.id])


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(row) for row in rows(lambda text: sys.stderr.write(f"{text}\n") and None)]))
