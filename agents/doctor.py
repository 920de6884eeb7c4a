"""What the doctor asks of agents: fresh prices, caps that parse, a cage, and keys out of an agent's reach."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

from agents.confining import cage
from agents.confining.recipes import read_recipes
from agents.household import KEYS
from agents.models import read_models
from agents.spending.caps import read_budget
from autarch.doctor.registry import Finding, Patient, check
from autarch.errors import AutarchError

HARDWARE_KEY = b"sk-ssh-"
"""How the public half of a key that lives in hardware begins; each of its signatures needs a touch."""
_TOUCH = (
    "make a key that needs a touch (ssh-keygen -t ed25519-sk), or give the release key to another user than the one "
    "who runs agents"
)


@check("models", area="agents")
def models(patient: Patient) -> Iterator[Finding]:
    """Models have prices, and somebody has looked at them lately."""
    today = datetime.fromtimestamp(patient.now_ms / 1000, tz=UTC).date()
    try:
        stale = read_models(patient.root).staleness(today)
    except AutarchError as error:
        yield Finding.unknown(str(error), fix="correct the list; nothing is asked without a price")
        return
    if stale is not None:
        yield Finding.drift(stale, fix="read the vendors' price pages, correct the list, move as_of")


@check("budgets", area="agents")
def budgets(patient: Patient) -> Iterator[Finding]:
    """A day and a month have caps."""
    try:
        budget = read_budget(patient.root)
        read_recipes(patient.root)
    except AutarchError as error:
        yield Finding.unknown(str(error), fix="correct the file; nothing is spent until it parses")
        return
    for name, caps in (("day", budget.day), ("month", budget.month)):
        if caps.usd is None:
            yield Finding.drift(f"the {name} has no cap of dollars", fix=f"write [{name}] usd into budgets.toml")


@check("cage", area="agents")
def caged(patient: Patient) -> Iterator[Finding]:  # noqa: ARG001  it is about the host
    """Command-line agents can be confined here."""
    lacking = cage.lacking()
    if lacking is not None:
        yield Finding.note(f"command-line agents are refused here without --unconfined: {lacking}")


@check("release-key", area="agents")
def release_key(patient: Patient) -> Iterator[Finding]:
    """Whoever runs agents cannot sign a release without a touch."""
    key = patient.root / patient.workspace.config.keys.release
    if not key.is_file() or not os.access(key, os.R_OK):
        return
    public = key.with_name(f"{key.name}.pub")
    if public.is_file() and public.read_bytes().startswith(HARDWARE_KEY):
        return
    told = f"uid {os.getuid()} runs agents and reads the release key {key}: what an agent starts might sign with it"
    yield Finding.drift(told, fix=_TOUCH)


@check("vendor-keys", area="agents")
def vendor_keys(patient: Patient) -> Iterator[Finding]:
    """Which vendors can be asked."""
    absent = [name for name in KEYS.values() if not patient.environment.get(name)]
    if absent:
        yield Finding.note(f"{' and '.join(absent)} not set: those agents cannot be asked; scripted ones need no key")
