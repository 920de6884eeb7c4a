"""What this host offers: confinement, space, and files that only their owner reads."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from autarch.doctor.registry import Finding, Patient, check

if TYPE_CHECKING:
    from autarch.sandbox import SandboxLevel

FREE_BYTES_MIN = 2 * 1024**3
"""A gate writes a tree, its caches and a report; half of this is one bad day's worth."""


@check("sandbox", area="host")
def sandbox(_patient: Patient) -> Iterator[Finding]:
    """Strategy code can be confined here as the policy demands."""
    from autarch.sandbox.worker import sandbox_report  # noqa: PLC0415  it starts processes

    yield from confined(sandbox_report())


def confined(level: SandboxLevel) -> Iterator[Finding]:
    """Yield what a reached level lacks."""
    from autarch.sandbox.layers import REMEDIES  # noqa: PLC0415  only this check needs the sandbox
    from autarch.sandbox.level import warnings_of  # noqa: PLC0415  likewise

    for layer in level.missing:
        told = f"layer {layer.name} is missing on {level.kernel}: {layer.detail}"
        yield Finding.drift(told, fix=REMEDIES[layer.name])
    for warning in warnings_of(level):
        yield Finding.note(warning)


@check("disk", area="host")
def disk(patient: Patient) -> Iterator[Finding]:
    """There is space for a gate, a ledger and a journal."""
    seen: set[int] = set()
    for folder in (patient.root, patient.workspace.forge_folder, patient.workspace.host_folder):
        if not folder.exists() or folder.stat().st_dev in seen:
            continue
        seen.add(folder.stat().st_dev)
        free = shutil.disk_usage(folder).free
        if free < FREE_BYTES_MIN:
            told = f"{folder} has {free / 1024**3:.1f} GiB free; expected {FREE_BYTES_MIN / 1024**3:.0f}"
            yield Finding.drift(told, fix="make room before the next verdict")


@check("private-files", area="host")
def private_files(patient: Patient) -> Iterator[Finding]:
    """Keys, tokens and the host's own files are read by their owner alone."""
    home = patient.root / ".autarch"
    for path in (home, *(file for name in ("keys", "tokens") for file in _below(home / name))):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077 and not path.name.endswith(".pub"):
            yield Finding.drift(f"{path} has mode {mode:04o}, so others may read it", fix=f"chmod go= {path}")


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
