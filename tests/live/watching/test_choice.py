"""live.watching.choice: which release is next, whoever chooses."""

from __future__ import annotations

import pytest

from autarch.errors import ConfigError
from live.host import Host
from live.watching.choice import Choice, Choices, chosen, newer

OID = "a" * 40
TAGS = ("v0.1.0", "v0.2.0", "v0.10.0", "nonsense")


def pick(*steps):
    """Follow (tag, by, known) steps and return the last choice."""
    found = None
    for tag, by, known in steps:
        found = chosen(found, tag, OID, by=by, known=known)
    return found


def test_versions_are_numbers_and_the_newest_comes_first():
    assert newer(TAGS, None) == ("v0.10.0", "v0.2.0", "v0.1.0")
    assert newer(TAGS, pick(("v0.2.0", "watch", ()))) == ("v0.10.0",)


def test_a_rollback_stays_until_something_newer_than_all_that_was_known_is_signed():
    found = pick(("v0.1.0", "watch", ()), ("v0.2.0", "watch", ()), ("v0.1.0", "operator", ("v0.1.0", "v0.2.0")))

    assert (found.tag, found.passed_over, found.history) == ("v0.1.0", "v0.2.0", ())
    assert newer(("v0.1.0", "v0.2.0"), found) == ()
    assert newer(("v0.1.0", "v0.2.0", "v0.2.1"), found) == ("v0.2.1",)


def test_choosing_the_newest_by_hand_passes_over_nothing():
    found = pick(("v0.1.0", "operator", TAGS), ("v0.10.0", "operator", TAGS))

    assert (found.passed_over, found.history) == ("", ("v0.1.0",))


def test_rolling_back_twice_goes_further_back_and_not_forth():
    found = pick(*((f"v0.{n}.0", "watch", ()) for n in range(4)), ("v0.2.0", "operator", ()))
    assert found.history == ("v0.0.0", "v0.1.0")

    assert chosen(found, found.history[-1], OID, by="operator").history == ("v0.0.0",)


def test_the_same_release_again_is_no_history():
    found = pick(("v0.1.0", "watch", ()), ("v0.1.0", "operator", ()))

    assert (found.history, found.by) == ((), "operator")


def test_history_has_an_end():
    found = pick(*((f"v0.{n}.0", "watch", ()) for n in range(80)))

    assert len(found.history) == 50
    assert found.history[-1] == "v0.78.0"


def test_the_file_reads_back_and_none_leaves_it(tmp_path):
    choices = Choices(Host(root=tmp_path / "host"))
    assert choices.read() is None

    first = choices.change(lambda _: chosen(None, "v0.1.0", OID, by="watch"))
    assert choices.change(lambda _: None) == first == choices.read() == Choice(tag="v0.1.0", tag_object=OID, by="watch")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"schema":2,"tag":"v0.1.0","tag_object":"a","by":"watch"}', b"\xff", b'{"tag":"../x"}']
)
def test_a_file_that_is_not_ours_is_refused_with_the_cure(tmp_path, content):
    host = Host(root=tmp_path)
    host.next_path.write_bytes(content)

    with pytest.raises(ConfigError, match="choose again: autarch live switch TAG"):
        Choices(host).read()
