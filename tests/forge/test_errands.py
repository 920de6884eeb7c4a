"""Errands: who may ask the trusted side for what, one at a time, and that a request fills in a fixed command only."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import pytest

from autarch.cli.main import main
from autarch.errors import UndecidedError
from autarch.forge.client import ForgeClient
from autarch.forge.errands import ErrandBody
from autarch.forge.serve import serving
from autarch.forge.transport import ForgeRefusedError
from autarch.forge.wire import LOCAL_REPOSITORY

from .conftest import Yard, make_clone, make_state, make_workspace

WORD = b'{"strategy": "ema_trend", "word": "may not", "test": 2, "level": 0.001, "wealth": 0.04, "stored": false}'


class Trusted:
    """Runs nothing: remembers what it was to run, and answers as told, once it may."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.answer = (0, WORD, b"")
        self.go = threading.Event()
        self.go.set()

    def errand(self, arguments, *, log: Path):
        assert log.parent.name == "logs"
        self.asked.append(list(arguments))
        assert self.go.wait(120)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def stop(self) -> None:
        self.go.set()


@pytest.fixture(scope="module")
def one() -> Trusted:
    return Trusted()


@pytest.fixture
def trusted(one) -> Trusted:
    one.asked.clear()
    one.answer = (0, WORD, b"")
    return one


@pytest.fixture(scope="module")
def yard(tmp_path_factory, project, keys, one):
    folder = tmp_path_factory.mktemp("errands")
    state, tokens = make_state(folder, project)
    with serving(state, make_errander=lambda _office: one) as running:
        made = Yard(url=running.url, state=state, clone=make_clone(folder, project), keys=keys, tokens=tokens)
        with contextlib.closing(made):
            yield made


@pytest.fixture(scope="module")
def home(yard):
    """The workspace around the forge, with somebody's token in the human's place."""
    root = make_workspace(yard)

    def of(login: str) -> Path:
        (root / ".autarch" / "tokens" / "human").write_text(yard.tokens[login])
        return root

    return of


def over(client: ForgeClient, begun):
    for _ in range(2000):
        found = client.errand(begun["number"])
        if found["state"] != "running":
            return found
    raise AssertionError("it never ended")


def test_a_human_s_question_becomes_one_command_in_their_name(yard, trusted) -> None:
    human = yard.client("human")

    found = over(human, human.begin_errand(errand="judge", target="3", test=2))

    assert trusted.asked == [["judge", "3", "--publish", "--asked-by", "human", "--test", "2", "--json"]]
    assert (found["state"], found["answer"]["word"], found["asked_by"]) == ("done", "may not", "human")


@pytest.mark.parametrize("login", ["agent", "tuner", "ci", "deployer"])
@pytest.mark.parametrize("errand", ["judge", "close"])
def test_nobody_but_a_human_spends_or_closes(yard, trusted, login, errand) -> None:
    client = ForgeClient(yard.url, LOCAL_REPOSITORY, yard.tokens[login])

    with contextlib.closing(client), pytest.raises(ForgeRefusedError, match=r"403.*has role \w+; only human"):
        client.begin_errand(errand=errand, target="ema_trend", epoch=1)
    assert trusted.asked == []


def test_ci_may_ask_for_forward_scores_and_an_agent_may_not(yard, trusted) -> None:
    over(yard.client("ci"), yard.client("ci").begin_errand(errand="forward"))

    with pytest.raises(ForgeRefusedError, match="only human or ci asks for forward scores"):
        yard.client("agent").begin_errand(errand="forward")
    assert trusted.asked == [["forward", "--publish", "--json"]]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"errand": "merge"}, "errand is 'merge'"),
        ({"errand": "judge", "target": "--publish"}, "target is '--publish'"),
        ({"errand": "judge", "target": "a b"}, "target is 'a b'"),
        ({"errand": "judge"}, "target is ''"),
        ({"errand": "close", "target": "planted"}, "epoch is missing"),
        ({"errand": "judge", "target": "3", "asked_by": "ann"}, "unknown field `asked_by`"),
    ],
)
def test_a_request_fills_in_a_fixed_command_and_nothing_more(yard, trusted, fields, says) -> None:
    with pytest.raises(ForgeRefusedError, match=f"422.*{says}"):
        yard.client("human").begin_errand(**fields)
    assert trusted.asked == []


def test_a_second_question_waits_for_the_first(yard, trusted) -> None:
    trusted.go.clear()
    human = yard.client("human")
    first = human.begin_errand(errand="judge", target="3")

    with pytest.raises(ForgeRefusedError, match=r"409.*another errand is under way"):
        human.begin_errand(errand="judge", target="4")

    trusted.go.set()
    assert over(human, first)["state"] == "done"
    assert over(human, human.begin_errand(errand="judge", target="4"))["state"] == "done"


@pytest.mark.parametrize(
    ("answer", "state", "says"),
    [
        ((1, b"", b"autarch: working\nautarch: the price of test 1 was confirmed\n"), "refused", "the price of test 1"),
        ((3, b"", b"autarch: no bars\n"), "failed", "no bars"),
        ((0, b"nonsense", b""), "failed", "nothing that can be read"),
        ((3, b"nonsense", b"autarch: no bars\n"), "failed", "no bars"),
        ((-9, WORD, b"autarch: working\n"), "failed", "working"),
        (UndecidedError("main's code cannot run here"), "failed", "cannot run here"),
        (ValueError("it came apart"), "failed", "came apart"),
        (ValueError(), "failed", "ValueError"),
    ],
)
def test_what_came_of_it_is_told_in_its_own_words(yard, trusted, answer, state, says) -> None:
    trusted.answer = answer
    human = yard.client("human")

    found = over(human, human.begin_errand(errand="judge", target="3"))

    assert found["state"] == state
    assert says in found["sentence"]
    assert over(human, human.begin_errand(errand="judge", target="3"))["state"] == state  # the desk is free again


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_an_answer_that_is_no_good_news_is_an_answer_still(yard, trusted, code) -> None:
    trusted.answer = (code, WORD, b"autarch: a_trend could not be scored: no bars\n")
    human = yard.client("human")

    found = over(human, human.begin_errand(errand="forward"))

    assert (found["state"], found["answer"]["word"]) == ("done", "may not")


def test_forward_names_whom_it_could_not_score_and_leaves_with_that_code(home, trusted, monkeypatch, capsys) -> None:
    row = {"slug": "a_trend", "pr": 1, "since_ms": None, "days": 0, "e_value": 1.0, "asked": "-", "exit_code": 3}
    row |= {"earned": {"tier": "T1", "why": "x"}, "may_be_judged": False, "problem": "a bar is missing"}
    told = {"rows": [row], "appended": 0, "lowered": [], "level": None, "wealth": None, "exit_code": 3}
    trusted.answer = (3, json.dumps(told).encode(), b"autarch: a_trend could not be scored\n")
    monkeypatch.chdir(home("human"))

    code = main(["forward"])

    assert code == 3
    assert "NOT SCORED: a bar is missing" in capsys.readouterr().out


def test_an_errand_nobody_asked_for_is_unknown(yard) -> None:
    with pytest.raises(ForgeRefusedError, match=r"404.*no errand 999"):
        yard.client("human").errand(999)


def test_an_errand_s_body_has_no_field_to_smuggle_in() -> None:
    assert set(ErrandBody.__struct_fields__) == {"errand", "target", "test", "epoch"}


def test_an_agent_s_token_in_a_human_s_place_is_refused_in_words(home, trusted, monkeypatch, capsys) -> None:
    monkeypatch.chdir(home("agent"))

    code = main(["forward"])

    assert code == 1
    assert "agent has role agent; only human or ci asks for forward scores" in capsys.readouterr().err
    assert trusted.asked == []
