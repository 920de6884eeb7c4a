"""A command-line agent proposes like any other: confined, metered at its door, its folder read and nothing else."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from decimal import Decimal

import pytest

from agents.confining import cage
from agents.confining.gateway import Door, Gateway, Vendored
from agents.confining.outputs import read_output
from agents.confining.recipes import find_recipe, read_recipes
from agents.confining.worktree import arm, make_worktree
from agents.models import read_models
from agents.ports import UNCONFINED, Budget, Caps, NoProposalError, UnknownModelError
from agents.scripted import faults
from agents.scripted.author import Author
from agents.scripted.talking import Fault
from agents.vendors.wire import Tokens
from autarch.errors import ConfigError, UsageError

from .yard import a_brief, a_household, a_repo

CONFINED = pytest.mark.skipif(cage.lacking() is not None, reason=str(cage.lacking()))
CLI = "command:scripted-cli"


@CONFINED
def test_a_command_line_agent_hands_in_a_folder_and_what_it_cost_was_metered_at_its_door(tmp_path):
    with a_household(tmp_path) as house:
        proposer = house.proposer(CLI)
        proposal = proposer.propose(a_brief(house))
        again = proposer.propose(a_brief(house))
        attempts = house.purse.attempts()

    assert proposal.files.keys() >= {"manifest.toml", "strategy.py"}
    assert proposal.confinement.startswith("landlock, seccomp")
    assert "Confinement" not in dict(proposal.trailers())
    assert [a.end for a in attempts] == ["answered"] * proposal.usage.turns
    assert proposal.usage.usd == sum(a.usage.usd for a in attempts) > 0
    assert again == proposal  # the outcome was kept: the program did not run a second time
    assert list((tmp_path / ".autarch/agents/work").iterdir()) == []


@pytest.mark.slow
def test_an_unconfined_run_is_written_into_the_trailers(tmp_path):
    with a_household(tmp_path, unconfined=True) as house:
        proposal = house.proposer(CLI).propose(a_brief(house))

    assert dict(proposal.trailers())["Confinement"] == UNCONFINED


def test_an_edit_outside_its_folder_is_found_where_nothing_could_prevent_it(tmp_path):
    recipe = (
        "[recipes.vandal]\nprogram = \"{python}\"\narguments = [\"-c\", \"open('AGENTS.md', 'a').write('obey')\"]\n"
        'output = "claude"\nvendor = "anthropic"\nmodel = "scripted-claude"\nkey = ""\nkey_in = "K"\nupstream = ""\n'
    )
    (tmp_path / ".autarch/agents").mkdir(parents=True)
    (tmp_path / ".autarch/agents/recipes.toml").write_text(f"schema = 1\n{recipe}")

    with a_household(tmp_path, unconfined=True) as house, pytest.raises(NoProposalError, match=r"outside.*AGENTS\.md"):
        house.proposer("command:vandal").propose(a_brief(house))


@CONFINED
def test_a_spent_budget_closes_the_door_before_a_call(tmp_path):
    budget = Budget(proposal=Caps(usd=Decimal(0)))

    with a_household(tmp_path, budget=budget) as house, pytest.raises(NoProposalError) as caught:
        house.proposer(CLI).propose(a_brief(house))

    assert "error_during_execution" in str(caught.value)
    assert caught.value.usage.usd == 0


def test_the_door_of_a_run_asks_one_model_and_no_other(tmp_path):
    with a_household(tmp_path) as house:
        till = house.till(kind="x", model="scripted-claude")
        vendored = Vendored(vendor="anthropic", base="http://127.0.0.1:1", key="k", model="scripted-claude")
        gateway = Gateway(Door(tool=None, vendored=vendored, till=till, conversation="c", hosts=()))
        with pytest.raises(UnknownModelError):
            gateway.book({"model": "claude-opus-5-5", "max_tokens": 10})
        gateway.close()

    assert not house.purse.attempts()


@pytest.fixture
def tree(tmp_path):
    repo, base = a_repo(tmp_path / "repo.git")
    made = make_worktree(tmp_path / "run", repo=repo, base=base, slug="new_trend", own={})
    return arm(made, instructions="Be good.", python="python", gateway="http://127.0.0.1:1", word="w")[0]


def test_the_worktree_has_main_to_read_and_one_empty_folder_to_write(tree):
    assert (tree.root / "strategies/ema_trend/strategy.py").is_file()
    assert (tree.root / "docs/strategy_authoring.md").is_file()
    assert list(tree.own.iterdir()) == []
    assert not (tree.root / ".git").exists()
    assert tree.outside_edits() == ()


def test_only_a_strategys_files_are_taken_and_never_more_of_them_than_may_be(tree):
    (tree.own / "strategy.py").write_bytes(b"#" * 5_000_000)
    (tree.own / "__pycache__").mkdir()

    assert len(tree.files()["strategy.py"]) == 131_073  # one more than allowed, so that it is refused by its size


def test_any_other_file_in_its_folder_is_refused_by_name(tree):
    (tree.own / "notes.txt").write_text("x")

    with pytest.raises(UsageError, match=r"notes\.txt"):
        tree.files()


def test_a_link_in_its_folder_is_not_followed(tree, tmp_path):
    (tmp_path / "secret").write_text("s")
    (tree.own / "strategy.py").symlink_to(tmp_path / "secret")

    with pytest.raises(UsageError, match="plain file"):
        tree.files()


def test_a_pipe_in_its_folder_does_not_make_us_wait(tree):
    os.mkfifo(tree.own / "strategy.py")

    with pytest.raises(UsageError, match="no regular file"):
        tree.files()


def test_every_change_beside_its_folder_is_told(tree):
    (tree.root / "AGENTS.md").write_text("obey")
    (tree.root / "strategies/more.py").write_text("x")
    (tree.root / "tools.json").unlink()
    (tree.own / "strategy.py").write_text("mine")

    assert tree.outside_edits() == ("AGENTS.md", "strategies/more.py", "tools.json")


@CONFINED
def test_a_vendor_that_fails_ends_the_run_and_costs_nothing(tmp_path):
    script = faults.storm(Author("x"), *[Fault(status=529)] * 5)

    with a_household(tmp_path, script=script) as house, pytest.raises(NoProposalError):
        house.proposer(CLI).propose(a_brief(house))

    assert {(a.end, a.status, a.usage.usd) for a in house.purse.attempts()} == {("failed", 529, Decimal(0))}


def test_the_recipes_we_ship_name_models_that_have_prices():
    for recipe in read_recipes().values():
        assert read_models().get(recipe.model).vendor == recipe.vendor


def test_a_program_that_is_not_there_is_named(tmp_path, monkeypatch):
    with a_household(tmp_path) as house:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigError, match="no program 'claude'"):
            house.proposer("command:claude-code")


def test_an_unknown_recipe_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match="claude-code, codex-cli"):
        find_recipe("gemini")


@pytest.mark.parametrize(
    "bad", ['hosts = ["a b"]', 'upstream = "http://api.example.com"', 'output = "yaml"', "more = 1"]
)
def test_a_recipe_that_could_open_more_than_it_says_is_refused(tmp_path, bad):
    lines = {
        "program": '"x"',
        "arguments": "[]",
        "output": '"claude"',
        "vendor": '"openai"',
        "model": '"m"',
        "key": '""',
        "key_in": '""',
        "upstream": '""',
    }
    lines.pop(bad.split(" ")[0], None)
    body = "\n".join(f"{name} = {value}" for name, value in lines.items())
    (tmp_path / ".autarch/agents").mkdir(parents=True)
    (tmp_path / ".autarch/agents/recipes.toml").write_text(f"schema = 1\n[recipes.x-y]\n{body}\n{bad}\n")

    with pytest.raises(ConfigError):
        read_recipes(tmp_path)


def test_claudes_result_line_is_read_for_turns_and_tokens():
    usage = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 11, "cache_creation_input_tokens": 13}
    lines = [
        {"type": "system"},
        {"type": "assistant", "message": {}},
        {"type": "result", "subtype": "success", "num_turns": 3, "usage": usage, "session_id": "s", "result": "ok"},
    ]
    output = b"noise\n" + b"\n".join(json.dumps(line).encode() for line in lines)

    found = read_output(output, "claude")

    assert (found.turns, found.problem, found.session, found.is_whole) == (3, "", "s", True)
    assert found.tokens == Tokens(input_tokens=5, cache_read=11, cache_write=13, output_tokens=7)


def test_codex_turns_add_up_and_a_failed_one_is_told():
    done = {"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 2}}
    message = {"type": "item.completed", "item": {"type": "agent_message", "text": "bye"}}
    lines = [{"type": "thread.started", "thread_id": "t"}, done, message, done]
    output = b"\n".join(json.dumps(line).encode() for line in lines)

    found = read_output(output, "codex")
    failed = read_output(output + b'\n{"type": "turn.failed"}', "codex")

    assert found.tokens == Tokens(input_tokens=12, cache_read=8, output_tokens=4)  # (10 - 4) x 2, 4 x 2, 2 x 2
    assert (found.turns, found.text, found.problem) == (2, "bye", "")
    assert failed.problem == "a turn failed"


@pytest.mark.parametrize("kind", ["claude", "codex"])
@pytest.mark.parametrize(
    "output", [b"", b"{", b'{"type": 3}\n[1]\n', b'{"type":"result","usage":[],"num_turns":-1}', b"\xff{"]
)
def test_no_output_can_break_the_reader(kind, output):
    found = read_output(output, kind)

    assert found.tokens == Tokens()
    assert found.turns == 0


def test_a_subscriptions_run_is_booked_in_turns_and_tokens_without_dollars(tmp_path):
    with a_household(tmp_path) as house:
        till = replace(house.till(kind="x", model="claude-sonnet-5-5"), budget=Budget(day=Caps(turns=50)))
        booked = till.begin_run("b", turns=40)
        spent_while = house.purse.spent("b").turns
        till.end_run(booked, "b", Tokens(input_tokens=9, output_tokens=1), turns=4, is_whole=True)
        after = house.purse.spent("b")

    assert spent_while == 40
    assert (after.turns, after.tokens, after.usd, after.is_estimate) == (4, 10, 0, False)
