"""`autarch desk`: the pages a human reviews on, on this machine alone."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.cli.telling import tell
from autarch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import socket

    from autarch.desk.room import Room
    from autarch.workspace import Workspace

LOOPBACK = "127.0.0.1"
GRACE_S = 2
MERGE_S = 30.0
"""How long a page waits for a forge that computes or queues a merge; what comes later, the queue page shows."""


def register(app: typer.Typer) -> None:
    """Add the verb `desk`."""
    app.command("desk")(desk)


def desk(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything but loopback travels unencrypted.")
    ] = LOOPBACK,
) -> int:
    """Serve the review desk until Ctrl-C. The first line printed is the address that lets a browser in.

    Merging and approving ask for a code that is printed here, on the terminal, and nowhere else.

    Example: autarch desk --port 8411
    """
    import uvicorn

    from autarch.cli.main import load
    from autarch.desk.app import build_app
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    with _bound(host, port) as listener:
        place = f"{host}:{listener.getsockname()[1]}"
        room = _room(workspace, place)
        library = load("ci.page").library().encode("utf-8")
        config = uvicorn.Config(
            build_app(room, library=library),
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        print(f"http://{place}/enter?key={room.doors.sessions.key}", flush=True)
        if host != LOOPBACK:
            tell(f"listening on {host}: whoever reads the line above on its way is let in; put a TLS proxy in front")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            room.forge.close()
            room.live.close()
    return 0


def _room(workspace: Workspace, place: str) -> Room:
    from autarch.desk.commands import Commands, runner
    from autarch.desk.forge_view import ForgeView
    from autarch.desk.guard import Doors
    from autarch.desk.jobs import Jobs
    from autarch.desk.live_feed import LiveFeed, starter
    from autarch.desk.room import Room
    from autarch.desk.sessions import Bucket, Codes, Sessions, new_secret
    from autarch.forge.merging import Patience
    from autarch.paths import cache_root, private_directory

    clock = time.monotonic
    return Room(
        forge=ForgeView(workspace=workspace, clock=clock),
        commands=Commands(run=runner(workspace.root), clock=clock),
        live=LiveFeed(start=starter(workspace.root, dict(os.environ)), clock=clock),
        codes=Codes(clock=clock, tell=tell),
        jobs=Jobs(folder=private_directory(cache_root() / "desk")),
        doors=Doors(
            host=place,
            sessions=Sessions(key=new_secret()),
            reads=Bucket(clock=clock, burst=120.0, per_s=30.0),
            deeds=Bucket(clock=clock, burst=10.0, per_s=1.0),
        ),
        host_folder=workspace.host_folder,
        wall=lambda: time.time_ns() / 1e9,
        patience=Patience(clock=clock, sleep=time.sleep, told=tell, seconds=MERGE_S),
    )


def _bound(host: str, port: int) -> socket.socket:
    import socket

    if ":" in host:
        raise UsageError(f"found host {host}; expected an IPv4 address or a name")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error}; choose another --port") from error
    return listener
