"""A workspace to examine, well at first, on a forge that is served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autarch.doctor.registry import Examined, Patient, examine
from autarch.forge.client import ForgeClient
from autarch.forge.create import create_forge
from autarch.forge.serve import serving
from autarch.forge.state import issue_token
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file
from autarch.workspace import Config, ForgeSection, Workspace, render_config

ROOT = Path(__file__).parents[2]
PERSON = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1_700_000_000)
POLICY = b'[required]\nstrategy = ["scope", "backtest"]\nplatform = ["scope"]\n'
CODEOWNERS = b"* @me\n/strategies/\n"
APP = 777


@dataclass
class Clinic:
    """A workspace with this project's own protection on main."""

    root: Path
    config: Config

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root, self.config)

    @property
    def repo(self) -> GitRepo:
        return GitRepo(self.root)

    def commit(self, files: dict[str, bytes | None]) -> str:
        tip = self.repo.read_ref("refs/heads/main")
        tree = self.repo.with_files(self.repo.tree_of(tip) if tip else None, files)
        commit = self.repo.commit_tree(tree, parents=[tip] if tip else [], message="Change\n", author=PERSON)
        self.repo.update_ref("refs/heads/main", commit, old=tip)
        return commit

    def configure(self, forge: ForgeSection) -> None:
        self.config = Config(schema=1, forge=forge)
        (self.root / ".autarch" / "config.toml").write_bytes(render_config(self.config))

    def look(self, name: str, *, forge: ForgeClient | None = None, now_ms: int = 1_800_000_000_000) -> Examined:
        patient = Patient(workspace=self.workspace, forge=forge, now_ms=now_ms, environment={})
        return next(examine(patient, only=[name]))


def own_files() -> dict[str, bytes | None]:
    """Return this project's own protection."""
    found = [*(ROOT / ".github").glob("*/*.json"), ROOT / ".github/labels.json"]
    return {str(file.relative_to(ROOT)): file.read_bytes() for file in sorted(found)}


def private(path: Path, content: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(content)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor-keys")
    for name in ("ci", "release"):
        signing.generate_key(folder / name, comment=name)
    return folder


@pytest.fixture
def clinic(tmp_path: Path, keys: Path) -> Clinic:
    root = tmp_path / "clone"
    root.mkdir()
    GitRepo(root).run("init", "--quiet", "--initial-branch=main")
    (root / ".autarch").mkdir(mode=0o700)
    made = Clinic(root, Config(schema=1, forge=ForgeSection(repository="local/autarch")))
    made.configure(made.config.forge)
    for name in ("ci", "release"):
        private(root / ".autarch" / "keys" / name, (keys / name).read_text())
        private(root / ".autarch" / "keys" / f"{name}.pub", (keys / f"{name}.pub").read_text())
    files: dict[str, bytes | None] = {
        **own_files(),
        ".github/CODEOWNERS": CODEOWNERS,
        "ci/policy.toml": POLICY,
        "requirements.lock": (ROOT / "requirements.lock").read_bytes(),
        "ci/signers/ci": signers_file("ci", (signing.public_key(keys / "ci"),)),
        "ci/signers/release": signers_file("release", (signing.public_key(keys / "release"),)),
    }
    made.commit(files)
    return made


def told(examined: Examined) -> str:
    return "\n".join(f"{each.word}: {each.told} -> {each.fix}" for each in examined.findings)


# -- the local forge ----------------------------------------------------------------------------


@pytest.fixture
def served(clinic: Clinic) -> Iterator[tuple[Clinic, ForgeClient]]:
    state = create_forge(clinic.root / ".autarch" / "forge", main_from=clinic.root)
    for role in ("human", "ci", "agent", "deployer"):
        private(clinic.root / ".autarch" / "tokens" / role, issue_token(state.root, login=role, role=role))
    with serving(state) as running, ForgeClient(running.url, "local/autarch", clinic.workspace.token("human")) as forge:
        yield clinic, forge
