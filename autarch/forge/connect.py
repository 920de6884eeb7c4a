"""Which forge, as whom: the one place that turns a configuration or a job's environment into a client.

Verbs ask here and never look at the kind of forge themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from autarch.errors import ConfigError
from autarch.forge.client import ForgeClient
from autarch.forge.credentials import AppInstallation, Credential, Token
from autarch.forge.protection import ACTIONS_APP
from autarch.forge.shapes_common import CI_APP, number_of
from autarch.forge.transport import PATIENCE_S
from autarch.repo.runner import Remote
from autarch.workspace import GITHUB_API, TokenRole, Workspace

WORKFLOW_LOGIN = "github-actions[bot]"
"""Whom a workflow's own token speaks for; it may not ask."""

API, REPOSITORY, TOKEN = "GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN"
APP_ID, APP_KEY, APP_KEY_FILE, APP_INSTALLATION = (
    "AUTARCH_APP_ID",
    "AUTARCH_APP_KEY",
    "AUTARCH_APP_KEY_FILE",
    "AUTARCH_APP_INSTALLATION",
)
LOGIN = "AUTARCH_LOGIN"
"""Whose comments are ours, where the token is neither an App's nor the workflow's own."""


def open_forge(workspace: Workspace, role: TokenRole, *, patience_s: float = PATIENCE_S) -> ForgeClient:
    """Return a client of the workspace's forge that speaks for `role`.

    Raises:
        ConfigError: no forge runs, or the role has neither a token nor an App.
    """
    return ForgeClient(
        workspace.forge_url, workspace.forge_repository, credential_of(workspace, role), patience_s=patience_s
    )


def open_remote(workspace: Workspace, role: TokenRole) -> Remote:
    """Return the forge's git repository as `role` reaches it.

    Raises:
        ConfigError: as `open_forge`.
    """
    with open_forge(workspace, role) as forge:
        return forge.git_remote()


def gate_app(workspace: Workspace) -> int:
    """Return the number of the App whose checks count on the workspace's forge."""
    if workspace.forge_kind == "local":
        return number_of("app", CI_APP)
    return workspace.config.forge.gate_app or ACTIONS_APP


def credential_of(workspace: Workspace, role: TokenRole) -> Credential:
    """Return what authenticates `role`: the configured App where it speaks for that role, else its token file.

    Raises:
        ConfigError: neither is there, or others may read it.
    """
    app = workspace.config.forge.app
    if app is None or role not in app.roles:
        return Token(workspace.token(role))
    return AppInstallation(
        app_id=app.id,
        key_pem=workspace.app_key(),
        repository=workspace.forge_repository,
        installation=app.installation or None,
    )


def from_environment(environment: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> ForgeClient:
    """Return a client for a job: an App where `AUTARCH_APP_ID` and its key are set, else the job's own token.

    Args:
        environment: GITHUB_API_URL (default github.com), GITHUB_REPOSITORY, and GITHUB_TOKEN or
            AUTARCH_APP_ID with AUTARCH_APP_KEY (PEM) or AUTARCH_APP_KEY_FILE.
        patience_s: Longest wait of one request for rate limits.

    Raises:
        ConfigError: a variable is missing.
    """
    repository = environment.get(REPOSITORY, "")
    if not repository:
        raise ConfigError(f"{REPOSITORY} is not set; expected owner/name, as in a workflow")
    url = environment.get(API) or GITHUB_API
    return ForgeClient(url, repository, _job_credential(environment, repository), patience_s=patience_s)


def _job_credential(environment: Mapping[str, str], repository: str) -> Credential:
    app_id = environment.get(APP_ID, "")
    if not app_id:
        token = environment.get(TOKEN, "")
        if not token:
            raise ConfigError(f"neither {TOKEN} nor {APP_ID} is set; give the step one of them")
        return Token(token, login=environment.get(LOGIN) or (WORKFLOW_LOGIN if token.startswith("ghs_") else None))
    installation = environment.get(APP_INSTALLATION, "")
    if installation and not (installation.isascii() and installation.isdigit()):
        raise ConfigError(f"{APP_INSTALLATION} is {installation!r}; expected a number")
    return AppInstallation(
        app_id=app_id,
        key_pem=_job_key(environment),
        repository=repository,
        installation=int(installation) if installation else None,
    )


def _job_key(environment: Mapping[str, str]) -> bytes:
    if key := environment.get(APP_KEY):
        return key.encode("utf-8")
    if file := environment.get(APP_KEY_FILE):
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise ConfigError(f"{APP_KEY_FILE} names {file}, which cannot be read: {error}") from error
    raise ConfigError(f"{APP_ID} is set without {APP_KEY} or {APP_KEY_FILE}; give its private key")
