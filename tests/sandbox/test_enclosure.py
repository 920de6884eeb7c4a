"""Another version's code, run where it finds what it is shown and nothing else, and leaves nobody behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from autarch.sandbox import bpf, enclosure
from autarch.sandbox.enclosure import Order

from .test_bpf import ALLOWED, KILLED, REFUSED, X32, answer

SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/dev/urandom", "/proc", sys.prefix, sys.base_prefix)

pytestmark = pytest.mark.skipif(enclosure.lacking() is not None, reason=str(enclosure.lacking()))


def enclosed(folder: Path, code: str, *, reads: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python `code` with `folder`/out to write to, and return what it said."""
    (folder / "out").mkdir()
    order = Order(
        command=(sys.executable, "-I", "-c", code),
        environment={"PATH": "/usr/bin:/bin"},
        reads=(*SYSTEM, *reads),
        writes=(str(folder / "out"), "/dev/null"),
    )
    (folder / "order.json").write_bytes(msgspec.json.encode(order))
    command = [sys.executable, "-P", "-m", "autarch.sandbox.enclosure", str(folder / "order.json")]
    return subprocess.run(command, cwd=folder / "out", capture_output=True, text=True, check=False, timeout=60)


def refused_in(folder: Path, attempt: str) -> bool:
    code = f"import os, signal, socket, pathlib\ntry:\n    {attempt}\nexcept PermissionError:\n    print('refused')"
    done = enclosed(folder, code)
    assert done.stderr == ""
    return done.stdout == "refused\n"


def test_it_reads_what_it_is_shown_and_writes_where_it_may(tmp_path: Path) -> None:
    (tmp_path / "shown").write_text("a bar")
    code = f"import pathlib; pathlib.Path('answer').write_text(pathlib.Path({str(tmp_path / 'shown')!r}).read_text())"

    done = enclosed(tmp_path, code, reads=(str(tmp_path / "shown"), str(tmp_path / "not there")))

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out/answer").read_text() == "a bar"


def test_a_key_beside_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")

    assert refused_in(tmp_path, f"print(pathlib.Path({str(tmp_path / 'key')!r}).read_text())")


def test_nothing_outside_its_folder_can_be_written(tmp_path: Path) -> None:
    assert refused_in(tmp_path, f"pathlib.Path({str(tmp_path / 'left')!r}).write_text('x')")
    assert not (tmp_path / "left").exists()


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_it_makes_no_socket(tmp_path: Path, family: str) -> None:
    assert refused_in(tmp_path, f"socket.socket(socket.{family}, socket.SOCK_DGRAM)")


def test_the_environment_of_who_started_it_cannot_be_read(tmp_path: Path) -> None:
    assert refused_in(tmp_path, f"print(pathlib.Path('/proc/{os.getpid()}/environ').read_bytes())")


def test_a_program_that_left_its_session_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        open('pid', 'w').write(str(os.getpid())); open('there', 'w').close()\n"
        "        import signal; signal.pause()\n"
        "    os._exit(0)\n"
        "while not os.path.exists('there'): pass\n"
    )

    done = enclosed(tmp_path, code)

    assert done.returncode == 0
    assert not Path(f"/proc/{(tmp_path / 'out/pid').read_text()}").exists()


def test_the_exit_code_of_what_ran_is_its_own(tmp_path: Path) -> None:
    assert enclosed(tmp_path, "raise SystemExit(7)").returncode == 7


def test_what_cannot_be_entered_runs_nothing(tmp_path: Path) -> None:
    order = Order(command=("/no/such/program",), environment={}, reads=SYSTEM, writes=())
    (tmp_path / "order.json").write_bytes(msgspec.json.encode(order))
    command = [sys.executable, "-P", "-m", "autarch.sandbox.enclosure", str(tmp_path / "order.json")]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == enclosure.NOT_FOUND_EXIT
    assert "could not be entered" in done.stderr


def test_the_filter_refuses_sockets_and_rings_and_lets_the_rest_pass() -> None:
    program = bpf.without_sockets()

    assert answer(41, program=program) == REFUSED  # socket
    assert answer(425, program=program) == REFUSED  # io_uring_setup
    assert answer(53, program=program) == ALLOWED  # socketpair: how workers are spoken to
    assert answer(59, program=program) == ALLOWED  # execve
    assert answer(0, arch=X32, program=program) == KILLED
    assert answer(0x40000000 + 41, program=program) == KILLED
