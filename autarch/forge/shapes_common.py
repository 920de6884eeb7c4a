"""The parts that GitHub's objects share: who, where, when. Complete, so that any client of GitHub's can read them.

What a local forge does not have (avatars, stars, forks) is empty or zero in GitHub's own words.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from autarch.canonical import sha256_hex
from autarch.forge.wire import Account

CI_APP = "autarch-ci"
"""Slug of the App in whose name a local forge shows the checks that CI has signed."""

_USER_LINKS = (
    "followers",
    "following",
    "gists",
    "starred",
    "subscriptions",
    "organizations",
    "repos",
    "events",
    "received_events",
)
_REPOSITORY_LINKS = (
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "git",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "ssh",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
    "clone",
    "hooks",
    "svn",
)
_COUNTS = (
    "forks_count",
    "stargazers_count",
    "watchers_count",
    "size",
    "open_issues_count",
    "subscribers_count",
    "network_count",
    "forks",
    "open_issues",
    "watchers",
)
_HAS = ("issues", "projects", "wiki", "pages", "discussions")
_UNKNOWN_TIME = "1970-01-01T00:00:00Z"
LABEL_COLOR = "ededed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a forge answers: root of its API, and `owner/name`."""

    url: str
    repository: str

    @property
    def api(self) -> str:
        """Address of the repository's API."""
        return f"{self.url}/repos/{self.repository}"

    @property
    def owner(self) -> str:
        """Login before the slash."""
        return self.repository.partition("/")[0]


def number_of(kind: str, name: str) -> int:
    """Return a number for a thing that has only a name here: 48 bits of its digest, the same everywhere."""
    return int(sha256_hex(f"{kind}:{name}".encode())[:12], 16)


def node_of(kind: str, number: int | str) -> str:
    """Return the opaque name that GitHub gives everything."""
    return f"{kind}_{number}"


@lru_cache(maxsize=1024)
def user_json(login: str, url: str) -> Mapping[str, Any]:
    """Return GitHub's simple user object."""
    number, at = number_of("user", login), f"{url}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": node_of("U", number),
        "avatar_url": "",
        "gravatar_id": "",
        "url": at,
        "html_url": url,
        **{f"{name}_url": f"{at}/{name}" for name in _USER_LINKS},
        "type": "User",
        "site_admin": False,
    }


def account_json(account: Account, url: str) -> dict[str, Any]:
    """Return GitHub's public user object, with the role beside it."""
    absent = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
    zero = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    times = {"created_at": _UNKNOWN_TIME, "updated_at": _UNKNOWN_TIME}
    return {**user_json(account.login, url), **absent, **zero, **times, "autarch": {"role": account.role}}


@lru_cache(maxsize=8)
def repository_json(place: Place) -> Mapping[str, Any]:
    """Return GitHub's full repository object."""
    number, links = number_of("repository", place.repository), _REPOSITORY_LINKS
    git = f"{place.url}/{place.repository}.git"
    return {
        "id": number,
        "node_id": node_of("R", number),
        "name": place.repository.partition("/")[2],
        "full_name": place.repository,
        "owner": user_json(place.owner, place.url),
        "private": True,
        "visibility": "private",
        "html_url": place.url,
        "description": None,
        "fork": False,
        "url": place.api,
        **{f"{name}_url": f"{place.api}/{name}" for name in links},
        "clone_url": git,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        **dict.fromkeys(_COUNTS, 0),
        **{f"has_{name}": False for name in _HAS},
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        **dict.fromkeys(("pushed_at", "created_at", "updated_at"), _UNKNOWN_TIME),
    }


@lru_cache(maxsize=8)
def repository_raw(place: Place) -> msgspec.Raw:
    """Return the repository object encoded once: a page of a hundred pull requests holds it two hundred times."""
    return msgspec.Raw(msgspec.json.encode(repository_json(place)))


@lru_cache(maxsize=1024)
def label_json(name: str, place: Place) -> Mapping[str, Any]:
    """Return GitHub's label object."""
    number = number_of("label", name)
    return {
        "id": number,
        "node_id": node_of("LA", number),
        "url": f"{place.api}/labels/{name}",
        "name": name,
        "description": None,
        "color": LABEL_COLOR,
        "default": False,
        "archived_at": None,
        "archived_by": None,
    }


@lru_cache(maxsize=64)
def app_json(slug: str, url: str) -> Mapping[str, Any]:
    """Return GitHub's App object."""
    number = number_of("app", slug)
    return {
        "id": number,
        "slug": slug,
        "node_id": node_of("A", number),
        "owner": user_json(slug, url),
        "name": slug,
        "description": None,
        "external_url": url,
        "html_url": url,
        "created_at": _UNKNOWN_TIME,
        "updated_at": _UNKNOWN_TIME,
        "permissions": {"checks": "write", "contents": "write"},
        "events": [],
    }


def time_of(epoch_ms: int | None) -> str | None:
    """Return a time as GitHub writes it."""
    if epoch_ms is None:
        return None
    return dt.datetime.fromtimestamp(epoch_ms // 1000, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
