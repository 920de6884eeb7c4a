"""What the modules of `autarch live` share: workspace, host, deployer, narration."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.telling import tell
from autarch.errors import ConfigError

if TYPE_CHECKING:
    from autarch.workspace import Workspace

PROGRESS_EVERY = 500

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Account = Annotated[str | None, typer.Option(help="Account of the portfolio; default: the only one.")]


def find_workspace() -> Workspace:
    """Return the workspace that the working directory lies in."""
    from autarch.workspace import Workspace

    return Workspace.find()


def host_of(workspace: Workspace) -> Any:
    """Return the workspace's `live.host.Host`."""
    from autarch.cli.main import load

    return load("live.host").Host(root=workspace.host_folder)


def deployer(workspace: Workspace) -> Any:
    """Return a `live.deployer.Deployer` that re-derives evidence in processes of its own."""
    import autarch
    from autarch.cli.main import load
    from autarch.repo.engine import engine_digest

    rederiving = load("live.rederive")
    repo = workspace.repo
    return load("live.deployer").Deployer(
        repo=repo,
        host=host_of(workspace),
        stores=workspace.stores(),
        engine=engine_digest(),
        version=autarch.__version__,
        rederive=lambda evidence, signers: rederiving.rederive_all(
            repo, workspace.root, evidence, signers=signers, progress=tell
        ),
        remote=remote_of(workspace),
        progress=tell,
    )


def remote_of(workspace: Workspace) -> Any:
    """Return the forge, or None while it is down: what was verified and fetched before still runs."""
    try:
        return workspace.remote("deployer")
    except ConfigError as error:
        tell(f"working without the forge: {error}")
        return None


def pin() -> None:
    """Become numerically pinned; may start this command once more."""
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])


def unread_text(installed: Any) -> str:
    """Say what a repeated verification could not read again."""
    return f"verified earlier on this host; {', '.join(installed.unread)} not read again (forge unreachable)"


def bar_progress(done: int, of: int) -> None:
    """Narrate every so many bars."""
    if done % PROGRESS_EVERY == 0 or done == of:
        tell(f"{done} of {of} bars")
