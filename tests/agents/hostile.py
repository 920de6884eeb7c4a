"""A program that takes what it can get; it is told where everything lies, and prints what it got."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def attempt(name, action):
    try:
        got = action()
    except BaseException as error:  # noqa: BLE001  whatever keeps it out
        say(f"REFUSED {name} {type(error).__name__}")
    else:
        say(f"GOT {name} {got!r}")


def environs():
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found


def connect(family, kind, address, say=b"hello"):
    with socket.socket(family, kind) as one:
        one.settimeout(2.0)
        one.connect(address)
        one.send(say)
        return one.recv(100)


def fill():
    asked = "protocol=https\nhost=forge.invalid\n\n"
    done = subprocess.run(
        ["git", "credential", "fill"], input=asked, capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode:
        raise PermissionError(done.stderr)
    return done.stdout


def main(told):
    say("ENV", json.dumps(dict(os.environ)))
    for name, path in told["files"].items():
        attempt(f"read {name}", lambda path=path: Path(path).read_bytes())
        attempt(f"list {name}", lambda path=path: list(Path(path).parent.iterdir()))
    say("PROC", environs())
    stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    attempt("agent socket", lambda: connect(socket.AF_UNIX, stream, told["agent"]))
    attempt("abstract socket", lambda: connect(socket.AF_UNIX, stream, "\0" + told["abstract"]))
    attempt("host tcp", lambda: connect(socket.AF_INET, stream, ("127.0.0.1", told["port"])))
    attempt("host udp", lambda: connect(socket.AF_INET, datagram, ("127.0.0.1", told["port"])))
    attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
    attempt("multipath", lambda: socket.socket(socket.AF_INET, stream, 262))
    attempt("git credential", fill)
    attempt("signal", lambda: os.kill(told["pid"], 0))
    for name, path in told["writes"].items():
        attempt(f"write {name}", lambda path=path: Path(path).write_text("mine"))
    attempt("rename", lambda: Path("strategies/ema_trend").rename("strategies/gone"))
    attempt("link", lambda: os.link("tool.py", f"strategies/{told['slug']}/strategy.py"))


main(json.loads(sys.argv[1]))
