"""What a strategy with all of os at hand can reach: nothing. And how the parent knows."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from autarch.errors import SandboxError
from autarch.sandbox import Worker, kernel, level
from autarch.sandbox.control import Hello
from autarch.sandbox.protocol import Ready

ERRNO = """\
def tried(attempt):
    try:
        attempt()
    except OSError as error:
        return float(error.errno)
    return 0.0
x = np.zeros(n)
x[-1] = tried(lambda: {}) / 1000.0
return Targets(exposure=x)
"""
EPERM, EBADF, EMFILE = 1, 9, 24


def errno_of(worker, source_of, window_of, attempt: str) -> int:
    with worker.session(source_of(ERRNO.format(attempt))) as session:
        return round(1000 * float(session.decide(window_of(), keep=1).exposure[0]))


@pytest.mark.parametrize(
    "attempt",
    [
        "os.open('/etc/passwd', 0)",
        "os.open('/tmp/x', os.O_CREAT | os.O_WRONLY)",
        "os.stat('/etc/passwd')",
        "os.listdir('/')",
        "os.mkdir('/tmp/x')",
        "os.unlink('/tmp/x')",
        "os.readlink('/proc/self/exe')",
        "os.fork()",
        "os.kill(os.getppid(), 9)",
        "os.kill(os.getpid(), 9)",
        "os.kill(-1, 9)",
        "os.pipe()",
        "os.dup(3)",
        "os.urandom(8)",
        "os.setsid()",
        "os.chdir('/')",
        "os.nice(-5)",
        "os.sched_setaffinity(0, {0})",
        "os.memfd_create('x')",
        "os.pidfd_open(os.getppid())",
    ],
)
def test_a_way_out_is_refused_by_the_kernel(worker, source_of, window_of, attempt) -> None:
    assert errno_of(worker, source_of, window_of, attempt) in {EPERM, EBADF, EMFILE}


@pytest.mark.parametrize("kind", ["os.sys.modules['socket'].socket()", "os.sys.modules['mmap'].mmap(-1, 4096, prot=5)"])
def test_sockets_and_executable_memory_are_refused(worker, source_of, window_of, kind) -> None:
    assert errno_of(worker, source_of, window_of, kind) == EPERM


def test_no_descriptor_but_the_two_pipe_ends_is_open(worker, source_of, window_of) -> None:
    body = """\
found = 0
for fd in range(256):
    for attempt in (lambda: os.write(fd, b''), lambda: os.read(fd, 0)):
        try:
            attempt()
            found += 1
        except OSError:
            pass
x = np.zeros(n)
x[-1] = found / 10.0
return Targets(exposure=x)
"""
    with worker.session(source_of(body)) as session:
        assert session.decide(window_of(), keep=1).exposure.tolist() == [0.2]  # one can be read, one written


def test_the_environment_and_the_command_line_of_the_evaluator_are_not_there(source_of, window_of, monkeypatch) -> None:
    monkeypatch.setenv("AUTARCH_TEST_SECRET", "not for strategies")
    body = "x = np.zeros(n)\nx[-1] = len(os.environ) / 1000.0\nreturn Targets(exposure=x)"

    with Worker() as fresh, fresh.session(source_of(body)) as session:
        assert session.decide(window_of(), keep=1).exposure.tolist() == [0.0]
        started_with = Path(f"/proc/{fresh.zygote_pid}/environ").read_bytes()

    assert b"SECRET" not in started_with


def test_a_killed_sibling_would_have_been_noticed(worker, source_of, window_of) -> None:
    flat = "return Targets(exposure=np.zeros(n))"
    with worker.session(source_of(flat)) as victim:
        sibling = f"os.kill({victim.pid}, 9)"

        assert errno_of(worker, source_of, window_of, sibling) == EPERM
        assert victim.decide(window_of(), keep=1).exposure.tolist() == [0.0]


def test_honest_use_of_numpy_pandas_and_talib_works_confined(worker, source_of, window_of) -> None:
    body = """\
import talib, math
from autarch.strategy import ops
s = pd.Series(bars.close)
f = pd.DataFrame({'a': bars.close, 'b': bars.open})
f.groupby(f['a'] > 3).transform('mean').unstack().sum()
f.rolling(3).corr(f['b']).to_dict()
s.rolling(3).apply(lambda v: v.max(), raw=True).rank().quantile(0.4)
pd.concat([s, s.shift(1)], axis=1).corr()
np.linalg.lstsq(np.ones((n, 2)), bars.close, rcond=None)
np.polyfit(np.arange(float(n)), bars.close, 1)
np.fft.rfft(bars.close)
(bars.close @ bars.close, math.sqrt(2.0), talib.RSI(bars.close, 3), np.corrcoef(bars.close, bars.open + s))
big = np.ones((400, 400)) @ np.ones((400, 400))
ops.latch(bars.close > 2, bars.close > 5), ops.zscore(bars.close, 3)
print_me = f'{f} {s.describe()} {big}'
return Targets(exposure=np.clip(s.ewm(span=3).mean().to_numpy() / 100.0, -1, 1))
"""
    with worker.session(source_of(body)) as session:
        assert session.decide(window_of(), keep=1).exposure[0] > 0


def test_every_layer_is_reached_here_and_the_report_says_so(worker) -> None:
    found = worker.level

    assert found.is_full
    assert {layer.name for layer in found.layers if layer.required} >= {
        "rlimits",
        "landlock",
        "seccomp",
        "no_new_privs",
        "still clock",
    }
    assert found.to_json()["full"] is True


READY = Ready(layers={"landlock": "", "seccomp": "", "no_new_privs": "", "capabilities": ""}, refused={"open": True})
HELLO = Hello(error="", pinned=True, numerics="", clock="", addresses="", network="no namespaces here")
STATUS = {"Seccomp": "2", "NoNewPrivs": "1", "Threads": "1", "CapEff": "0000000000000000"}


@pytest.mark.parametrize(
    ("field", "value", "layer"),
    [
        ("Seccomp", "0", "seccomp"),
        ("NoNewPrivs", "0", "no_new_privs"),
        ("Threads", "2", "single thread"),
        ("CapEff", "000001ffffffffff", "capabilities"),
    ],
)
def test_a_child_s_word_against_proc_does_not_count(field, value, layer) -> None:
    assert level.judge(status=STATUS, ready=READY, hello=HELLO).is_full

    found = level.judge(status={**STATUS, field: value}, ready=READY, hello=HELLO)

    assert [x.name for x in found.missing] == [layer]


def test_a_door_that_was_not_refused_is_a_missing_layer() -> None:
    ajar = Ready(layers=READY.layers, refused={"open": True, "fork": False})

    found = level.judge(status=STATUS, ready=ajar, hello=HELLO)

    assert [x.detail for x in found.missing] == ["these were not refused: fork"]


def test_a_missing_layer_is_an_undecided_error_with_kernel_and_remedy() -> None:
    without = Ready(layers={**READY.layers, "landlock": "Function not implemented"}, refused={})
    found = level.judge(status=STATUS, ready=without, hello=HELLO)

    with pytest.raises(SandboxError, match=r"missing landlock .*Linux 5\.13") as caught:
        level.require_full(found)

    assert caught.value.exit_code == 3
    assert os.uname().release in str(caught.value)


def test_a_clock_that_runs_is_a_missing_layer() -> None:
    running = msgspec.structs.replace(HELLO, clock="this process has no vDSO")

    found = level.judge(status=STATUS, ready=READY, hello=running)

    assert [x.name for x in found.missing] == ["still clock"]
    with pytest.raises(SandboxError, match=r"missing still clock .*needs a kernel whose vDSO"):
        level.require_full(found)


def test_addresses_that_the_kernel_draws_are_told_but_not_required() -> None:
    drawn = msgspec.structs.replace(HELLO, addresses="the kernel still draws them for each run")

    found = level.judge(status=STATUS, ready=READY, hello=drawn)

    assert found.is_full
    assert "fixed addresses" in found.summary()


def address_seen(source_of, window_of, **layout) -> float:
    body = "return Targets(exposure=np.full(n, np.ndarray.__class__.__hash__(np.ndarray) % 1000003 / 1e6))"
    with Worker(**layout) as worker, worker.session(source_of(body)) as session:
        layers = {layer.name: layer.reached for layer in session.level.layers}
        if not layers["fixed addresses"]:
            pytest.skip("this kernel does not let a process fix its addresses, and the level says so")
        return float(session.decide(window_of(), keep=1).exposure[0])


def test_an_address_that_a_strategy_reads_is_the_same_in_every_worker(source_of, window_of) -> None:
    assert len({address_seen(source_of, window_of) for _ in range(3)}) == 1


def test_an_address_differs_in_a_worker_whose_memory_is_laid_out_otherwise_and_always_alike(
    source_of, window_of
) -> None:
    shifted = {address_seen(source_of, window_of, shifted_addresses=True) for _ in range(2)}

    assert len(shifted) == 1
    assert address_seen(source_of, window_of) not in shifted


def test_starting_a_worker_leaves_its_evaluator_as_it_was() -> None:
    before = kernel.addresses_are_fixed()

    with Worker():
        assert kernel.addresses_are_fixed() is before


def test_a_wanted_layer_may_be_missing() -> None:
    found = level.judge(status=STATUS, ready=READY, hello=HELLO)

    assert found.is_full
    assert "without empty network" in found.summary()
