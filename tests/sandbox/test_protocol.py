"""Frames between an evaluator and a child: exact round trips, and nothing believed beyond its size."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.sandbox import protocol
from autarch.sandbox.child import read_frame, write_frame
from autarch.sandbox.failure import TEXT_MAX, printable
from autarch.sandbox.pipes import FramePipes, PipeClosedError, PipeGarbageError, PipeTimeoutError
from autarch.sandbox.protocol import DecideRequest, ErrorAnswer, OpenRequest, Stream


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
    st.integers(0, 1440),
    st.integers(1, 2048),
    st.integers(-1, 60),
)
def test_a_decide_request_survives_the_wire(streams, phase, keep, target) -> None:
    rows = [np.arange(10.0 * n).reshape(10, n) for _, _, n in streams]
    request = DecideRequest(
        phase=phase,
        keep=keep,
        target=target,
        streams=tuple(Stream(index=i, drop=d, rows=r) for (i, d, _), r in zip(streams, rows, strict=True)),
    )

    found = protocol.decode_request(protocol.encode_decide(request))

    assert isinstance(found, DecideRequest)
    assert (found.phase, found.keep, found.target) == (phase, keep, target)
    for sent, received in zip(request.streams, found.streams, strict=True):
        assert (sent.index, sent.drop) == (received.index, received.drop)
        assert sent.rows.tobytes() == received.rows.tobytes()


def test_an_open_request_keeps_the_types_of_parameters() -> None:
    request = OpenRequest(
        code=b"\xff\x00",
        symbols=("BTCUSDT",),
        context=(),
        interval_ms=60_000,
        mode="each",
        max_leverage=1.0,
        params={"a": 1, "b": 1.0, "c": True},
    )

    found = protocol.decode_request(protocol.encode_open(request))

    assert found == request
    assert [type(v) for v in found.params.values()] == [int, float, bool]


@given(st.binary(max_size=200))
def test_whatever_bytes_come_back_are_targets_of_the_right_size_an_error_or_refused(body: bytes) -> None:
    try:
        found = protocol.decode_answer(body, keep=2, columns=3)
    except ValueError:
        return
    if isinstance(found, ErrorAnswer):
        assert found.cause in {"raised", "answer", "memory"}
    else:
        assert [a.shape for a in found] == [(2, 3)] * 3


def test_targets_survive_the_wire_bit_for_bit() -> None:
    arrays = [np.array([[0.1, np.nan], [-0.0, 5e-324]]) for _ in range(3)]

    found = protocol.decode_answer(protocol.encode_targets(arrays), keep=2, columns=2)

    assert [a.tobytes() for a in found] == [a.tobytes() for a in arrays]


@given(st.text(max_size=3000))
def test_an_error_s_text_fits_its_frame_and_becomes_printable(text: str) -> None:
    body = protocol.encode_error("raised", 7, text)
    found = protocol.decode_answer(body, keep=1, columns=1)

    assert len(body) <= protocol.ERROR_BYTES_MAX
    assert isinstance(found, ErrorAnswer)
    assert found.line == 7
    assert printable(found.text).isprintable()
    assert len(printable(found.text)) <= TEXT_MAX


def test_frames_cross_pipes_larger_than_their_buffers(crossed) -> None:
    pipes, (far_read, far_write) = crossed
    body = bytes(range(256)) * 200  # 51,200 bytes; a pipe holds 65,536

    pipes.send(body, deadline=time.monotonic() + 5.0)
    write_frame(far_write, read_frame(far_read)[::-1])

    assert pipes.receive(bytes_max=len(body), deadline=time.monotonic() + 5.0) == body[::-1]


def test_a_reader_that_never_reads_a_writer_that_never_writes_and_one_that_is_gone(crossed) -> None:
    pipes, far = crossed

    with pytest.raises(PipeTimeoutError):
        pipes.send(bytes(1 << 20), deadline=time.monotonic() + 0.01)
    with pytest.raises(PipeTimeoutError):
        pipes.receive(bytes_max=10, deadline=time.monotonic() + 0.01)
    os.close(far.pop())
    with pytest.raises(PipeClosedError):
        pipes.receive(bytes_max=10, deadline=time.monotonic() + 5.0)
    os.close(far.pop())
    with pytest.raises(PipeClosedError):
        pipes.send(b"x", deadline=time.monotonic() + 5.0)


def test_a_frame_that_announces_too_much_is_refused_unread(crossed) -> None:
    pipes, (_, far_write) = crossed
    os.write(far_write, (11).to_bytes(4, "little"))

    with pytest.raises(PipeGarbageError, match="11 bytes; at most 10"):
        pipes.receive(bytes_max=10, deadline=time.monotonic() + 5.0)
