"""live.watching.following: an executor hears of its next release and of revocations; bad files stop nothing."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from live.host import Host
from live.installed import read_installed
from live.watching.choice import Choices, chosen
from live.watching.following import Following

ENGINE = "e" * 64  # what made the released project's evidence


class Post:
    """A host with two verified releases, and somebody who follows it."""

    def __init__(self, host):
        self.host, self.taken, self.held, self.told = host, [], [], []
        self.first = read_installed(host.releases / "v0.1.0")
        self.following = self.follow()

    def follow(self, **how):
        return Following(
            host=self.host,
            engine=ENGINE,
            present=self.first,
            take=lambda installed: self.taken.append(None if installed is None else installed.tag),
            hold_back=self.held.append,
            alerts=self,
            **how,
        )

    def tell(self, severity, subject, text):
        self.told.append((severity, subject, text))

    def choose(self, tag):
        Choices(self.host).change(lambda before: chosen(before, tag, "a" * 40, by="operator"))

    def look(self, times=2):
        for _ in range(times):
            self.following.look()


@pytest.fixture(scope="module")
def verified(base_yard, tmp_path_factory):
    yard = base_yard.copy(tmp_path_factory.mktemp("yard"))
    yard.release("v0.2.0", trials=2)
    for tag in ("v0.1.0", "v0.2.0"):
        yard.deployer().verify(tag)
    return yard.host


@pytest.fixture
def followed(verified, tmp_path):
    shutil.copytree(verified.root, tmp_path / "host")
    return Post(Host(root=tmp_path / "host"))


def test_nothing_chosen_or_the_present_release_changes_nothing(followed):
    followed.look()
    followed.choose("v0.1.0")
    followed.look()

    assert (followed.taken, followed.held, followed.told) == ([], [], [])


def test_the_next_release_is_taken_once_and_given_up_when_the_choice_goes_back(followed):
    followed.choose("v0.2.0")
    followed.look(3)
    assert followed.taken == ["v0.2.0"]
    assert followed.told[0][2] == "v0.2.0 takes over from v0.1.0 at the next bar"

    followed.choose("v0.1.0")
    followed.look()
    assert followed.taken == ["v0.2.0", None]


@pytest.mark.parametrize("when", ["reduce", "flatten"])
def test_a_revoked_release_that_trades_is_held_back_once(followed, when):
    trust = followed.host.trust().without("v0.1.0")
    followed.host.save_trust(dataclasses.replace(trust, when_revoked=when))

    followed.look(3)

    assert followed.held == [when]
    ((severity, subject, text),) = followed.told
    assert (severity, subject) == ("critical", "release v0.1.0")
    assert ("closes everything and ends" if when == "flatten" else "only reduces from now on") in text
    again = followed.follow(held_back=True)
    again.look()
    assert followed.held == [when]


def test_a_next_release_that_is_revoked_gone_or_of_another_engine_is_told_once_and_not_taken(followed):
    followed.choose("v0.2.0")
    followed.host.save_trust(followed.host.trust().without("v0.2.0"))
    followed.look(3)
    followed.choose("v0.3.0")
    followed.look(3)
    followed.host.next_path.write_text("nonsense")
    followed.look(3)

    assert followed.taken == []
    assert [severity for severity, _, _ in followed.told] == ["warning"] * 3
    assert "v0.2.0 is revoked" in followed.told[0][2]
    assert "v0.3.0 is not installed" in followed.told[1][2]
    assert "does not parse" in followed.told[2][2]
