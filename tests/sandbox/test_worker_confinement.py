"""What a strategy with all of os at hand can reach: nothing. And how the parent knows."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from autarch.errors import ConfigError, SandboxError
from autarch.sandbox import Worker, doors, kernel, level
from autarch.sandbox.control import Hello
from autarch.sandbox.layers import REQUIRED, WANTED, demands_of
from autarch.sandbox.level import Seen
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


def test_proc_shows_exactly_two_pipe_ends_and_no_variable_of_a_child_that_has_answered(
    worker, source_of, window_of
) -> None:
    with worker.session(source_of("return Targets(exposure=np.zeros(n))")) as session:
        session.decide(window_of(), keep=1)
        child = Path(f"/proc/{session.pid}")
        ends = sorted(str(end.readlink()).partition(":")[0] for end in (child / "fd").iterdir())
        variables = (child / "environ").read_bytes()

    assert ends == ["pipe", "pipe"]
    assert variables.strip(b"\0") == b""


def test_a_child_and_its_zygote_share_no_pipe_end_with_another_session(worker, source_of) -> None:
    def pipes(pid: int) -> set[str]:
        return {str(end.readlink()) for end in Path(f"/proc/{pid}/fd").iterdir()}

    flat = source_of("return Targets(exposure=np.zeros(n))")
    with worker.session(flat) as one, worker.session(flat) as other:
        assert len(pipes(one.pid) | pipes(other.pid)) == 4
        assert not pipes(one.pid) & pipes(worker.zygote_pid)


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
        "signals",
        "descriptors",
        "environment",
        "self-test",
    }
    assert found.to_json()["full"] is True


SHARED_FILTERS = int(
    dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())["Seccomp_filters"]
)
TOLD = ("process", "rlimits", "no_new_privs", "capabilities", "landlock", "signals", "seccomp")
READY = Ready(layers=dict.fromkeys(TOLD, ""), refused=dict.fromkeys(doors.NAMES, True))
HELLO = Hello(error="", pinned=True, numerics="", clock="", addresses="", host="", processes="", root="")
STATUS = {
    "Seccomp": "2",
    "Seccomp_filters": str(2 + SHARED_FILTERS),
    "NoNewPrivs": "1",
    "Threads": "1",
    **dict.fromkeys(("CapEff", "CapPrm", "CapInh", "CapAmb"), "0000000000000000"),
}
LIMITS = {
    **dict.fromkeys(("Max file size", "Max core file size", "Max processes", "Max open files"), "0"),
    "Max address space": "2147483648",
    "Max cpu time": "601",
}
SEEN = Seen(
    status=STATUS,
    limits=LIMITS,
    descriptors=2,
    environment=bytes(40),
    root="/empty (deleted)",
    spaces={"net": "net:[1]", "user": "user:[1]", "pid": "pid:[1]"},
)


def missing_of(*, seen=SEEN, ready=READY, hello=HELLO) -> list[str]:
    return [x.name for x in level.judge(seen=seen, ready=ready, hello=hello).layers if not x.reached]


def test_a_child_of_which_all_is_well_reaches_every_layer() -> None:
    assert missing_of() == []


@pytest.mark.parametrize(
    ("field", "value", "layer"),
    [
        ("Seccomp", "0", "seccomp"),
        ("Seccomp_filters", str(1 + SHARED_FILTERS), "seccomp"),  # the rehearsal's alone, which lets more through
        ("NoNewPrivs", "0", "no_new_privs"),
        ("Threads", "2", "single thread"),
        ("CapEff", "000001ffffffffff", "capabilities"),
        ("CapPrm", "000001ffffffffff", "capabilities"),
    ],
)
def test_a_child_s_word_against_proc_does_not_count(field, value, layer) -> None:
    assert missing_of(seen=replace(SEEN, status={**STATUS, field: value})) == [layer]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "unlimited") for name in LIMITS),
        *((name, "1") for name in LIMITS if name.split()[-1] not in {"space", "time"}),
    ],
)
def test_a_limit_that_proc_does_not_show_is_no_limit(name, value) -> None:
    assert missing_of(seen=replace(SEEN, limits={**LIMITS, name: value})) == ["rlimits"]


@pytest.mark.parametrize(
    ("changed", "layer"),
    [
        ({"descriptors": 3}, "descriptors"),
        ({"descriptors": None}, "descriptors"),
        ({"environment": b"HOME=/root\0"}, "environment"),
        ({"environment": None}, "environment"),
        ({"root": "/"}, "empty root"),
        ({"root": ""}, "empty root"),
    ],
)
def test_what_else_proc_shows_decides(changed, layer) -> None:
    assert missing_of(seen=replace(SEEN, **changed)) == [layer]


@pytest.mark.parametrize("kind", ["net", "user", "pid"])
def test_a_namespace_shared_with_the_evaluator_is_none(kind) -> None:
    names = {"net": "network namespace", "user": "user namespace", "pid": "pid namespace"}
    ours = str(Path(f"/proc/self/ns/{kind}").readlink())

    assert missing_of(seen=replace(SEEN, spaces={**SEEN.spaces, kind: ours})) == [names[kind]]


def test_where_nothing_is_shown_of_a_child_nothing_is_believed() -> None:
    blind = Seen(status={}, limits={}, descriptors=None, environment=None, root="", spaces={})

    assert set(missing_of(seen=blind)) >= {"seccomp", "no_new_privs", "capabilities", "single thread", "rlimits"}


def test_a_kernel_without_signal_scope_needs_process_numbers_of_its_own(monkeypatch) -> None:
    shared = replace(SEEN, spaces={**SEEN.spaces, "pid": str(Path("/proc/self/ns/pid").readlink())})
    monkeypatch.setattr(kernel, "landlock_abi", lambda: 5)

    assert missing_of() == []
    assert missing_of(seen=shared) == ["signals", "pid namespace"]


@pytest.mark.parametrize("layer", TOLD)
def test_a_layer_that_failed_or_was_not_mentioned_is_missing(layer) -> None:
    failed = Ready(layers={**READY.layers, layer: "Function not implemented"}, refused=READY.refused)
    silent = Ready(layers={name: "" for name in TOLD if name != layer}, refused=READY.refused)

    assert missing_of(ready=failed) == [layer]
    assert missing_of(ready=silent) == [layer]


@pytest.mark.parametrize("door", doors.NAMES)
def test_a_door_that_was_not_refused_or_not_tried_is_a_missing_layer(door) -> None:
    ajar = {**READY.refused, door: False}
    untried = {name: True for name in doors.NAMES if name != door}

    for refused in (ajar, untried):
        found = level.judge(seen=SEEN, ready=Ready(layers=READY.layers, refused=refused), hello=HELLO)
        assert [x.detail for x in found.missing] == [f"these were not refused: {door}"]


def test_a_missing_layer_is_an_undecided_error_with_kernel_and_remedy() -> None:
    without = Ready(layers={**READY.layers, "landlock": "Function not implemented"}, refused=READY.refused)
    found = level.judge(seen=SEEN, ready=without, hello=HELLO)

    with pytest.raises(SandboxError, match=r"missing landlock .*Linux 5\.13") as caught:
        level.require_full(found)

    assert caught.value.exit_code == 3
    assert os.uname().release in str(caught.value)


@pytest.mark.parametrize(
    ("field", "layer"),
    [("clock", "still clock"), ("addresses", "fixed addresses")],
)
def test_what_the_zygote_could_not_do_is_missing_with_its_reason(field, layer) -> None:
    found = level.judge(seen=SEEN, ready=READY, hello=msgspec.structs.replace(HELLO, **{field: "not here"}))

    assert [(x.name, x.detail) for x in found.layers if not x.reached] == [(layer, "not here")]


def test_a_zygote_that_was_not_exec_d_under_the_pin_is_missed() -> None:
    assert missing_of(hello=msgspec.structs.replace(HELLO, pinned=False)) == ["numeric pin"]


def test_a_wanted_layer_may_be_missing_and_is_a_warning_with_its_remedy() -> None:
    shared = replace(SEEN, spaces={**SEEN.spaces, "pid": str(Path("/proc/self/ns/pid").readlink())})
    hello = msgspec.structs.replace(HELLO, processes="Operation not permitted")

    found = level.judge(seen=shared, ready=READY, hello=hello)

    assert found.is_full
    assert "without pid namespace" in found.summary()
    (warning,) = level.warnings_of(found)
    assert warning.startswith(f"wanted layer pid namespace is missing on Linux {os.uname().release} (Operation not")
    assert "containers" in warning


def test_a_policy_that_requires_a_wanted_layer_is_obeyed() -> None:
    strict = demands_of((*REQUIRED, "empty root"), [name for name in WANTED if name != "empty root"])
    found = level.judge(seen=replace(SEEN, root="/"), ready=READY, hello=HELLO, demands=strict)

    assert [x.name for x in found.missing] == ["empty root"]
    assert level.warnings_of(found) == ()


@pytest.mark.parametrize(
    ("required", "wanted", "told"),
    [
        ((*REQUIRED, "luck"), WANTED, "no layer of confinement is called luck"),
        (REQUIRED, WANTED[1:], f"once; see {WANTED[0]}"),
        ((*REQUIRED, WANTED[0]), WANTED, f"once; see {WANTED[0]}"),
        (REQUIRED[1:], (*WANTED, REQUIRED[0]), f"{REQUIRED[0]} must be required"),
    ],
)
def test_demands_that_name_a_layer_wrongly_or_lower_the_floor_are_refused(required, wanted, told) -> None:
    with pytest.raises(ConfigError, match=told):
        demands_of(required, wanted)


def test_of_two_workers_the_weaker_counts() -> None:
    whole = level.judge(seen=SEEN, ready=READY, hello=HELLO)
    weak = level.judge(seen=SEEN, ready=READY, hello=msgspec.structs.replace(HELLO, clock="it runs"))

    assert level.weakest(whole, weak) == level.weakest(weak, whole) == weak
    assert level.weakest(whole, whole) == whole


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
