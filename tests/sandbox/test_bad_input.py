"""Hostile code sent straight to a session: it ends, the end is named, and nothing of it is left behind."""

from __future__ import annotations

import dataclasses

import pytest

from autarch.sandbox import Worker, WorkerLimits

from .hostile import PRELUDE, attempting, children_of, errno_of, open_descriptors, run_unpoliced

EPERM = 1
ENDS = {
    "prints for ever": ("while True: print('x' * 10_000)", "timeout", "took longer than"),
    "writes to every descriptor": (
        "while True:\n    for fd in range(64):\n        try: os.write(fd, b'x' * 65536)\n        except OSError: pass",
        "garbage",
        "no answer",
    ),
    "allocates 100 GB": ("np.ones(100 * 2**27)", "memory", "out of memory"),
    "allocates bit by bit": ("kept = []\nwhile True: kept.append(np.zeros(10**7))", "memory", "out of memory"),
    "recurses for ever": ("f = lambda: f()\nf()", "raised", "RecursionError"),
    "waits on a lock": ("lock = threading.Lock()\nlock.acquire()\nlock.acquire()", "timeout", "took longer than"),
    "sleeps": ("time.sleep(3600)", "raised", "PermissionError"),
    "waits busily": ("while True: pass", "timeout", "took longer than"),
    "forks": ("while True: os.fork()", "raised", "PermissionError"),
    "starts a thread": ("threading.Thread(target=print).start()", "raised", "can't start new thread"),
    "closes its pipes": ("for fd in range(256): os.close(fd)", "raised", "PermissionError"),
    "sends too much": (
        "for fd in range(64):\n    try: os.write(fd, b'\\xff\\xff\\xff\\x7f' + b'Q' * 60000)\n    except OSError: pass",
        "garbage",
        "announced",
    ),
    "sends garbage": (
        "for fd in range(64):\n    try: os.write(fd, b'\\x19\\0\\0\\0' + b'Q' * 25)\n    except OSError: pass",
        "garbage",
        "no answer",
    ),
    "exits 0 at once": ("os._exit(0)", "closed", "exit code 0"),
    "raises SystemExit": ("sys.exit(0)", "raised", "SystemExit"),
    "kills its parent": ("os.kill(os.getppid(), 9)", "raised", "PermissionError"),
    "kills all it may": ("os.kill(-1, 9)", "raised", "PermissionError"),
    "aborts": ("os.abort()", "crashed", "killed by SIG"),
    "reads where nothing is": ("ctypes.string_at(0)", "crashed", "SIGSEGV"),
    "executes a program": ("os.execv('/bin/true', ['true'])", "forbidden", "forbidden system call"),
    "traces itself": ("ctypes.CDLL(None).ptrace(0, 0, 0, 0)", "forbidden", "forbidden system call"),
    "catches every exception": (
        "while True:\n    try: 1 / 0\n    except BaseException: pass",
        "timeout",
        "took longer than",
    ),
    "raises what cannot be shown": (
        "class Odd(Exception):\n    def __str__(self): raise self\nraise Odd",
        "raised",
        "Odd",
    ),
}


@pytest.fixture(scope="module")
def cage():
    limits = WorkerLimits(request_seconds=0.4, open_seconds=0.6, address_space_bytes=1 << 30)
    with Worker(limits=limits) as running:
        assert running.level.is_full
        yield running


def kin(cage: Worker) -> set[int]:
    """Return the processes below the zygote but the one that waits for the next session, which is another each time."""
    return set(children_of(cage.zygote_pid)) - {cage.waiting_pid}


def in_decide(statements: str) -> str:
    body = "".join(f"    {line}\n" for line in statements.splitlines())
    return f"{PRELUDE}\ndef decide(bars, p):\n{body}    return Targets(exposure=np.zeros(len(bars)))\n"


def at_load(statements: str) -> str:
    return f"{PRELUDE}\n{statements}\n\ndef decide(bars, p):\n    return Targets(exposure=np.zeros(len(bars)))\n"


@pytest.mark.parametrize("where", [in_decide, at_load])
@pytest.mark.parametrize("name", ENDS)
def test_it_ends_the_end_is_named_and_nothing_is_left(cage, name, where) -> None:
    statements, cause, told = ENDS[name]
    before = open_descriptors(), kin(cage)

    found = run_unpoliced(cage, where(statements))

    assert (found.cause, told in found.text) == (cause, True), found
    assert len(found.text) < 700
    assert found.text.isprintable()
    assert (open_descriptors(), kin(cage)) == before


def test_the_worker_that_met_them_all_still_serves(cage) -> None:
    assert run_unpoliced(cage, attempting("pass"), windows=3).exposure == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("statement", ["os.close(3)", "os.closerange(0, 99) or os.dup(0)", "os.pipe()"])
def test_a_strategy_has_no_say_over_its_descriptors(cage, statement) -> None:
    assert errno_of(run_unpoliced(cage, attempting(statement))) == EPERM


def test_an_answer_before_the_question_is_garbage(cage) -> None:
    # a whole well-formed group of one answer, 16 bytes long, behind which the true one follows
    forged = "b'\\x10\\0\\0\\0T\\1\\0\\1\\x08\\0\\0\\0' + np.zeros(1).tobytes()"
    early = f"for fd in range(64):\n    try: os.write(fd, {forged})\n    except OSError: pass"

    assert run_unpoliced(cage, at_load(early)).cause == "garbage"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (b"def decide(bars, p):\n    return '\0'\n", "null bytes"),
        (b"\xff\xfe decide", "SyntaxError"),
        (b"x = " + b"(" * 10_000 + b")" * 10_000, "too many nested parentheses"),
        (b"#" * 10_000_000, "defines no function decide"),
        (b"", "defines no function decide"),
        (b"def decide(", "SyntaxError"),
        (b"decide = 3\n", "defines no function decide"),
    ],
    ids=["NUL", "not UTF-8", "10,000 brackets", "10 MB", "empty", "half", "no function"],
)
def test_a_source_that_is_none_is_refused_in_words(cage, code, told) -> None:
    cage.limits = dataclasses.replace(cage.limits, open_seconds=20.0)
    before = open_descriptors(), kin(cage)

    found = run_unpoliced(cage, code)

    assert told in found.text, found
    assert (open_descriptors(), kin(cage)) == before
