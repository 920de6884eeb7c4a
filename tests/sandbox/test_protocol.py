"""Frames between an evaluator and a child: exact round trips, and nothing believed beyond its size."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.sandbox import answers, protocol
from autarch.sandbox.child import read_frame, write_frame
from autarch.sandbox.failure import TEXT_MAX, printable
from autarch.sandbox.pipes import FramePipes, PipeClosedError, PipeGarbageError, PipeTimeoutError
from autarch.sandbox.protocol import DecideRequest, OpenRequest, Stream


@pytest.fixture
def crossed():
    """Our two ends, the far ends a child would hold."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    pipes = FramePipes(write_fd=to_write, read_fd=from_read)
    far = [to_read, from_write]
    yield pipes, far
    pipes.close()
    for fd in far:
        os.close(fd)


@given(
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 30_000), st.integers(0, 5)), max_size=4),
    st.lists(st.integers(0, 4000), max_size=5),
    st.lists(st.integers(-1, 60), min_size=1, max_size=3),
)
def test_a_decide_request_survives_the_wire(streams, sets, targets) -> None:
    request = DecideRequest(
        phase=1440,
        keep=2048,
        group=7,
        sets=tuple(sets),
        targets=tuple(targets),
        streams=tuple(
            Stream(index=i, drop=d, n_rows=n, columns=tuple(np.arange(3.0 * n).reshape(3, n))) for i, d, n in streams
        ),
    )

    found = protocol.decode_request(b"".join(protocol.encode_decide(request)), n_columns=3)

    assert isinstance(found, DecideRequest)
    assert (found.phase, found.keep, found.group) == (1440, 2048, 7)
    assert (found.sets, found.targets) == (tuple(sets), tuple(targets))
    for sent, received in zip(request.streams, found.streams, strict=True):
        assert (sent.index, sent.drop, sent.n_rows) == (received.index, received.drop, received.n_rows)
        assert np.stack(sent.columns).tobytes() == np.stack(received.columns).tobytes()


def test_an_open_request_keeps_the_types_of_parameters() -> None:
    request = OpenRequest(
        code=b"\xff\x00",
        symbols=("BTCUSDT",),
        context=(),
        columns=("close",),
        interval_ms=60_000,
        mode="each",
        params=({"a": 1, "b": 1.0, "c": True},),
    )

    found = protocol.decode_request(b"".join(protocol.encode_open(request)), n_columns=0)

    assert found == request
    assert [type(v) for v in found.params[0].values()] == [int, float, bool]


def test_only_columns_that_the_code_spells_are_sent_and_all_to_one_that_resamples() -> None:
    assert protocol.columns_named(b"x = bars.close - bars.context['ETHUSDT'].low") == ("low", "close")
    assert protocol.columns_named(b"return Targets(exposure=np.zeros(len(bars)) * p.slow)") == ()
    assert protocol.columns_named(b"h = bars.resample('1h')") == protocol.WINDOW_COLUMNS


CELLS = 6  # two rows kept, three symbols


@given(st.binary(max_size=200), st.integers(1, 3))
def test_whatever_bytes_come_back_are_answers_of_the_right_size_or_refused(body: bytes, count: int) -> None:
    try:
        found = answers.decode_group(memoryview(body), count=count, keep=2, columns=3)
    except ValueError:
        return
    assert found.exposure.shape == (count, 2, 3)
    assert all(error.cause in {"raised", "answer", "memory"} for error in found.failed.values())


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 8 * 3 * CELLS)), min_size=1, max_size=3), st.integers(-9, 9)
)
def test_an_answer_of_another_size_than_its_kind_s_is_refused(entries, more: int) -> None:
    body = answers.encode_group([(kind, bytes(size)) for kind, size in entries]) + bytes(max(more, 0))
    sizes = [[0, 1, CELLS][form] for kind, _ in entries if 1 <= kind <= 9 for form in divmod(kind - 1, 3)]
    exact = [8 * (CELLS + sum(sizes[2 * i : 2 * i + 2])) for i in range(len(entries))]
    fits = more <= 0 and all(1 <= kind <= 9 for kind, _ in entries) and [size for _, size in entries] == exact

    if fits:
        assert answers.decode_group(memoryview(body), count=len(entries), keep=2, columns=3).count == len(entries)
    elif all(kind for kind, _ in entries):
        with pytest.raises(ValueError, match="found"):
            answers.decode_group(memoryview(body), count=len(entries), keep=2, columns=3)


@pytest.mark.parametrize("stop", [None, 0.25, "full"])
@pytest.mark.parametrize("take", [None, 0.5, "full"])
def test_answers_survive_the_wire_bit_for_bit_alone_and_beside_others(stop, take) -> None:
    window = np.array([[9.0, 9.0], [0.1, np.nan], [-0.0, 5e-324]])
    stop, take = (window / 3 if form == "full" else form for form in (stop, take))
    one = answers.encode_given(window, stop, take, keep=2)
    bare = answers.encode_given(window * 2, None, None, keep=2)

    for sent in ([one], [bare, one, bare]):
        body = answers.encode_group(sent)
        found = answers.decode_group(memoryview(body), count=len(sent), keep=2, columns=2)
        at = len(sent) // 2

        assert len(body) <= answers.group_bytes_max(count=len(sent), keep=2, columns=2)
        assert found.exposure[at].tobytes() == window[1:].tobytes()
        for sent_form, came in ((stop, found.stop_loss), (take, found.take_profit)):
            if sent_form is None:
                assert came is None
            else:
                whole = np.broadcast_to(sent_form if isinstance(sent_form, float) else sent_form[1:], (2, 2))
                assert came[at].tobytes() == whole.tobytes()
                assert len(sent) == 1 or np.isnan(came[0]).all()


@given(st.text(max_size=3000))
def test_an_error_s_text_fits_its_frame_and_becomes_printable(text: str) -> None:
    body = answers.encode_group([answers.encode_failed("raised", 7, text)])
    found = answers.decode_group(memoryview(body), count=1, keep=1, columns=1).failed[0]
    unloaded = answers.decode_loaded(answers.encode_unloaded("raised", 7, text))

    assert len(body) <= answers.group_bytes_max(count=1, keep=1, columns=1)
    assert len(answers.encode_unloaded("raised", 7, text)) <= answers.ERROR_BYTES_MAX
    assert found == unloaded
    assert found.line == 7
    assert printable(found.text).isprintable()
    assert len(printable(found.text)) <= TEXT_MAX


def test_frames_cross_pipes_larger_than_their_buffers(crossed) -> None:
    pipes, (far_read, far_write) = crossed
    body = bytes(range(256)) * 200  # 51,200 bytes; a pipe holds 65,536 at least

    pipes.send([body[:1], b"", memoryview(body)[1:]], deadline=time.monotonic() + 5.0)
    write_frame(far_write, read_frame(far_read)[::-1])

    assert pipes.receive(bytes_max=len(body), deadline=time.monotonic() + 5.0) == body[::-1]


def test_a_frame_larger_than_any_pipe_goes_piece_by_piece(crossed) -> None:
    pipes, (far_read, far_write) = crossed
    body = bytes(range(256)) * 16_384  # 4 MiB
    received = []
    reader = threading.Thread(target=lambda: received.append(read_frame(far_read)))
    writer = threading.Thread(target=lambda: write_frame(far_write, body[::-1]))

    reader.start()
    pipes.send([body[i : i + 1024] for i in range(0, len(body), 1024)], deadline=time.monotonic() + 20.0)
    reader.join()
    writer.start()
    found = pipes.receive(bytes_max=len(body), deadline=time.monotonic() + 20.0)
    writer.join()

    assert received == [body]
    assert found == body[::-1]


def test_a_reader_that_never_reads_a_writer_that_never_writes_and_one_that_is_gone(crossed) -> None:
    pipes, far = crossed

    with pytest.raises(PipeTimeoutError):
        pipes.send([bytes(1 << 21)], deadline=time.monotonic() + 0.01)
    with pytest.raises(PipeTimeoutError):
        pipes.receive(bytes_max=10, deadline=time.monotonic() + 0.01)
    os.close(far.pop())
    with pytest.raises(PipeClosedError):
        pipes.receive(bytes_max=10, deadline=time.monotonic() + 5.0)
    os.close(far.pop())
    with pytest.raises(PipeClosedError):
        pipes.send([b"x"], deadline=time.monotonic() + 5.0)


def test_a_frame_that_announces_too_much_is_refused_unread(crossed) -> None:
    pipes, (_, far_write) = crossed
    os.write(far_write, (11).to_bytes(4, "little"))

    with pytest.raises(PipeGarbageError, match="11 bytes; at most 10"):
        pipes.receive(bytes_max=10, deadline=time.monotonic() + 5.0)
