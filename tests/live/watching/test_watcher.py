"""live.watching.watcher: newer releases are verified and taken; nothing it meets stops what trades."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from autarch.errors import UndecidedError
from autarch.repo.git import Remote
from live.journal import Draft, Journal
from live.watching.choice import Choices, chosen
from live.watching.watcher import Watcher

HOUR_MS = 3_600_000


class Told:
    """Alerts that are kept."""

    def __init__(self):
        self.told = []

    def tell(self, severity, subject, text):
        self.told.append((severity, subject, text))

    def take(self):
        told, self.told = self.told, []
        return told


class Post:
    """A host beside a forge that may be away, and a watcher on it."""

    def __init__(self, yard):
        self.yard, self.alerts, self.derived, self.now = yard, Told(), [], 0
        self.away, self.trouble = False, None
        self.watcher = Watcher(deployer=self.deployer, host=yard.host, alerts=self.alerts, now_ms=lambda: self.now)

    def deployer(self):
        url = self.yard.root / ("gone.git" if self.away else "forge.git")
        return dataclasses.replace(
            self.yard.deployer(), remote=Remote(url=str(url)), rederive=lambda ids, _: self.derive(ids)
        )

    def derive(self, ids):
        if self.trouble is not None:
            raise self.trouble
        self.derived.extend(ids)

    def publish(self):
        """Make the forge what the yard's repository is."""
        shutil.rmtree(self.yard.root / "forge.git", ignore_errors=True)
        shutil.copytree(self.yard.root / "repo.git", self.yard.root / "forge.git")

    def trade(self, tag, account="paper"):
        path = self.yard.host.journal_path(account)
        path.parent.mkdir(exist_ok=True, parents=True)
        with Journal(path, account=account) as journal:
            journal.append([Draft(time_ms=1, kind="opened", body={"tag": tag})])

    @property
    def next(self):
        choice = Choices(self.yard.host).read()
        return None if choice is None else choice.tag


@pytest.fixture
def post(base_yard, tmp_path):
    made = Post(base_yard.copy(tmp_path / "yard"))
    made.publish()
    return made


def test_the_first_look_takes_the_newest_release_and_the_second_does_nothing(post):
    post.yard.release("v0.2.0", trials=2)
    post.publish()

    assert post.watcher.look().taken == "v0.2.0"
    assert (post.next, len(post.derived)) == ("v0.2.0", 1)

    again = post.watcher.look()
    assert (again.taken, again.refused, again.choice.tag) == (None, (), "v0.2.0")
    assert len(post.derived) == 1


def test_a_release_that_does_not_verify_is_told_once_and_the_one_before_is_taken(post):
    post.yard.release("v0.2.0", trials=2)
    post.yard.sign(post.yard.released("v0.3.0"), key="stranger")
    post.publish()

    look = post.watcher.look()

    assert look.taken == "v0.2.0"
    assert [tag for tag, _ in look.refused] == ["v0.3.0"]
    assert [(s, subject) for s, subject, _ in post.alerts.take()] == [
        ("critical", "release v0.3.0"),
        ("info", "release v0.2.0"),
    ]
    assert post.watcher.look().refused == ()
    assert post.alerts.take() == []
    assert post.next == "v0.2.0"


@pytest.mark.slow
def test_a_refusal_is_looked_at_again_when_trust_changes_and_after_hours_but_told_no_more(post):
    post.watcher.look()
    post.yard.sign(post.yard.released("v0.3.0"), key="stranger")
    post.publish()
    assert len(post.watcher.look().refused) == 1
    post.alerts.take()

    trust = post.yard.host.trust()
    post.yard.host.save_trust(trust.with_dataset("other@" + "a" * 64))
    assert len(post.watcher.look().refused) == 1
    assert post.watcher.look().refused == ()
    post.now += 7 * HOUR_MS
    assert len(post.watcher.look().refused) == 1
    assert post.alerts.take() == []


@pytest.mark.slow
def test_what_could_not_be_decided_is_tried_again_after_a_while(post):
    post.trouble = UndecidedError("no memory")

    assert post.watcher.look().refused == (("v0.1.0", "no memory"),)
    assert post.alerts.take() == [("warning", "release v0.1.0", "v0.1.0 could not be verified yet: no memory")]
    post.trouble = None
    assert post.watcher.look().taken is None
    post.now += HOUR_MS
    assert post.watcher.look().taken == "v0.1.0"


@pytest.mark.slow
def test_a_forge_that_is_away_is_told_once_and_the_choice_stands(post):
    post.watcher.look()
    post.away = True
    post.alerts.take()

    assert post.watcher.look().choice.tag == "v0.1.0"
    assert post.watcher.look().unreachable
    post.away = False
    assert post.watcher.look().unreachable == ""
    assert [(severity, subject) for severity, subject, _ in post.alerts.take()] == [
        ("warning", "forge"),
        ("info", "forge"),
    ]


@pytest.mark.slow
def test_a_revoked_release_is_not_even_tried(post):
    post.yard.release("v0.2.0", trials=2)
    post.publish()
    post.yard.host.save_trust(post.yard.host.trust().without("v0.2.0"))

    look = post.watcher.look()

    assert (look.taken, look.refused) == ("v0.1.0", ())


@pytest.mark.slow
def test_a_next_release_that_is_revoked_before_anybody_trades_it_is_dropped(post):
    post.watcher.look()
    post.trade("v0.1.0")
    post.yard.release("v0.2.0", trials=2)
    post.publish()
    post.watcher.look()
    post.yard.host.save_trust(post.yard.host.trust().without("v0.2.0"))
    post.alerts.take()

    look = post.watcher.look()

    assert (look.dropped, look.choice.tag, post.next) == ("v0.2.0", "v0.1.0", "v0.1.0")
    ((severity, _, text),) = post.alerts.take()
    assert severity == "critical"
    assert text == "v0.2.0 was next and is no longer trusted on this host; v0.1.0 stands"


@pytest.mark.slow
def test_a_revoked_release_that_trades_is_left_to_its_executor(post):
    post.watcher.look()
    post.yard.release("v0.2.0", trials=2)
    post.publish()
    post.watcher.look()
    post.trade("v0.2.0")
    post.yard.host.save_trust(post.yard.host.trust().without("v0.2.0"))

    look = post.watcher.look()

    assert (look.dropped, look.choice.tag) == (None, "v0.2.0")


@pytest.mark.slow
def test_an_operators_choice_outranks_a_verification_that_ends_after_it(post):
    post.watcher.look()
    post.yard.release("v0.2.0", trials=2)
    post.publish()
    oid = post.yard.facts["tag"]
    derive = post.derive

    def meanwhile(ids):
        derive(ids)
        Choices(post.yard.host).change(
            lambda before: chosen(before, "v0.1.0", oid, by="operator", known=("v0.1.0", "v0.2.0"))
        )

    post.derive = meanwhile

    look = post.watcher.look()

    assert (look.taken, look.choice.tag, look.choice.by) == (None, "v0.1.0", "operator")
