"""Protection as the platform holds it: rulesets, environments, labels, secrets' names, who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from autarch.forge import wire_more
from autarch.forge.answers import ForgeRefusedError
from autarch.forge.endpoints import Endpoints
from autarch.forge.wire_more import Environment, Label, Repository, RulesetSummary


class Admin(Endpoints):
    """Calls about protection. Most want a token with `administration`."""

    def about(self) -> Repository:
        """Return the repository, under the name it has now."""
        return wire_more.read(self._json("GET", ""), Repository)

    def permissions(self) -> dict[str, str] | None:
        """Return what an App's token may do, by GitHub's names; None where a plain token does not tell."""
        return self._transport.permissions()

    def permission_of(self, login: str) -> str:
        """Return admin, write, read or none: what `login` may do here."""
        return str(self._json("GET", f"/collaborators/{quote(login, safe='')}/permission")["permission"])

    def user_id(self, login: str) -> int:
        """Return the platform's number of a user; reviewers of environments are named by it."""
        return int(self._transport.json("GET", f"/users/{quote(login, safe='')}")["id"])

    def app_id(self, slug: str) -> int:
        """Return the number of a public GitHub App; required checks name their source by it."""
        return int(self._transport.json("GET", f"/apps/{quote(slug, safe='')}")["id"])

    # -- rulesets -------------------------------------------------------------------------------

    def rulesets(self) -> tuple[RulesetSummary, ...]:
        """Return the repository's own rulesets, without their rules.

        Raises:
            ForgeRefusedError: 403 the plan has no rulesets for a private repository.
        """
        found = self._pages("/rulesets", {"includes_parents": "false"})
        return tuple(wire_more.read(raw, RulesetSummary) for raw in found)

    def ruleset(self, ruleset_id: int) -> dict[str, Any]:
        """Return one ruleset with its rules, as GitHub's JSON."""
        return dict(self._json("GET", f"/rulesets/{ruleset_id}"))

    def create_ruleset(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a ruleset of GitHub's JSON."""
        return dict(self._json("POST", "/rulesets", dict(body)))

    def update_ruleset(self, ruleset_id: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace a ruleset."""
        return dict(self._json("PUT", f"/rulesets/{ruleset_id}", dict(body)))

    def branch_rules(self, branch: str) -> tuple[dict[str, Any], ...]:
        """Return the rules that hold for a branch, whichever ruleset they come from."""
        return tuple(self._pages(f"/rules/branches/{quote(branch, safe='')}"))

    # -- environments and secrets ---------------------------------------------------------------

    def environment(self, name: str) -> Environment | None:
        """Return an environment, or None."""
        return self._found(f"/environments/{quote(name, safe='')}", Environment)

    def set_environment(self, name: str, body: Mapping[str, Any]) -> Environment:
        """Make or change an environment.

        Raises:
            ForgeRefusedError: 422 the plan has no reviewers for a private repository.
        """
        return wire_more.read(self._json("PUT", f"/environments/{quote(name, safe='')}", dict(body)), Environment)

    def environment_branches(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return the (kind, pattern) of refs that may deploy to an environment; kind is branch or tag."""
        path = f"/environments/{quote(name, safe='')}/deployment-branch-policies"
        found = self._pages(path, key="branch_policies")
        return tuple((str(raw.get("type") or "branch"), str(raw["name"])) for raw in found)

    def add_environment_branch(self, name: str, *, kind: str, pattern: str) -> None:
        """Let refs that match deploy to an environment; `kind` is branch or tag."""
        path = f"/environments/{quote(name, safe='')}/deployment-branch-policies"
        self._json("POST", path, {"name": pattern, "type": kind})

    def repository_secrets(self) -> tuple[str, ...]:
        """Return the names of secrets that every workflow of the repository may read."""
        return tuple(str(raw["name"]) for raw in self._pages("/actions/secrets", key="secrets"))

    def environment_secrets(self, name: str) -> tuple[str, ...]:
        """Return the names of an environment's secrets."""
        path = f"/environments/{quote(name, safe='')}/secrets"
        return tuple(str(raw["name"]) for raw in self._pages(path, key="secrets"))

    # -- labels ---------------------------------------------------------------------------------

    def repository_labels(self) -> tuple[Label, ...]:
        """Return the labels of the repository."""
        return tuple(wire_more.read(raw, Label) for raw in self._pages("/labels"))

    def make_label(self, label: Label) -> Label:
        """Make a label.

        Raises:
            ForgeRefusedError: 422 there is one of that name.
        """
        body = {"name": label.name, "color": label.color, "description": label.description or ""}
        return wire_more.read(self._json("POST", "/labels", body), Label)

    # -- settings -------------------------------------------------------------------------------

    def change_repository(self, body: Mapping[str, Any]) -> Repository:
        """Change settings of the repository by GitHub's names."""
        return wire_more.read(self._json("PATCH", "", dict(body)), Repository)

    def actions_policy(self) -> dict[str, Any]:
        """Return what a workflow's own token may do where the workflow says nothing."""
        return dict(self._json("GET", "/actions/permissions/workflow"))

    def set_actions_policy(self, body: Mapping[str, Any]) -> None:
        """Change what workflows may do by default."""
        self._json("PUT", "/actions/permissions/workflow", dict(body))

    def _found(self, path: str, kind: type[Environment]) -> Environment | None:
        try:
            return wire_more.read(self._json("GET", path), kind)
        except ForgeRefusedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
