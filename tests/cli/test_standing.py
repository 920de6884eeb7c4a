"""`autarch` alone: what waits comes first, and the next command follows from it."""

from __future__ import annotations

import json

import pytest

from autarch.cli.main import main
from autarch.cli.standing import AccountStands, OpenPull, Standing, blobs_in, lines, next_command
from autarch.errors import ConfigError


def a_pull(number, gate, title="Tune it"):
    return OpenPull(number=number, title=title, author="tuner", gate=gate)


def stands(*pulls, forge="http://127.0.0.1:1", accounts=(), tag=""):
    return Standing(root="/w", forge=forge, pulls=tuple(pulls), accounts=tuple(accounts), newest_tag=tag)


TRADES = AccountStands(name="paper", tag="v0.1.0", state="ACTIVE", running=True)
HALTED = AccountStands(name="paper", tag="v0.1.0", state="HALTED", running=True, halt="the account halted by cli")


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (stands(a_pull(1, "rejected"), a_pull(2, "accepted")), "autarch report 2, then autarch pr merge 2"),
        (stands(a_pull(1, "accepted"), a_pull(2, "accepted")), "autarch report 2, then autarch pr merge 2"),
        (stands(a_pull(1, "accepted"), accounts=[HALTED]), "autarch live status paper"),
        (stands(a_pull(3, "undecided"), a_pull(4, "queued")), "autarch pr show 3, then autarch pr rerun 3"),
        (stands(a_pull(4, "queued")), "autarch pr wait 4"),
        (stands(a_pull(5, "rejected")), "autarch report 5, then autarch pr close 5"),
        (stands(a_pull(4, "queued"), forge=""), "autarch forge serve"),
        (stands(tag="v0.1.0"), "autarch live run v0.1.0"),
        (stands(tag="v0.1.0", accounts=[TRADES]), "autarch propose"),
    ],
)
def test_the_next_command_is_the_most_urgent(found, command) -> None:
    assert next_command(found).startswith(command)


def test_a_verdict_that_waits_is_listed_before_what_still_runs_and_the_rest_is_counted() -> None:
    pulls = [a_pull(n, "queued") for n in range(1, 8)] + [a_pull(9, "accepted")]

    told = lines(stands(*pulls))

    assert told[2] == "open        8 pull requests, 1 with a verdict that waits for you"
    assert told[3].split()[:2] == ["9", "accepted"]
    assert "and 3 more: autarch pr ls" in "\n".join(told)  # 8 less the 5 shown


def test_a_title_cannot_move_the_cursor() -> None:
    told = "\n".join(lines(stands(a_pull(1, "accepted", title="\x1b[2Jgone\r"))))

    assert "\x1b" not in told
    assert "\r" not in told


def test_a_halt_is_told_with_its_reason() -> None:
    assert "the account halted by cli" in "\n".join(lines(stands(accounts=[HALTED])))


def test_blobs_come_back_whole_whatever_is_in_them() -> None:
    answer = b"aa blob 3\na\nb\nbb blob 0\n\ncc blob 2\n\n\n\n"

    assert list(blobs_in(answer)) == [b"a\nb", b"", b"\n\n"]


def test_a_missing_object_is_damage_not_an_empty_list() -> None:
    with pytest.raises(ConfigError, match="damaged"):
        list(blobs_in(b"refs/x:pull.json missing\n"))


def test_outside_a_workspace_it_says_what_to_run(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTARCH_WORKSPACE", raising=False)

    code = main([])

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert "autarch init" in said.err


def test_json_says_the_same_to_a_machine(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / ".autarch").mkdir()
    (tmp_path / ".autarch/config.toml").write_text('schema = 1\n[forge]\nrepository = "local/autarch"\n')
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(tmp_path))

    assert main(["--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["pulls"] == []
    assert "autarch init" in found["problem"]
    assert found["next"] == "autarch forge serve"
