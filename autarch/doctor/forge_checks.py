"""What the forge enforces, compared with what main says it should."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from autarch.doctor.registry import Finding, Patient, check
from autarch.errors import AutarchError
from autarch.forge import protection
from autarch.forge.client import ForgeClient, ForgeRefusedError
from autarch.forge.connect import gate_app, open_forge
from autarch.forge.protection import ACTIONS_APP, Piece, Profile, Protection
from autarch.forge.wire import ROLES
from autarch.forge.wire_more import Repository, WorkflowRun
from autarch.workspace import Workspace

SKEW_S_MAX = 30.0
"""An App's statement is dated a minute back; half of that is left for the network."""

RUNS_READ_MAX = 20
WEEK_S = 7 * 86_400.0
MONTH_S = 30 * 86_400.0
MINUTES_FREE = {"free": 2000, "pro": 3000, "org": 3000}
"""Minutes a month that a plan includes for private repositories. Source: GitHub's pricing of Actions."""

_AGENT_NEVER = ("workflows", "administration", "checks", "statuses", "environments", "secrets", "actions")
_AGAIN = "autarch init --github {name} --profile {profile} --gate-app {app}"


@check("reachable", area="forge")
def reachable(patient: Patient) -> Iterator[Finding]:
    """The forge answers, under the name it is configured by."""
    workspace = patient.workspace
    if patient.forge is None:
        try:
            fix = f"check the token and {workspace.forge_url}"
        except AutarchError as error:
            fix = str(error)
        yield Finding.unknown("the forge cannot be reached, so nothing it enforces was seen", fix=fix)
        return
    about = patient.forge.about()
    if about.full_name != workspace.forge_repository:
        told = f"{workspace.forge_repository} is called {about.full_name} now"
        yield Finding.drift(told, fix="write that name into [forge] repository of .autarch/config.toml")


@check("clock", area="host")
def clock(patient: Patient) -> Iterator[Finding]:
    """This host's clock agrees with the forge's."""
    if patient.forge is None:
        return
    patient.forge.about()
    served = patient.forge.served_at_s
    if served is None:
        yield Finding.note("the forge sends no date to compare this host's clock with")
    elif abs(served - patient.now_ms / 1000) > SKEW_S_MAX:
        told = f"this host's clock is {patient.now_ms / 1000 - served:+.0f} s from the forge's"
        yield Finding.drift(told, fix="let the host keep time: systemctl enable --now systemd-timesyncd")


@check("rulesets", area="forge")
def rulesets(patient: Patient) -> Iterator[Finding]:
    """Every rule that main wants is in force, and nobody else may bypass it."""
    forge = patient.forge
    if forge is None:
        return
    wanted, profile, about = _wanted(patient.workspace), _profile(patient.workspace), forge.about()
    pieces = [piece for piece in wanted.of(profile) if piece.kind == "ruleset"]
    possible = []
    for piece in pieces:
        if reason := protection.unavailable(piece, profile, about):
            yield Finding.note(f"{piece.name} cannot be enforced here ({reason}): {piece.meta.lost}")
        else:
            possible.append(piece)
    if not possible:
        return
    try:
        known = {ruleset.name: ruleset.id for ruleset in forge.rulesets()}
    except ForgeRefusedError as error:
        yield from (_refused(piece, error) for piece in possible)
        return
    for piece in possible:
        yield from _compared(patient.workspace, forge, piece, known.get(piece.name))


@check("check-source", area="forge")
def check_source(patient: Patient) -> Iterator[Finding]:
    """What main requires comes from an App of the gate's own."""
    workspace = patient.workspace
    if patient.forge is None or workspace.forge_kind == "local":
        return
    if gate_app(workspace) == ACTIONS_APP:
        yield Finding.note(
            "required checks are believed from any workflow; make an App for the gate and repeat autarch init --github "
            "with --gate-app"
        )
    foreign = [
        f"{each.get('context')} from {each.get('integration_id') or 'anybody'}"
        for rule in patient.forge.branch_rules("main")
        if rule["type"] == "required_status_checks"
        for each in rule["parameters"]["required_status_checks"]
        if each.get("integration_id") != gate_app(workspace)
    ]
    if foreign:
        told = f"required checks are believed from another source: {', '.join(sorted(foreign))}"
        yield Finding.drift(told, fix=_again(workspace))


@check("environments", area="forge")
def environments(patient: Patient) -> Iterator[Finding]:
    """Each environment exists, deploys from where it should, asks whom it should, and has its secrets."""
    forge, workspace = patient.forge, patient.workspace
    if forge is None or workspace.forge_kind == "local":
        return
    about, profile = forge.about(), _profile(workspace)
    for piece in _wanted(workspace).of(profile):
        if piece.kind == "environment":
            yield from _environment(workspace, forge, piece, about)


@check("secrets", area="forge")
def secrets(patient: Patient) -> Iterator[Finding]:
    """No secret is readable by every workflow."""
    if patient.forge is None:
        return
    for name in patient.forge.repository_secrets():
        fix = f"gh secret delete {name}, and set it in the one environment that needs it"
        yield Finding.drift(f"secret {name} belongs to the whole repository: every workflow may read it", fix=fix)


@check("workflow-token", area="forge")
def workflow_token(patient: Patient) -> Iterator[Finding]:
    """A workflow's own token reads by default and approves nothing."""
    if patient.forge is None or patient.workspace.forge_kind == "local":
        return
    found = patient.forge.actions_policy()
    for key, expected in protection.ACTIONS_POLICY.items():
        if found.get(key) != expected:
            yield Finding.drift(f"{key} is {found.get(key)!r}, expected {expected!r}", fix=_again(patient.workspace))


@check("agent-token", area="forge")
def agent_token(patient: Patient) -> Iterator[Finding]:
    """The agents' token cannot do what would let an agent judge or release."""
    workspace = patient.workspace
    if patient.forge is None:
        return
    with open_forge(workspace, "agent") as agent:
        if workspace.forge_kind == "local":
            return
        granted = agent.permissions()
    if granted is None:
        told = "the agents speak with a plain token, whose permissions nobody can read"
        yield Finding.unknown(told, fix="make a GitHub App for them and name it in [forge.app] with roles = ['agent']")
        return
    for name in _AGENT_NEVER:
        if granted.get(name) == "write":
            fix = f"take the permission {name} from the agents' App, and accept the change at its installation"
            yield Finding.drift(f"the agents' App may write {name}", fix=fix)


@check("roles", area="forge")
def roles(patient: Patient) -> Iterator[Finding]:
    """Each token of a local forge has the role its file is named for."""
    workspace = patient.workspace
    if patient.forge is None or workspace.forge_kind != "local":
        return
    for role in ROLES:
        with open_forge(workspace, role) as forge:
            found = forge.user().role
        if found != role:
            told = f"the {role} token has role {found or 'none'}"
            yield Finding.drift(told, fix=f"issue a new token of role {role}, and write it into its file")


@check("minutes", area="forge")
def minutes(patient: Patient) -> Iterator[Finding]:
    """The workflows stay within the minutes that the plan includes."""
    if patient.forge is None or patient.workspace.forge_kind == "local":
        return
    about, profile = patient.forge.about(), _profile(patient.workspace)
    projected = projected_minutes(patient.forge, now_s=patient.now_ms / 1000)
    free = MINUTES_FREE[profile]
    if about.private and projected > free:
        told = f"the last runs project to {projected} minutes a month; the plan includes {free}"
        yield Finding.drift(
            told, fix="lower the schedules, or AUTARCH_MINUTES_A_DAY, or run the gate on a host of yours"
        )
    else:
        yield Finding.note(f"the last runs project to {projected} minutes a month")


def projected_minutes(forge: ForgeClient, *, now_s: float) -> int:
    """Return billed minutes a month as the last week's runs project them: each job rounds up to a minute.

    The jobs of at most `RUNS_READ_MAX` runs are read; the others are taken for their mean.
    """
    runs = [run for run in forge.workflow_runs(most=1000) if _epoch_s(run.created_at) > now_s - WEEK_S]
    if not runs:
        return 0
    read = [_billed(forge, run) for run in runs[:RUNS_READ_MAX]]
    return math.ceil(statistics.fmean(read) * len(runs) * MONTH_S / WEEK_S)


def _compared(workspace: Workspace, forge: ForgeClient, piece: Piece, number: int | None) -> Iterator[Finding]:
    if number is None:
        told = f"{piece.name} is not in force: {piece.meta.lost}"
        yield Finding.drift(told, fix=_again(workspace))
        return
    body = protection.filled(piece, gate_app=gate_app(workspace), reviewers=())
    for problem in protection.differences(body, forge.ruleset(number)):
        yield Finding.drift(f"{piece.name}: {problem}", fix=_again(workspace))


def _refused(piece: Piece, error: ForgeRefusedError) -> Finding:
    told = f"{piece.name} cannot be seen ({error.message}): {piece.meta.lost}"
    return Finding.unknown(told, fix="use a token with administration, or a plan that has rulesets")


def _environment(workspace: Workspace, forge: ForgeClient, piece: Piece, about: Repository) -> Iterator[Finding]:
    if reason := protection.unavailable(piece, _profile(workspace), about):
        yield Finding.note(f"environment {piece.name} cannot be had here ({reason}): {piece.meta.lost}")
        return
    found = forge.environment(piece.name)
    if found is None:
        yield Finding.drift(f"environment {piece.name} is missing: {piece.meta.lost}", fix=_again(workspace))
        return
    kinds = {str(rule.get("type")) for rule in found.protection_rules}
    if piece.body["reviewers"] and "required_reviewers" not in kinds:
        fix = f"{_again(workspace)} --reviewer YOU; a private repository needs an Enterprise plan for it"
        yield Finding.drift(f"environment {piece.name} asks nobody: {piece.meta.lost}", fix=fix)
    custom = (found.deployment_branch_policy or {}).get("custom_branch_policies")
    deploys = set(forge.environment_branches(piece.name)) if custom else {("branch", "anything")}
    for kind, pattern in sorted(deploys - set(piece.meta.branches)):
        told = f"{kind} {pattern} may deploy to environment {piece.name}"
        yield Finding.drift(
            told, fix=f"remove it from the environment's deployment branches and tags, then {_again(workspace)}"
        )
    yield from _environment_secrets(forge, piece)


def _environment_secrets(forge: ForgeClient, piece: Piece) -> Iterator[Finding]:
    if not piece.meta.secrets:
        return
    names = set(forge.environment_secrets(piece.name))
    for name in piece.meta.secrets:
        if name not in names:
            yield Finding.drift(
                f"environment {piece.name} has no secret {name}", fix=f"gh secret set {name} --env {piece.name}"
            )
    for name in sorted(names - set(piece.meta.secrets)):
        yield Finding.note(f"environment {piece.name} also holds secret {name}")


def _wanted(workspace: Workspace) -> Protection:
    return protection.read_protection(workspace.repo, workspace.repo.rev_parse("refs/heads/main"))


def _profile(workspace: Workspace) -> Profile:
    # A local forge enforces what a paid personal account could; it has no organisation's queue and teams.
    return "pro" if workspace.forge_kind == "local" else workspace.config.forge.profile


def _again(workspace: Workspace) -> str:
    if workspace.forge_kind == "local":
        return "serve this forge with this version: autarch forge serve"
    section = workspace.config.forge
    return _AGAIN.format(name=section.repository, profile=section.profile, app=section.gate_app or ACTIONS_APP)


def _billed(forge: ForgeClient, run: WorkflowRun) -> int:
    spans = [
        _epoch_s(job.completed_at) - _epoch_s(job.started_at)
        for job in forge.jobs(run.id)
        if job.started_at and job.completed_at and job.conclusion != "skipped"
    ]
    return sum(max(1, math.ceil(span / 60.0)) for span in spans)


def _epoch_s(written: str | None) -> float:
    import datetime as dt  # noqa: PLC0415  only where GitHub's times are read

    return dt.datetime.fromisoformat(written).timestamp() if written else 0.0
