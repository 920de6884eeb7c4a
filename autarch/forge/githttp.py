"""Git's smart HTTP through `git http-backend`: bodies are streamed both ways, nothing is buffered.

The environment is built from nothing: the caller's name and a ticket for the hook are put there
after authentication, and `http.receivepack` stays unset, so that git itself refuses an anonymous push.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from autarch.forge.create import PUSH_BYTES_MAX, clean_environment
from autarch.forge.gatekeeper import Gatekeeper
from autarch.forge.wire import Account

BODY_BYTES_MAX = PUSH_BYTES_MAX + 1024 * 1024
CHUNK_BYTES = 65_536
HEAD_BYTES_MAX = 16_384
SERVICE_S_MAX = 600.0
_SERVICES = ("git-upload-pack", "git-receive-pack")
_READ_ONLY_ROLES = ("deployer",)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitService:
    """Serves one bare repository. `on_push` runs after a push, before the pusher hears of it."""

    repo: Path
    gatekeeper: Gatekeeper
    on_push: Callable[[], None]

    async def respond(self, request: Request, account: Account, path: str) -> Response:
        """Answer one request of git's; `path` is what follows `<name>.git/`."""
        service = _service(request, path)
        if service is None:
            return PlainTextResponse("only git's smart protocol is served here\n", status_code=404)
        if service == "git-receive-pack" and account.role in _READ_ONLY_ROLES:
            return PlainTextResponse(f"role {account.role} reads and does not push\n", status_code=403)
        environment = self._environment(request, account, path)
        if request.method != "POST" or service != "git-receive-pack":
            return await self._run(request, environment, ended=None)
        admitted = contextlib.ExitStack()
        environment |= admitted.enter_context(self.gatekeeper.admit(account))
        admitted.callback(self.on_push)
        return await self._run(request, environment, ended=admitted)

    def _environment(self, request: Request, account: Account, path: str) -> dict[str, str]:
        headers = request.headers
        given = {
            "CONTENT_TYPE": headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
            "GIT_PROTOCOL": headers.get("git-protocol", ""),
            # Without a length the backend reads to the end, which is how a chunked body arrives here.
            "CONTENT_LENGTH": headers.get("content-length", ""),
        }
        return {
            **clean_environment(),
            **{name: value for name, value in given.items() if value},
            "GIT_PROJECT_ROOT": str(self.repo.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{self.repo.name}/{path}",
            "QUERY_STRING": request.url.query,
            "REQUEST_METHOD": request.method,
            "REMOTE_ADDR": request.client.host if request.client else "",
            "REMOTE_USER": account.login,
        }

    async def _run(
        self, request: Request, environment: dict[str, str], *, ended: contextlib.ExitStack | None
    ) -> Response:
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that its own children end with it
            limit=CHUNK_BYTES,
        )
        pump = asyncio.create_task(_pump(request, process))
        try:
            async with asyncio.timeout(SERVICE_S_MAX):
                status, headers = await _read_head(process)
                # git answers its head before it has read the body, and a streaming response reads the request to
                # notice a lost client: begun any earlier, it would swallow part of the body.
                await asyncio.wait({pump})
        except BaseException:
            await _finish(process, pump, ended)
            raise
        return StreamingResponse(self._body(process, pump, ended), status_code=status, headers=headers)

    async def _body(
        self, process: asyncio.subprocess.Process, pump: asyncio.Task[None], ended: contextlib.ExitStack | None
    ) -> AsyncIterator[bytes]:
        assert process.stdout is not None  # noqa: S101  it was asked for
        try:
            async with asyncio.timeout(SERVICE_S_MAX):
                while chunk := await process.stdout.read(CHUNK_BYTES):
                    yield chunk
        finally:
            await _finish(process, pump, ended)


def _service(request: Request, path: str) -> str | None:
    if path == "info/refs" and request.method == "GET":
        named = request.query_params.get("service")
        return named if named in _SERVICES else None
    return path if path in _SERVICES and request.method == "POST" else None


async def _pump(request: Request, process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None  # noqa: S101  it was asked for
    seen = 0
    try:
        async for chunk in request.stream():
            seen += len(chunk)
            if seen > BODY_BYTES_MAX:
                _log.warning("a request of more than %d bytes was cut off", BODY_BYTES_MAX)
                _kill(process)
                return
            if chunk:  # a body ends with an empty one, when git may have ended as well
                process.stdin.write(chunk)
                await process.stdin.drain()
    except ClientDisconnect:
        _kill(process)
    except (BrokenPipeError, ConnectionResetError, RuntimeError):
        pass  # git has heard enough; what it answers says why. RuntimeError is uvloop's word for it
    finally:
        with contextlib.suppress(RuntimeError):
            process.stdin.close()


async def _read_head(process: asyncio.subprocess.Process) -> tuple[int, dict[str, str]]:
    assert process.stdout is not None  # noqa: S101  it was asked for
    status, headers, size = 200, dict[str, str](), 0
    while line := (await process.stdout.readline()).rstrip(b"\r\n"):
        size += len(line)
        name, _, value = line.decode("latin-1").partition(":")
        if size > HEAD_BYTES_MAX:
            break
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name] = value.strip()
    if not headers:
        return 502, {}
    return status, headers


async def _finish(
    process: asyncio.subprocess.Process, pump: asyncio.Task[None], ended: contextlib.ExitStack | None
) -> None:
    await _end(process, pump)
    if ended is not None:
        await run_in_threadpool(ended.close)


async def _end(process: asyncio.subprocess.Process, pump: asyncio.Task[None]) -> None:
    pump.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await pump
    if process.returncode is None:
        try:
            async with asyncio.timeout(5.0):
                await process.wait()
        except TimeoutError:
            _kill(process)
            await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
