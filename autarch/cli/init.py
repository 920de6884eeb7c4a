"""`autarch init`: turn a clone of the project into a workspace: keys, tokens, a local forge, an empty ledger."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from autarch.repo.git import GitRepo, Remote
    from autarch.workspace import ForgeSection

_MADE_HERE = ("keys", "tokens", "forge")
_SUBJECT = "Set up workspace"
_POLICY, _PRESETS = "ci/policy.toml", "ci/presets"
_DATASETS = re.compile(rb"^datasets = .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a workspace is made with. `dataset_locks` are files that are committed to ci/datasets.

    `preset` replaces ci/policy.toml, all but its data sets, by a preset that main holds; None leaves it.
    """

    demo: bool = False
    policy_path: str = "ci/policy.toml"
    dataset_locks: tuple[Path, ...] = ()
    preset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made: the clone's root, main's commit, and the fingerprints of the two keys."""

    root: Path
    main: str
    ci_key: str
    release_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A workspace half made: `commit` on `base` lists the public halves of `keys`, and no branch names it yet."""

    root: Path
    home: Path
    base: str
    commit: str
    keys: dict[str, str]


def register(app: typer.Typer) -> None:
    """Add the verb `init`."""
    app.command("init")(init)


def init(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Mark the keys as a demo's; real venues refuse them.")] = False,
    policy: Annotated[str, typer.Option(help="Policy the forge merges by, a path on main.")] = "ci/policy.toml",
    dataset_lock: Annotated[
        list[Path] | None, typer.Option(help="Lock to commit under ci/datasets. May be repeated.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Limits to begin with: research (paper only), standard or strict.")
    ] = None,
    github: Annotated[
        str | None, typer.Option(help="owner/name: use GitHub as the forge and put its protection in force.")
    ] = None,
    profile: Annotated[str, typer.Option(help="With --github: free, pro or org, the plan of its owner.")] = "free",
    gate_app: Annotated[int, typer.Option(min=0, help="With --github: number of the App whose checks count.")] = 0,
    reviewer: Annotated[
        list[str] | None, typer.Option(help="With --github: who consents to promotions and releases; repeated.")
    ] = None,
    api_url: Annotated[str, typer.Option(help="With --github: REST API of an Enterprise server.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --github: change nothing, tell all.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Make this clone a workspace: keys, tokens, a local forge with main, an empty ledger.

    Commits "Set up workspace" on main with ci/signers. Refuses where there is a workspace already. With --github,
    pushes main and the ledger there in place of a local forge, and puts the rules of .github in force, each told;
    may be repeated. The token is $GITHUB_TOKEN, or the workspace's human one.

    Example: autarch init --github me/strategies --profile pro --gate-app 123456 --reviewer me
    """
    options = Options(demo=demo, policy_path=policy, dataset_locks=tuple(dataset_lock or ()), preset=preset)
    if github is not None:
        from autarch.cli.init_github import Hosted, init_hosted

        hosted = Hosted(
            repository=github,
            profile=profile,
            gate_app=gate_app,
            reviewers=tuple(reviewer or ()),
            api_url=api_url,
            dry_run=dry_run,
        )
        return init_hosted(hosted, options, json_=json_)
    made = initialise(Path.cwd(), options, now_s=time.time_ns() // 1_000_000_000)
    if json_:
        body = {"root": str(made.root), "main": made.main, "ci_key": made.ci_key, "release_key": made.release_key}
        print(json.dumps(body))
        return 0
    print(f"workspace    {made.root}")
    print(f"main         {made.main}")
    print(f"ci key       {made.ci_key}")
    print(f"release key  {made.release_key}")
    print("next         autarch forge serve")
    return 0


def initialise(start: Path, options: Options, *, now_s: int) -> Made:
    """Make the clone that `start` lies in a workspace; config.toml is written last, so half of one is none.

    Args:
        start: Any folder of the clone.
        options: What to make.
        now_s: Time of the commit, epoch seconds.

    Raises:
        UsageError: no clone of the project, not on main, uncommitted changes, or an unusable lock or policy.
        ConfigError: there is a workspace already.
    """
    from autarch.forge.create import create_forge
    from autarch.workspace import ForgeSection

    begun = begin(start, options, now_s=now_s)
    forge = create_forge(
        begun.home / "forge", main_from=begun.root, commit=begun.commit, policy_path=options.policy_path
    )
    _make_tokens(begun.home, forge.root)
    begin_ledger(forge.repo, begun.commit)
    return finish(begun, ForgeSection(repository=forge.settings().repository))


def begin(start: Path, options: Options, *, now_s: int) -> Begun:
    """Make keys and the commit that lists them; nothing is in force before `finish`.

    Raises:
        UsageError: as `initialise`.
        ConfigError: as `initialise`.
    """
    from autarch.repo.git import GitRepo
    from autarch.workspace import CONFIG_NAME

    root = clone_root(start)
    if (root / CONFIG_NAME).exists():
        raise ConfigError(f"{root / CONFIG_NAME} exists: a workspace already. To begin again, use a fresh clone")
    repo = GitRepo(root)
    base = _checked_base(repo, options)
    files = {**_locks(options), **_preset(repo, base, options)}
    home = _fresh_home(root)
    keys = _make_keys(home, demo=options.demo)
    commit = _set_up(repo, base, {**_signers(keys), **files}, now_s=now_s)
    return Begun(root=root, home=home, base=base, commit=commit, keys=keys)


def finish(begun: Begun, forge: ForgeSection) -> Made:
    """Move main and write the configuration that names `forge`; the clone is a workspace from then on."""
    from autarch.repo.git import GitRepo
    from autarch.workspace import CONFIG_NAME, Config, render_config

    repo, keys = GitRepo(begun.root), begun.keys
    repo.run("read-tree", "-m", "-u", begun.base, begun.commit)
    repo.update_ref("refs/heads/main", begun.commit, old=begun.base)
    _write_private(begun.root / CONFIG_NAME, render_config(Config(schema=1, forge=forge)))
    return Made(
        root=begun.root, main=begun.commit, ci_key=_print_of(keys["ci"]), release_key=_print_of(keys["release"])
    )


def clone_root(start: Path) -> Path:
    """Return the root of the clone that `start` lies in.

    Raises:
        UsageError: there is none, or none of this project.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / ".git").exists():
            if not (folder / "ci" / "policy.toml").is_file() or not (folder / "autarch").is_dir():
                raise UsageError(f"{folder} is a repository, but no clone of this project; clone it and run there")
            return folder
    raise UsageError(f"{start.resolve()} is in no clone; clone the project first: git clone <project> && cd <project>")


def _checked_base(repo: GitRepo, options: Options) -> str:
    branch = repo.run("symbolic-ref", "--quiet", "HEAD", check=False).stdout.decode().strip()
    if branch != "refs/heads/main":
        found = branch.removeprefix("refs/heads/") or "a commit without a branch"
        raise UsageError(f"the clone is on {found}; a workspace is made on main: git switch -C main")
    if repo.run("status", "--porcelain", "--untracked-files=no").stdout:
        raise UsageError("the clone has uncommitted changes; commit or restore them first: git status")
    base = repo.rev_parse("refs/heads/main")
    if repo.blob_at(base, options.policy_path) is None:
        raise UsageError(f"main has no {options.policy_path}; name a policy that main holds, such as ci/policy.toml")
    return base


def _locks(options: Options) -> dict[str, bytes]:
    from autarch.market.lock import read_lock

    found: dict[str, bytes] = {}
    for file in options.dataset_locks:
        if not file.is_file():
            raise UsageError(f"{file} does not exist; make a lock with `autarch data synth` or `autarch data import`")
        content = file.read_bytes()
        found[f"ci/datasets/{read_lock(content).name}.toml"] = content
    return found


def _preset(repo: GitRepo, base: str, options: Options) -> dict[str, bytes]:
    """Return ci/policy.toml as the preset has it, judging by the data sets it names now."""
    if options.preset is None:
        return {}
    path = f"{_PRESETS}/{options.preset}.toml"
    known = sorted(entry.path.rpartition("/")[2].removesuffix(".toml") for entry in repo.ls_tree(base, _PRESETS))
    content, present = repo.blob_at(base, path), repo.blob_at(base, _POLICY) or b""
    if options.preset not in known or content is None:
        raise UsageError(f"there is no preset {options.preset!r}; main holds {', '.join(known) or 'none'}")
    if options.policy_path != _POLICY:
        raise UsageError(f"--preset writes {_POLICY}, and --policy names {options.policy_path}; choose one of them")
    named = _DATASETS.search(present)
    return {_POLICY: content if named is None else _DATASETS.sub(lambda _: named[0], content, count=1)}


def _fresh_home(root: Path) -> Path:
    """Return `.autarch`, private; what an init that was interrupted left in it is removed: nothing names it."""
    home = root / ".autarch"
    home.mkdir(mode=0o700, exist_ok=True)
    home.chmod(0o700)
    for name in _MADE_HERE:
        if (home / name).exists():
            sys.stderr.write(f"autarch: removing {home / name}, left by an init that did not finish\n")
            shutil.rmtree(home / name)
    return home


def _make_keys(home: Path, *, demo: bool) -> dict[str, str]:
    from autarch.repo.signing import DEMO_COMMENT, generate_key

    folder = home / "keys"
    folder.mkdir(mode=0o700)
    lines = {}
    for name in ("ci", "release"):
        lines[name] = generate_key(folder / name, comment=DEMO_COMMENT if demo else f"autarch-{name}")
    return lines


def _signers(keys: dict[str, str]) -> dict[str, bytes]:
    from autarch.repo.signers import SIGNERS_PATH, signers_file

    return {
        SIGNERS_PATH["ci"]: signers_file("ci", (keys["ci"],)),
        SIGNERS_PATH["release"]: signers_file("release", (keys["release"],)),
    }


def _set_up(repo: GitRepo, base: str, files: dict[str, bytes], *, now_s: int) -> str:
    from autarch.repo.objects import Person

    tree = repo.with_files(repo.tree_of(base), dict(files))
    author = Person(name="autarch init", email="init@autarch.invalid", when_s=now_s)
    return repo.commit_tree(tree, parents=[base], message=f"{_SUBJECT}\n", author=author)


def _make_tokens(home: Path, state: Path) -> None:
    from autarch.forge.state import issue_token
    from autarch.forge.wire import ROLES

    folder = home / "tokens"
    folder.mkdir(mode=0o700)
    for role in ROLES:
        _write_private(folder / role, f"{issue_token(state, login=role, role=role)}\n".encode("ascii"))


def begin_ledger(path: Path, main: str, *, remote: Remote | None = None) -> None:
    """Begin the ledger in the repository at `path`, and at `remote` where one is given."""
    from autarch.evidence.ledger import Ledger
    from autarch.repo.git import GitRepo
    from autarch.repo.signers import trust_at

    repo = GitRepo(path)
    Ledger(repo, trust=trust_at(repo, main, "ci"), remote=remote).begin()


def _write_private(path: Path, content: bytes) -> None:
    from autarch.forge.state import write_private

    write_private(path, content)


def _print_of(public_line: str) -> str:
    from autarch.repo.signing import fingerprint

    return fingerprint(public_line)
