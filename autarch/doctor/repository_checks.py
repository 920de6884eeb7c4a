"""What the repository holds: who may sign, the lock, the owners, the hooks."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from autarch.doctor.registry import Finding, Patient, check
from autarch.errors import AutarchError
from autarch.forge import protection
from autarch.forge.create import HOOK, hook_text
from autarch.forge.state import ForgeState
from autarch.repo.git import GitRepo
from autarch.repo.signers import SIGNERS_PATH, SignerRole
from autarch.repo.signing import DEMO_COMMENT, public_key
from autarch.repo.trusted import environment_problems

LOCK = "requirements.lock"
HOOKS_WANTED = ("pre-commit",)


@check("main", area="repository")
def main(patient: Patient) -> Iterator[Finding]:
    """This clone's main is the forge's."""
    if patient.forge is None:
        return
    ours, theirs = _main(patient.workspace.repo), patient.forge.ref("heads/main")
    if ours != theirs:
        told = f"this clone's main is {ours[:12]}, the forge's {(theirs or 'nowhere')[:12]}"
        yield Finding.drift(told, fix="autarch pr sync")


@check("signers", area="repository")
def signers(patient: Patient) -> Iterator[Finding]:
    """Main lists who may sign, one key has one purpose, and the keys here are listed."""
    repo = patient.workspace.repo
    tip = _main(repo)
    listed = {role: _keys(repo.blob_at(tip, path) or b"") for role, path in SIGNERS_PATH.items()}
    for role, keys in listed.items():
        if not keys:
            yield Finding.drift(f"{SIGNERS_PATH[role]} lists nobody", fix="autarch init, in a fresh clone")
    if shared := listed["ci"] & listed["release"]:
        told = f"{len(shared)} key may sign verdicts and releases alike, so CI could release"
        yield Finding.drift(told, fix=f"take it out of {SIGNERS_PATH['release']} by a pull request")
    for role in SIGNERS_PATH:
        yield from _key_here(patient, role, listed[role])


@check("lock", area="repository")
def lock(patient: Patient) -> Iterator[Finding]:
    """What is installed here is what main's lock file pins."""
    repo = patient.workspace.repo
    content = repo.blob_at(_main(repo), LOCK)
    if content is None:
        yield Finding.drift(f"main has no {LOCK}", fix="restore it from the project")
        return
    for problem in environment_problems(content):
        yield Finding.drift(problem, fix=f"pip install --require-hashes -r {LOCK}")


@check("codeowners", area="repository")
def codeowners(patient: Patient) -> Iterator[Finding]:
    """Everything but strategies needs an owner's review."""
    repo = patient.workspace.repo
    content = (repo.blob_at(_main(repo), protection.CODEOWNERS) or b"").decode("utf-8", "replace")
    for problem in protection.covered(content):
        if "@owner" in problem and patient.workspace.forge_kind == "local":
            continue  # a local forge knows roles, and reads no owners
        yield Finding.drift(f"{protection.CODEOWNERS}: {problem}", fix="correct it by a pull request of yours")


@check("protection", area="repository")
def protection_files(patient: Patient) -> Iterator[Finding]:
    """The rules that main wants of a platform can be read."""
    repo = patient.workspace.repo
    protection.read_protection(repo, _main(repo))  # what cannot be read is told by its error
    yield from ()


@check("hooks", area="repository")
def hooks(patient: Patient) -> Iterator[Finding]:
    """The forge's hook is ours and is the one git runs; this clone checks before it commits."""
    workspace = patient.workspace
    if workspace.forge_kind == "local" and not workspace.config.forge.url:
        yield from _forge_hook(ForgeState(workspace.forge_folder))
    folder = workspace.root / ".git" / "hooks"
    for name in HOOKS_WANTED:
        if not (folder / name).exists():
            yield Finding.note(f"this clone has no {name} hook; install it with: pre-commit install")


def _forge_hook(state: ForgeState) -> Iterator[Finding]:
    fix = "serve the forge again, which writes it: autarch forge serve"
    hook = state.repo / "hooks" / HOOK
    try:
        content, mode = hook.read_text("utf-8"), stat.S_IMODE(hook.stat().st_mode)
    except OSError as error:
        yield Finding.drift(f"the forge's {HOOK} hook cannot be read: {error}", fix=fix)
        return
    if content != hook_text():
        yield Finding.drift(f"the forge's {HOOK} hook is not this version's", fix=fix)
    if not mode & stat.S_IXUSR or mode & 0o022:
        yield Finding.drift(f"the forge's {HOOK} hook has mode {mode:04o}, expected 0700", fix=fix)
    elsewhere = GitRepo(state.repo).run("config", "--get", "core.hooksPath", check=False).stdout.decode().strip()
    if elsewhere:
        cure = f"git -C {state.repo} config --unset core.hooksPath"
        yield Finding.drift(f"git runs hooks from {elsewhere} and not the forge's own", fix=cure)


def _key_here(patient: Patient, role: SignerRole, listed: frozenset[str]) -> Iterator[Finding]:
    try:
        file = patient.workspace.key(role)
    except AutarchError as error:
        if not os.path.lexists(patient.root / getattr(patient.workspace.config.keys, role)):
            return  # kept elsewhere, as it should be where others judge or release
        yield Finding.drift(str(error), fix="chmod 600 it")
        return
    line = public_key(file)
    if _blob(line) not in listed:
        yield Finding.drift(f"the {role} key here is not listed in {SIGNERS_PATH[role]}", fix="use the listed one")
    if DEMO_COMMENT in line:
        yield Finding.note(f"the {role} key is a demo's; real venues refuse what it signs")


def _keys(signers_file: bytes) -> frozenset[str]:
    lines = signers_file.decode("utf-8", "replace").splitlines()
    return frozenset(_blob(line) for line in lines if line.strip() and not line.startswith("#"))


def _blob(line: str) -> str:
    """Return the key itself in a line of a public key or an allowed signer: the field after its type."""
    fields = line.split()
    place = next((at for at, field in enumerate(fields) if field.startswith(("ssh-", "ecdsa-", "sk-"))), None)
    return fields[place + 1] if place is not None and place + 1 < len(fields) else line


def _main(repo: GitRepo) -> str:
    return repo.rev_parse("refs/heads/main")
