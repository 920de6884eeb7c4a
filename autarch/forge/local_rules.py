"""What a local forge enforces, told as GitHub's rulesets: the same questions, answered by both.

The rules themselves are code (`rules`); this is their picture, so that the doctor reads one form. It
names only what the hook refuses for everybody, and the App whose signature a required check needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autarch.forge.rules import LEDGER, MAIN
from autarch.forge.shapes_common import CI_APP, Place, node_of, number_of, time_of
from autarch.forge.wire import GATE_CONTEXT

DEFAULT_BRANCH = "~DEFAULT_BRANCH"
_TAGS = "refs/tags/v*"
_UPDATE = {"type": "update", "parameters": {"update_allows_fetch_and_merge": False}}
_ADMINISTRATOR = {"actor_id": 5, "actor_type": "RepositoryRole"}  # GitHub's number of that role; here: humans


def local_rulesets(place: Place, required: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Return the rulesets in GitHub's form; `required` are the check runs a strategy on main needs."""
    ci = {"actor_id": number_of("app", CI_APP), "actor_type": "Integration", "bypass_mode": "always"}
    final: list[dict[str, Any]] = [{"type": "deletion"}, {"type": "non_fast_forward"}]
    create, merge = {"type": "creation"}, {**_ADMINISTRATOR, "bypass_mode": "pull_request"}
    written = [LEDGER, "refs/heads/autarch-reports/**/*"]
    return (
        _ruleset(place, "autarch main", "branch", [DEFAULT_BRANCH], rules=_main_rules(required)),
        _ruleset(place, "autarch merge", "branch", [DEFAULT_BRANCH], rules=[_UPDATE], bypass=[merge]),
        _ruleset(place, "autarch ledger", "branch", [LEDGER], rules=final),
        _ruleset(place, "autarch writers", "branch", written, rules=[create, _UPDATE], bypass=[ci]),
        _ruleset(place, "autarch tags", "tag", [_TAGS], rules=[{"type": "deletion"}, {"type": "update"}]),
        _ruleset(
            place,
            "autarch release",
            "tag",
            [_TAGS],
            rules=[create],
            bypass=[{**_ADMINISTRATOR, "bypass_mode": "always"}],
        ),
    )


def summary_of(ruleset: dict[str, Any]) -> dict[str, Any]:
    """Return a ruleset as a list shows it."""
    return {key: value for key, value in ruleset.items() if key not in {"rules", "conditions", "bypass_actors"}}


def rules_of(rulesets: Sequence[dict[str, Any]], branch: str) -> list[dict[str, Any]]:
    """Return the rules that hold for a branch, each with where it comes from."""
    found = []
    names = {f"refs/heads/{branch}", *([DEFAULT_BRANCH] if f"refs/heads/{branch}" == MAIN else [])}
    for ruleset in rulesets:
        if ruleset["target"] == "branch" and names & set(ruleset["conditions"]["ref_name"]["include"]):
            source = {"ruleset_source_type": "Repository", "ruleset_source": ruleset["source"]}
            found += [{**rule, **source, "ruleset_id": ruleset["id"]} for rule in ruleset["rules"]]
    return found


def _main_rules(required: Sequence[str]) -> list[dict[str, Any]]:
    app = number_of("app", CI_APP)
    return [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {
            "type": "pull_request",
            "parameters": {
                "required_approving_review_count": 0,
                "dismiss_stale_reviews_on_push": True,
                "require_code_owner_review": False,
                "require_last_push_approval": False,
                "required_review_thread_resolution": False,
                "allowed_merge_methods": ["merge"],
            },
        },
        {
            "type": "required_status_checks",
            "parameters": {
                "strict_required_status_checks_policy": True,
                "do_not_enforce_on_create": False,
                "required_status_checks": [
                    {"context": name, "integration_id": app} for name in (GATE_CONTEXT, *required)
                ],
            },
        },
    ]


def _ruleset(  # noqa: PLR0913  GitHub's fields
    place: Place,
    name: str,
    target: str,
    refs: list[str],
    *,
    rules: list[dict[str, Any]],
    bypass: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    number = number_of("ruleset", name)
    return {
        "id": number,
        "node_id": node_of("RRS", number),
        "name": name,
        "target": target,
        "source_type": "Repository",
        "source": place.repository,
        "enforcement": "active",
        "conditions": {"ref_name": {"include": refs, "exclude": []}},
        "bypass_actors": list(bypass),
        "rules": rules,
        "created_at": time_of(0),
        "updated_at": time_of(0),
    }
