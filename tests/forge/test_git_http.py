"""Git over HTTP: large bodies, compressed ones, and what is cut off."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest

from autarch.forge import githttp
from autarch.forge.wire import LOCAL_REPOSITORY

from .conftest import Keys, Yard, make_yard, plain_git


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("http"), project, keys) as made:
        yield made


def noise(seed: int, n_bytes: int) -> bytes:
    return random.Random(seed).randbytes(n_bytes)  # noqa: S311  bytes that do not compress


def test_a_push_too_large_for_one_buffer_arrives_whole(shared: Yard) -> None:
    """Above http.postBuffer (1 MiB) git sends chunks of unnamed total length."""
    content = noise(1, 3_000_000)
    head = shared.commit({"docs/large.bin": content})

    code, said = shared.push("human", f"{head}:refs/heads/human/large")

    assert code == 0, said
    assert shared.bare.blob_at(head, "docs/large.bin") == content


def test_a_push_beyond_the_limit_is_cut_off_and_moves_nothing(shared: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(githttp, "BODY_BYTES_MAX", 1_000_000)
    head = shared.commit({"docs/larger.bin": noise(2, 3_000_000)})

    code, _ = shared.push("human", f"{head}:refs/heads/human/larger")

    assert code != 0
    assert shared.bare.read_ref("refs/heads/human/larger") is None
    assert shared.client("human").user().login == "human"


def test_a_compressed_request_is_understood(shared: Yard) -> None:
    want = f"0032want {shared.main}\n".encode() + b"00000009done\n"
    headers = {
        "Authorization": f"Bearer {shared.tokens['agent']}",
        "Content-Type": "application/x-git-upload-pack-request",
        "Content-Encoding": "gzip",
    }

    with httpx.Client(trust_env=False) as http:
        answer = http.post(
            f"{shared.url}/{LOCAL_REPOSITORY}.git/git-upload-pack", content=gzip.compress(want), headers=headers
        )

    assert answer.status_code == 200
    assert answer.content.startswith(b"0008NAK\nPACK")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "info/refs"),
        ("GET", "HEAD"),
        ("GET", "config"),
        ("GET", "objects/info/packs"),
        ("GET", "../forge.json"),
        ("GET", "info/refs?service=git-upload-archive"),
        ("POST", "git-upload-archive"),
        ("GET", "git-receive-pack"),
    ],
)
def test_only_gits_smart_services_are_served(shared: Yard, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {shared.tokens['human']}"}

    with httpx.Client(trust_env=False) as http:
        answer = http.request(method, f"{shared.url}/{LOCAL_REPOSITORY}.git/{path}", headers=headers)

    assert answer.status_code in {404, 405}


def test_a_clone_needs_a_token_and_gets_every_byte(shared: Yard, tmp_path) -> None:
    remote = shared.remote("deployer")

    without, _ = plain_git("clone", "--quiet", "--bare", remote.url, str(tmp_path / "without"))
    code, said = plain_git(
        "clone", "--quiet", "--mirror", remote.url, str(tmp_path / "clone"), env=remote.environment()
    )

    assert without != 0
    assert code == 0, said
    assert plain_git("rev-parse", "main", cwd=tmp_path / "clone")[1].strip() == shared.main


class EndedPipe:
    """The standard input of a process that has just ended, as uvloop shows it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        self.written.append(chunk)
        raise RuntimeError("unable to perform operation on <WriteUnixTransport closed=True>; the handler is closed")

    async def drain(self) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        raise RuntimeError("the handler is closed")


@pytest.mark.parametrize("chunks", [[b""], [b"0000", b""]])
def test_a_git_that_ends_before_its_body_does_spoils_no_answer(chunks: list[bytes]) -> None:
    class Request:
        async def stream(self):
            for chunk in chunks:
                yield chunk

    process = SimpleNamespace(stdin=EndedPipe())

    asyncio.run(githttp._pump(Request(), process))  # type: ignore[arg-type]

    assert process.stdin.written == [chunk for chunk in chunks if chunk][:1]
