"""`autarch forge`: serve the local forge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import ConfigError

if TYPE_CHECKING:
    from autarch.forge.gate_process import TrustedGate
    from autarch.forge.office import Office


def register(app: typer.Typer) -> None:
    """Add the verb `forge`."""
    forge = typer.Typer(help="Serve the local forge.", no_args_is_help=True)
    forge.callback()(_root)
    forge.command("serve")(serve)
    app.add_typer(forge, name="forge")


def _root() -> None:
    """Serve the local forge: pull requests, git, the gate as its CI, and pages for review."""


def serve(
    *,
    state: Annotated[Path | None, typer.Option(help="The forge's folder; default: the workspace's.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on; tokens travel unencrypted.")] = "127.0.0.1",
    policy: Annotated[str | None, typer.Option(help="Policy file on main, for as long as this runs.")] = None,
    no_ci: Annotated[bool, typer.Option("--no-ci", help="Serve without judging pull requests.")] = False,
) -> int:
    """Serve until SIGTERM or Ctrl-C. The first line printed is the URL, also written to <state>/url.

    Judges every new head with main's code, and again whenever main moves.

    Example: autarch forge serve --port 8410
    """
    import logging
    import sys

    from autarch.forge import serve as serving
    from autarch.forge.state import ForgeState
    from autarch.workspace import Workspace

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    workspace = None if state is not None and no_ci else Workspace.find()
    folder = state if state is not None else (workspace.forge_folder if workspace is not None else None)
    if folder is None:
        raise ConfigError("found no forge to serve; expected --state or a workspace. Run: autarch init")

    def make_gate(office: Office) -> TrustedGate:
        from autarch.forge.gate_process import TrustedGate

        root = workspace.root if workspace is not None else folder
        return TrustedGate(office.repo, workspace=root, policy_path=office.policy_path)

    serving.serve(
        ForgeState(folder.resolve()),
        serving.ServeOptions(host=host, port=port, policy_path=policy),
        make_gate=None if no_ci else make_gate,
        make_errander=None if no_ci else make_gate,
        told=lambda url: print(url, flush=True),
    )
    return 0
