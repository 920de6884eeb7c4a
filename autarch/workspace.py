"""A workspace: a clone of the project with `.autarch/config.toml`, which names what is not in Git.

.autarch/config.toml   this file; paths in it are relative to the clone's root
.autarch/keys/         ci, release: SSH keys, private to their owner
.autarch/tokens/       human, ci, agent, deployer: one forge token a file
.autarch/forge/        the local forge's state
.autarch/host/         a live host's trust, limits, releases and journal
"""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import msgspec

from autarch.canonical import parse_toml
from autarch.errors import ConfigError
from autarch.repo.git import GitRepo, Remote

if TYPE_CHECKING:
    from autarch.market.stores import Stores
    from autarch.market.types import Split

TokenRole = Literal["human", "ci", "agent", "deployer"]
KeyName = Literal["ci", "release"]

CONFIG_NAME = ".autarch/config.toml"
SECRET_BYTES_MAX = 8192
CONFIG_BYTES_MAX = 65_536


ForgeKind = Literal["local", "github"]
GITHUB_API = "https://api.github.com"
ENTERPRISE_API = "/api/v3"
"""Path under which a GitHub Enterprise server keeps its REST API; a URL that ends so is one."""


class AppSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[forge.app]`: a GitHub App that speaks for `roles` in place of their token files."""

    id: str
    key: str
    installation: int = 0
    roles: tuple[TokenRole, ...] = ("ci",)


class ForgeSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[forge]`. An empty `url` means the local forge in `folder`, wherever it listens now.

    `kind` says whose rules hold there; left out, it is github for github.com's API and for a URL that
    ends in /api/v3, and local for any other. `profile` and `gate_app` concern github: the plan, and the
    number of the App whose checks count (0: GitHub's own for workflows).
    """

    repository: str
    url: str = ""
    folder: str = ".autarch/forge"
    kind: ForgeKind | None = None
    profile: Literal["free", "pro", "org"] = "free"
    gate_app: int = 0
    app: AppSection | None = None


class TokensSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tokens]`: files, each one token."""

    human: str = ".autarch/tokens/human"
    ci: str = ".autarch/tokens/ci"
    agent: str = ".autarch/tokens/agent"
    deployer: str = ".autarch/tokens/deployer"


class KeysSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[keys]`: SSH private keys."""

    ci: str = ".autarch/keys/ci"
    release: str = ".autarch/keys/release"


class DataSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[data]`: fsspec roots by split; empty means the default. The environment outranks them."""

    train: str = ""
    holdout: str = ""
    forward: str = ""


class HostSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[host]`: where `autarch live` keeps its own things."""

    folder: str = ".autarch/host"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of config.toml."""

    schema: int
    forge: ForgeSection
    tokens: TokensSection = TokensSection()
    keys: KeysSection = KeysSection()
    data: DataSection = DataSection()
    host: HostSection = HostSection()


@dataclass(frozen=True, slots=True)
class Workspace:
    """One initialised clone: its root and its parsed configuration."""

    root: Path
    config: Config

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """Return the workspace that `start` (the working directory) lies in; $AUTARCH_WORKSPACE outranks it.

        Raises:
            ConfigError: no folder upwards has a configuration, or it does not parse.
        """
        named = os.environ.get("AUTARCH_WORKSPACE")
        first = (start or Path.cwd()).resolve() if start is not None or not named else Path(named).resolve()
        for folder in (first, *first.parents):
            if (folder / CONFIG_NAME).is_file():
                return cls(folder, parse_config((folder / CONFIG_NAME).read_bytes()))
        raise ConfigError(f"no {CONFIG_NAME} in {first} or above it; in a clone of the project run: autarch init")

    @property
    def repo(self) -> GitRepo:
        """The clone's repository."""
        return GitRepo(self.root)

    @property
    def forge_folder(self) -> Path:
        """State directory of the local forge."""
        return self._path(self.config.forge.folder)

    @property
    def host_folder(self) -> Path:
        """The live host's folder."""
        return self._path(self.config.host.folder)

    @property
    def forge_repository(self) -> str:
        """`owner/name` on the forge."""
        return self.config.forge.repository

    @property
    def forge_url(self) -> str:
        """Root of the forge's API, without a trailing slash.

        Raises:
            ConfigError: none is configured and the local forge is not running.
        """
        if self.config.forge.url:
            return self.config.forge.url.rstrip("/")
        told = self.forge_folder / "url"
        if not told.is_file():
            raise ConfigError(
                f"the local forge in {self.forge_folder} is not running; start it with: autarch forge serve"
            )
        return told.read_text("ascii").strip().rstrip("/")

    @property
    def forge_kind(self) -> ForgeKind:
        """Whose rules hold on the forge: local or github."""
        section = self.config.forge
        if section.kind is not None:
            return section.kind
        url = section.url.rstrip("/")
        return "github" if url == GITHUB_API or url.endswith(ENTERPRISE_API) else "local"

    @property
    def git_url(self) -> str:
        """URL of the forge's git repository, without credentials."""
        return git_url_of(self.forge_url, self.forge_repository)

    def remote(self, role: TokenRole) -> Remote:
        """Return the forge's repository as `role` reaches it.

        Raises:
            ConfigError: as `token` and `forge_url`.
        """
        return Remote(url=self.git_url, token=self.token(role))

    def reading_remote(self) -> Remote:
        """Return the forge's repository for fetching alone; a local forge need not run for it.

        Raises:
            ConfigError: the forge is elsewhere, and the human token is missing.
        """
        local = self.forge_folder / "repo.git"
        return self.remote("human") if self.config.forge.url else Remote(url=str(local))

    def token(self, role: TokenRole) -> str:
        """Return the forge token of `role`.

        Raises:
            ConfigError: no such file, others may read it, or it holds no token.
        """
        file = self._path(getattr(self.config.tokens, role))
        content = _secret(file, f"the {role} token").decode("ascii", "replace").strip()
        if not content or not content.isprintable() or " " in content:
            raise ConfigError(f"{file} holds no token; write the forge's token of role {role} into it")
        return content

    def app_key(self) -> bytes:
        """Return the private key of the configured App, PEM.

        Raises:
            ConfigError: no App is configured, no such file, or others may read it.
        """
        app = self.config.forge.app
        if app is None:
            raise ConfigError(f"{CONFIG_NAME} names no [forge.app]; add its id and key")
        return _secret(self._path(app.key), f"the key of App {app.id}")

    def key(self, name: KeyName) -> Path:
        """Return the path of a signing key after checking that it is private.

        Raises:
            ConfigError: no such file, or others may read it.
        """
        file = self._path(getattr(self.config.keys, name))
        _secret(file, f"the {name} key")
        return file

    def stores(self) -> Stores:
        """Return the data stores: the environment's, else config.toml's, else the default ones."""
        from autarch.market.stores import ENVIRONMENT, Stores  # noqa: PLC0415  numpy, which `autarch pr` can do without

        default = Stores.default()

        def root(split: Split) -> str:
            configured = getattr(self.config.data, split)
            if os.environ.get(ENVIRONMENT[split]) or not configured:
                return default.root(split)
            return str(configured) if "://" in configured else str(self._path(configured))

        return Stores(train=root("train"), holdout=root("holdout"), forward=root("forward"))

    def _path(self, written: str) -> Path:
        return self.root / Path(written).expanduser()


def git_url_of(api_url: str, repository: str) -> str:
    """Return where git finds `repository` on the forge whose REST API is at `api_url`."""
    base = api_url.rstrip("/")
    if urlsplit(base).hostname == urlsplit(GITHUB_API).hostname:
        base = "https://github.com"
    return f"{base.removesuffix(ENTERPRISE_API)}/{repository}.git"


def parse_config(content: bytes) -> Config:
    """Return the configuration in `content`.

    Raises:
        ConfigError: not TOML, or a missing, unknown or ill-typed key.
    """
    if len(content) > CONFIG_BYTES_MAX:
        raise ConfigError(f"{CONFIG_NAME} has {len(content)} bytes; at most {CONFIG_BYTES_MAX} are read")
    try:
        config = msgspec.convert(parse_toml(content), Config, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{CONFIG_NAME} is not UTF-8 TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{CONFIG_NAME}: {error}; see autarch/workspace.py for the keys") from error
    if config.schema != 1:
        raise ConfigError(f"{CONFIG_NAME}: schema is {config.schema}; this version reads schema 1")
    return config


def render_config(config: Config) -> bytes:
    """Return `config` as the TOML that `parse_config` reads back."""
    import tomlkit  # noqa: PLC0415  only `init` writes

    written = msgspec.to_builtins(config)
    written["forge"] = {name: value for name, value in written["forge"].items() if value is not None}
    return tomlkit.dumps(written).encode("utf-8")


def _secret(file: Path, what: str) -> bytes:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            raise ConfigError(f"{what} at {file} has mode {mode:04o}, so others may read it; run: chmod 600 {file}")
        with file.open("rb") as opened:
            return opened.read(SECRET_BYTES_MAX)
    except FileNotFoundError as error:
        raise ConfigError(f"{what} is not at {file}; run `autarch init`, or correct {CONFIG_NAME}") from error
