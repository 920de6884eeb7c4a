"""What a local forge enforces, told as GitHub's rulesets: the same questions, answered by both.

The rules themselves are code (`rules`); this is their picture, so that the doctor reads one form. It
names only what the hook refuses for everybody, and the App whose signature a required check needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autarch.forge.rules import LEDGER, MAIN
from autarch.forge.shapes_common import CI_APP, Place, node_of, number_of, time_of

NAMES = ("autarch main", "autarch ledger", "autarch tags")


def local_rulesets(place: Place, required: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Return the rulesets in GitHub's form; `required` are the checks a strategy on main needs."""
    return (
        _ruleset(place, NAMES[0], "branch", MAIN, _main_rules(required)),
        _ruleset(place, NAMES[1], "branch", LEDGER, [{"type": "deletion"}, {"type": "non_fast_forward"}]),
        _ruleset(place, NAMES[2], "tag", "refs/tags/v*", [{"type": "deletion"}, {"type": "update"}]),
    )


def summary_of(ruleset: dict[str, Any]) -> dict[str, Any]:
    """Return a ruleset as a list shows it."""
    return {key: value for key, value in ruleset.items() if key not in {"rules", "conditions", "bypass_actors"}}


def rules_of(rulesets: Sequence[dict[str, Any]], branch: str) -> list[dict[str, Any]]:
    """Return the rules that hold for a branch, each with where it comes from."""
    found = []
    for ruleset in rulesets:
        if ruleset["target"] == "branch" and f"refs/heads/{branch}" in ruleset["conditions"]["ref_name"]["include"]:
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
                "require_code_owner_review": True,
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
                "required_status_checks": [{"context": name, "integration_id": app} for name in required],
            },
        },
    ]


def _ruleset(place: Place, name: str, target: str, ref: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    number = number_of("ruleset", name)
    return {
        "id": number,
        "node_id": node_of("RRS", number),
        "name": name,
        "target": target,
        "source_type": "Repository",
        "source": place.repository,
        "enforcement": "active",
        "conditions": {"ref_name": {"include": [ref], "exclude": []}},
        "bypass_actors": [],
        "rules": rules,
        "created_at": time_of(0),
        "updated_at": time_of(0),
    }
