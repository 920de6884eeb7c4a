"""Run the corpus confined on a kernel that lacks some layers, and print what harm came through.

`python -m tests.escapes.lacking landlock,seccomp,namespaces`: a filter answers ENOSYS to the calls that build the
layers named, to this process and all it starts, so that what is left must stop a snippet alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from autarch.sandbox import bpf, kernel

from .confined import confined
from .snippets import load
from .world import World

LAYERS = ("landlock", "seccomp", "namespaces")

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _FIRST_ARGUMENT = 0, 16
_MISSING, _ALLOW = 0x00050000 | 38, 0x7FFF0000
_PRCTL, _SET_SECCOMP, _CLONE, _NEWPID, _UNSHARE, _CHROOT = 157, 22, 56, 0x20000000, 272, 161
_LANDLOCK_CREATE = 444

_BLOCKS: dict[str, list[tuple[int, int, int, int]]] = {
    "landlock": [(_EQUAL, 0, 1, _LANDLOCK_CREATE), (_RETURN, 0, 0, _MISSING)],
    "seccomp": [
        (_EQUAL, 0, 4, _PRCTL),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, _SET_SECCOMP),
        (_RETURN, 0, 0, _MISSING),
        (_LOAD, 0, 0, _NUMBER),
    ],
    "namespaces": [
        (_EQUAL, 0, 1, _UNSHARE),
        (_RETURN, 0, 0, _MISSING),
        (_EQUAL, 0, 1, _CHROOT),
        (_RETURN, 0, 0, _MISSING),
        (_EQUAL, 0, 4, _CLONE),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, _NEWPID),
        (_RETURN, 0, 0, _MISSING),
        (_LOAD, 0, 0, _NUMBER),
    ],
}


def take_away(layers: list[str]) -> None:
    """Let this process and all it starts do without these layers, for good."""
    program = [(_LOAD, 0, 0, _NUMBER), *(step for layer in layers for step in _BLOCKS[layer]), (_RETURN, 0, 0, _ALLOW)]
    kernel.no_new_privileges()
    kernel.install_filter(bpf.encode(program))


def main(argv: list[str]) -> int:
    """Print the harms by snippet, and the layers that a child of this process did not reach."""
    layers = argv[0].split(",")
    chosen = set(argv[1:])
    take_away(layers)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            with confined(world, allow_weak=True) as walls:
                missing = [layer.name for layer in walls.level.layers if not layer.reached]
                harms = {
                    snippet.id: walls.run(snippet).harms
                    for snippet in load()
                    if snippet.harm != "hang" and (not chosen or snippet.id in chosen)
                }
        finally:
            world.close()
    sys.stdout.write(json.dumps({"missing": missing, "harms": harms}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
