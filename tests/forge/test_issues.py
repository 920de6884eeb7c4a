"""Issues of a local forge: asked by humans, numbered with pull requests, shown as GitHub shows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autarch.forge.client import ForgeRefusedError
from autarch.forge.wire import LOCAL_REPOSITORY
from autarch.repo.git import GitRepo
from autarch.repo.objects import REGULAR, Person, TreeEntry

from .conftest import Keys, Yard, make_yard

ROOT = f"/repos/{LOCAL_REPOSITORY}"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory, project: GitRepo, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("issues"), project, keys) as made:
        yield made


def proposed(yard: Yard, name: str) -> int:
    yard.push("agent", f"{yard.strategy(name)}:refs/heads/agent/tuner/{name}-1")
    return yard.client("agent").create_pull(head=f"agent/tuner/{name}-1", title="One", body="Because.").number


def test_issues_and_pull_requests_share_one_counter_and_outlive_the_server(yard: Yard) -> None:
    human, agent = yard.client("human"), yard.client("agent")
    asked = human.open_issue("Funding carry", "Trade against the crowd that pays.")
    pull = proposed(yard, "one")
    again = human.open_issue("Another", "")

    assert (asked, pull, again) == (1, 2, 3)
    assert agent.issue_text(asked) == ("Funding carry", "Trade against the crowd that pays.", "human")
    assert agent.issue_text(pull)[0] == "One"
    shown = human._json("GET", f"/issues/{asked}")
    assert "pull_request" not in shown
    assert shown["html_url"] == f"{yard.url}{ROOT}/issues/{asked}"
    assert "pull_request" in human._json("GET", f"/issues/{pull}")

    office = yard.office
    for store in (office.desk.pulls, type(office.desk.pulls)(office.repo, office.desk.clock)):
        with store.numbering() as number:
            assert number == 4


def test_only_a_human_asks_and_only_for_what_can_be_shown(yard: Yard) -> None:
    human = yard.client("human")
    for login in ("agent", "ci"):
        with pytest.raises(ForgeRefusedError, match="only human opens issues"):
            yard.client(login).open_issue("Merge my pull request", "now")
    for title, body, says in (("", "", "title"), ("two\nlines", "", "title"), ("t", "x" * 70_000, "body")):
        with pytest.raises(ForgeRefusedError, match=says):
            human.open_issue(title, body)
    with pytest.raises(ForgeRefusedError, match="no issue 99"):
        human.issue_text(99)


def test_a_damaged_issue_is_named(yard: Yard) -> None:
    human, bare = yard.client("human"), yard.bare
    number = human.open_issue("Ask", "it")
    tree = bare.write_tree([TreeEntry(mode=REGULAR, oid=bare.write_blob(b"{}"), path="issue.json")])
    tip = bare.read_ref(f"refs/autarch/issues/{number}")
    who = Person(name="a", email="a@b.invalid", when_s=1)
    bare.update_ref(
        f"refs/autarch/issues/{number}", bare.commit_tree(tree, parents=[], message="x", author=who), old=tip
    )
    with pytest.raises(Exception, match="stored issue does not parse"):
        human.issue_text(number)
