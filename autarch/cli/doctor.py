"""`autarch doctor`: compare what is in force with what should be, and name each drift with its cure."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from autarch.errors import AutarchError, ConfigError, UsageError

if TYPE_CHECKING:
    from autarch.doctor.registry import Examined, Patient
    from autarch.forge.client import ForgeClient
    from autarch.workspace import Workspace

NAME_WIDTH = 20
WORDS = {"ok": "ok", "note": "ok", "drift": "DRIFT", "unknown": "UNKNOWN"}


def register(app: typer.Typer) -> None:
    """Add the verb `doctor`."""
    app.command("doctor")(doctor)


def doctor(
    *,
    only: Annotated[list[str] | None, typer.Option(help="Run this check alone. May be repeated.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Leave this check out. May be repeated.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Compare rules, tokens, signers, secrets, hooks, lock, sandbox, clock and disk with what they should be.

    Exit code 0 all is well, 1 a drift or something that could not be seen; each with its cure.

    Example: autarch doctor --json
    """
    from autarch.workspace import Workspace

    workspace = Workspace.find()
    forge = _reached(workspace)
    try:
        examined = _examined(_patient(workspace, forge), tuple(only or ()), tuple(skip or ()), quiet=json_)
    finally:
        if forge is not None:
            forge.close()
    ill = [each for each in examined if each.word in {"drift", "unknown"}]
    if json_:
        checks = [
            {"name": each.name, "area": each.area, "word": each.word, "findings": _told(each)} for each in examined
        ]
        print(json.dumps({"well": not ill, "forge": workspace.forge_kind, "checks": checks}))
    else:
        print(f"{len(examined) - len(ill)} of {len(examined)} checks are well" + ("" if ill else ": nothing to do"))
    return int(bool(ill))


def _examined(patient: Patient, only: tuple[str, ...], skip: tuple[str, ...], *, quiet: bool) -> list[Examined]:
    from autarch.doctor.registry import checks, examine

    _load_others()
    known = [each.name for each in checks()]
    for name in (*only, *skip):
        if name not in known:
            raise UsageError(f"there is no check {name!r}; expected one of {', '.join(known)}")
    wanted = [name for name in only or known if name not in skip]
    examined = []
    for each in examine(patient, only=wanted):
        examined.append(each)
        if not quiet:
            print("\n".join(_lines(each)), flush=True)
    return examined


def _lines(each: Examined) -> list[str]:
    lines = [f"{each.name + ' ':.<{NAME_WIDTH}} {WORDS[each.word]}"]
    for finding in each.findings:
        lines.append(f"  {finding.told}")
        if finding.fix:
            lines.append(f"    fix: {finding.fix}")
    return lines


def _told(each: Examined) -> list[dict[str, str]]:
    return [asdict(finding) for finding in each.findings]


def _patient(workspace: Workspace, forge: ForgeClient | None) -> Patient:
    from autarch.doctor.registry import Patient

    return Patient(workspace=workspace, forge=forge, now_ms=time.time_ns() // 1_000_000, environment=dict(os.environ))


def _reached(workspace: Workspace) -> ForgeClient | None:
    from autarch.forge.connect import open_forge

    try:
        forge = open_forge(workspace, "human")
    except AutarchError as error:
        sys.stderr.write(f"autarch: {error}\n")
        return None
    try:
        forge.about()
    except AutarchError as error:
        sys.stderr.write(f"autarch: {error}\n")
        forge.close()
        return None
    return forge


def _load_others() -> None:
    from autarch.cli.main import load
    from autarch.doctor.registry import ELSEWHERE

    for module in ELSEWHERE:
        try:
            load(module)
        except ConfigError:
            continue  # that package, or its checks, are not installed here
