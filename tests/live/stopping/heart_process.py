"""A process with a heartbeat, ten times a second, until its end. Arguments: host folder, account."""

import os
import sys
import time
from pathlib import Path

from live.host import Host
from live.observing.heartbeat import heart_of
from live.ports.observer import Pulse


def main() -> None:
    heart, seq = heart_of(Host(root=Path(sys.argv[1])), sys.argv[2]), 0
    while os.getppid() != 1:
        seq += 1
        heart.beat(Pulse(time_ms=time.time_ns() // 1_000_000, seq=seq, exposed=True))
        if seq == 1:
            sys.stdout.write("beats\n")
            sys.stdout.flush()
        time.sleep(0.1)


main()
