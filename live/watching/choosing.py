"""An operator's choice of what is traded next: any release that verifies, or back to the one before."""

from __future__ import annotations

from collections.abc import Iterable

from autarch.errors import AutarchError, DeployError, RefusedError
from live.deployer import require_still_trusted
from live.host import Host
from live.installed import Installed, read_installed
from live.watching.choice import Choice, Choices, chosen


def switch_to(host: Host, installed: Installed, known: Iterable[str]) -> Choice:
    """Make a release that was just verified the next one; `known` names every release that is known now.

    Raises:
        ConfigError: the host's folder cannot be written.
    """
    names = tuple(known)
    tag_object = installed.record.tag_object
    found = Choices(host).change(lambda before: chosen(before, installed.tag, tag_object, by="operator", known=names))
    if found is None:
        raise RuntimeError("a choice that was made is gone")
    return found


def roll_back(host: Host, *, engine: str) -> tuple[Choice, Installed]:
    """Make the release before the present one the next, from what is installed here: no forge, nothing derived again.

    One that is revoked or damaged is passed by; the rollback goes to the newest before it that stands.

    Raises:
        RefusedError: there is nothing to go back to; the text says why each was passed by.
        ConfigError: the host's folder cannot be read or written.
    """
    choices = Choices(host)
    present = choices.read()
    passed: list[str] = []
    for tag in reversed(() if present is None else present.history):
        try:
            installed = _standing(host, tag, engine)
        except AutarchError as error:
            passed.append(str(error))
            continue
        return switch_to(host, installed, () if present is None else (present.tag, present.passed_over)), installed
    why = "; ".join(passed) or "no release was traded here before the present one"
    raise RefusedError(f"nothing to roll back to: {why}. Choose one: `autarch live switch TAG`")


def _standing(host: Host, tag: str, engine: str) -> Installed:
    installed = read_installed(host.releases / tag)
    if installed.record.engine != engine:
        raise DeployError(
            f"{tag} was verified by engine {installed.record.engine[:12]}, this runtime is {engine[:12]}: "
            f"`autarch live switch {tag}` verifies it again"
        )
    require_still_trusted(installed, host.trust())
    return installed
