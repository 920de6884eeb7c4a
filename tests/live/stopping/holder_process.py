"""A process that holds a lock file as an executor does, until its end. Arguments: lock file, and "unsigned" or not."""

import signal
import sys
from pathlib import Path

from live.stopping.process import hold


def main() -> None:
    held = hold(Path(sys.argv[1]), role=None if sys.argv[2:] == ["unsigned"] else "executor")
    sys.stdout.write("held\n" if held else "taken\n")
    sys.stdout.flush()
    signal.pause()


main()
