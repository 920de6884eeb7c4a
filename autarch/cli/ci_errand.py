"""What a human asks of the trusted side, run in a job: the ordinary verbs, in a workspace of the job's variables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from autarch.errors import ConfigError, UsageError

_TARGET = {"judge": re.compile(r"[a-z0-9][a-z0-9_]{0,39}\Z"), "close": re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")}
STORE_KEY = ".autarch/keys/store"
"""What sealed looks on the machine beside the hidden bars: their store's secret."""

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}\Z")


def errand(
    what: Annotated[str, typer.Argument(help="judge, forward or close.")],
    *,
    asked_by: Annotated[str, typer.Option(help="The human's login.")],
    target: Annotated[str, typer.Option(help="Pull request to judge, or data set whose epoch to close.")] = "",
) -> int:
    """Run a test for promotion, renew forward evidence, or close an epoch, as the job's environment allows.

    Example: autarch ci errand judge --target 12 --asked-by alice
    """
    from autarch.cli.app import run

    arguments = arguments_of(what, target=target, asked_by=asked_by)
    make_workspace(Path.cwd())
    return run(arguments)


def arguments_of(what: str, *, target: str, asked_by: str) -> list[str]:
    """Return the command line of an errand; everything in it was typed into a form by whoever may start workflows.

    Raises:
        UsageError: it is no errand, or target or login have another shape.
    """
    if not _LOGIN.match(asked_by):
        raise UsageError(f"{asked_by[:60]!r} is no login")
    if what == "forward":
        return ["forward", "--publish"]
    if what not in _TARGET:
        raise UsageError(f"{what[:60]!r} is no errand; there are judge, forward, close")
    if not _TARGET[what].match(target):
        raise UsageError(f"{target[:60]!r} is no target of {what}; expected a number or a name")
    verb = ["judge", target] if what == "judge" else ["ledger", "close", target, "--also-key", STORE_KEY]
    return [*verb, "--publish", "--asked-by", asked_by]


def make_workspace(root: Path) -> None:
    """Make the checkout a workspace whose role `ci` is the job's token and key; nothing else can be done there.

    One that is there already and the same is left: a verb may start this command anew by main's code.

    Raises:
        ConfigError: a variable is missing, or there is somebody's workspace.
    """
    from autarch.forge.state import write_private
    from autarch.workspace import CONFIG_NAME, AppSection, Config, ForgeSection, render_config

    needed = {name: os.environ.get(name, "") for name in ("GITHUB_REPOSITORY", "GITHUB_API_URL", "AUTARCH_CI_KEY")}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise ConfigError(f"{', '.join(missing)} is not set; this runs in a workflow's step")
    app, key = os.environ.get("AUTARCH_APP_ID", ""), os.environ.get("AUTARCH_APP_KEY", "")
    section = AppSection(id=app, key=".autarch/keys/app.pem", roles=("ci",)) if app and key else None
    forge = ForgeSection(repository=needed["GITHUB_REPOSITORY"], url=needed["GITHUB_API_URL"], app=section)
    config = render_config(Config(schema=1, forge=forge))
    if (root / CONFIG_NAME).exists():
        if (root / CONFIG_NAME).read_bytes() != config:
            raise ConfigError(f"{root / CONFIG_NAME} exists: this is somebody's workspace, and no job's checkout")
        return
    home = root / ".autarch"
    for folder in (home, home / "keys", home / "tokens"):
        folder.mkdir(mode=0o700, exist_ok=True)
    write_private(home / "keys" / "ci", (needed["AUTARCH_CI_KEY"].strip() + "\n").encode("ascii"))
    write_private(root / STORE_KEY, (os.environ.get("AUTARCH_DATA_HOLDOUT", "").strip() + "\n").encode("utf-8"))
    if section is None:
        write_private(home / "tokens" / "ci", f"{os.environ.get('GITHUB_TOKEN', '')}\n".encode("ascii"))
    else:
        write_private(home / "keys" / "app.pem", key.encode("ascii"))
    write_private(root / CONFIG_NAME, config)
