"""`autarch init --github`: make GitHub the forge of this clone, and put its protection in force there."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autarch.cli.telling import tell
from autarch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from autarch.cli.init import Options
    from autarch.forge.client import ForgeClient
    from autarch.forge.protecting import Held
    from autarch.forge.protection import Profile
    from autarch.workspace import ForgeSection

TOKEN_VARIABLE = "GITHUB_TOKEN"  # noqa: S105  a variable's name
_HUMAN_TOKEN = "tokens/human"  # noqa: S105  a file's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """What was asked for on the command line."""

    repository: str
    profile: str
    gate_app: int = 0
    reviewers: tuple[str, ...] = ()
    api_url: str = ""
    dry_run: bool = False


def init_hosted(hosted: Hosted, options: Options, *, json_: bool) -> int:
    """Make the workspace unless there is one, then put protection in force and tell of each piece.

    Raises:
        UsageError: another profile, or a clone that cannot be a workspace.
        ConfigError: no token, or the workspace has another forge.
        ForgeRefusedError: the token may not administer the repository.
    """
    profile = _profile(hosted.profile)
    section = _section(hosted, profile)
    root = _root()
    token = _token(root)
    with _client(section, token) as forge:
        forge.about()  # a name or token that is wrong is told before anything is made
        if not hosted.dry_run:
            _make(forge, section, options, token)
        held = _protect(forge, hosted, profile, root)
    _tell(held, hosted, json_=json_)
    return 0


def _protect(forge: ForgeClient, hosted: Hosted, profile: Profile, root: Path) -> list[Held]:
    from autarch.forge.protecting import Order, put_in_force
    from autarch.forge.protection import ACTIONS_APP, read_protection
    from autarch.repo.git import GitRepo

    repo = GitRepo(root)
    order = Order(
        protection=read_protection(repo, repo.rev_parse("refs/heads/main")),
        profile=profile,
        gate_app=hosted.gate_app or ACTIONS_APP,
        reviewers=tuple(forge.user_id(login) for login in hosted.reviewers),
        dry_run=hosted.dry_run,
    )
    held = []
    for each in put_in_force(forge, order, told=tell):
        tell(f"{each.word:<16} {each.kind} {each.name}" + (f": {each.why}" if each.why else ""))
        held.append(each)
    return held


def _tell(held: list[Held], hosted: Hosted, *, json_: bool) -> None:
    from autarch.forge.protecting import as_json, table_of

    if json_:
        print(json.dumps({"repository": hosted.repository, "dry_run": hosted.dry_run, "pieces": as_json(held)}))
        return
    print("\n".join(table_of(held)))
    if not hosted.gate_app:
        print("\nchecks are believed from any workflow: make an App for the gate, then repeat with --gate-app")
    print("next         autarch doctor")


def _make(forge: ForgeClient, section: ForgeSection, options: Options, token: str) -> None:
    """Make the workspace and push main and the ledger; a workspace of this very forge is left as it is."""
    from autarch.cli.init import begin, begin_ledger, finish
    from autarch.forge.state import write_private
    from autarch.repo.git import GitRepo
    from autarch.workspace import CONFIG_NAME, Workspace

    root = _root()
    if (root / CONFIG_NAME).is_file():
        present = Workspace.find(root).config.forge
        if (present.repository, present.url) != (section.repository, section.url):
            raise ConfigError(f"{root / CONFIG_NAME} names {present.url or 'a local forge'}; use a fresh clone")
        return
    begun = begin(root, options, now_s=time.time_ns() // 1_000_000_000)
    (begun.home / "tokens").mkdir(mode=0o700)
    write_private(begun.home / _HUMAN_TOKEN, f"{token}\n".encode())
    remote = forge.git_remote()
    GitRepo(root).push(remote, {"refs/heads/main": begun.commit})  # without a lease: only forward, or anew
    begin_ledger(root, begun.commit, remote=remote)
    made = finish(begun, section)
    for line in (f"workspace    {made.root}", f"main         {made.main}", f"ci key       {made.ci_key}"):
        tell(line)


def _profile(written: str) -> Profile:
    from autarch.forge.protection import PROFILES

    found = next((profile for profile in PROFILES if profile == written), None)
    if found is None:
        raise UsageError(f"found profile {written!r}; expected one of {', '.join(PROFILES)}")
    return found


def _section(hosted: Hosted, profile: Profile) -> ForgeSection:
    from autarch.workspace import GITHUB_API, ForgeSection

    url = hosted.api_url.rstrip("/") or GITHUB_API
    return ForgeSection(repository=hosted.repository, url=url, kind="github", profile=profile, gate_app=hosted.gate_app)


def _client(section: ForgeSection, token: str) -> ForgeClient:
    from autarch.forge.client import ForgeClient

    return ForgeClient(section.url, section.repository, token)


def _root() -> Path:
    from autarch.cli.init import clone_root

    return clone_root(Path.cwd())


def _token(root: Path) -> str:
    if token := os.environ.get(TOKEN_VARIABLE, "").strip():
        return token
    from autarch.workspace import CONFIG_NAME, Workspace

    if (root / CONFIG_NAME).is_file():
        return Workspace.find(root).token("human")
    raise ConfigError(
        f"{TOKEN_VARIABLE} is not set; put a token of yours into it that may administer this repository "
        "(administration, contents, environments, actions: write)"
    )
