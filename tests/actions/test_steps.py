"""The small steps: commands of code owners, patches of agents, minutes, bills of materials, errands."""

from __future__ import annotations

import datetime as dt
import json

import msgspec
import pytest

from autarch.cli.ci_errand import arguments_of, make_workspace
from autarch.cli.main import main
from autarch.errors import ConfigError, RefusedError, UndecidedError, UsageError
from autarch.forge.wire_more import WorkflowRun
from autarch.repo.git import GitRepo
from autarch.workspace import Workspace
from ci.actions.commands import owners, parse_command
from ci.actions.evaluating import silent
from ci.actions.events import Commented
from ci.actions.minutes import billed_minutes, require_minutes
from ci.actions.patch import PATCH_NAME, Patch, read_patch, write_patch
from ci.actions.sbom import sbom
from ci.actions.site import site_of

from .ground import SOMEBODY

NOON = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


def said(body: str) -> Commented:
    return Commented(repository="o/r", number=7, comment_id=1, body=body, login="alice", is_person=True)


@pytest.mark.parametrize("word", ["judge", "rerun", "close"])
def test_a_word_alone_on_the_first_line_is_a_command(word):
    found = parse_command(said(f"/{word}\nbecause I say so"))

    assert (found.verb, found.number, found.login) == (word, 7, "alice")


def test_a_waiver_names_check_days_and_reason():
    found = parse_command(said("/waive risk 14 half of it is hedged elsewhere"))

    assert (found.check, found.days, found.reason) == ("risk", 14, "half of it is hedged elsewhere")


@pytest.mark.parametrize("body", ["thanks", "see /close", "`/close`", "/approve", "/closed", "", "/"])
def test_what_is_no_command_does_nothing(body):
    assert parse_command(said(body)) is None


@pytest.mark.parametrize(
    "body", ["/close now", "/waive", "/waive risk", "/waive risk 91 too long a time", "/waive nonsense 5 because so"]
)
def test_a_command_that_is_none_says_how_it_goes(body):
    with pytest.raises(UsageError, match=r"alone on its line|write: /waive"):
        parse_command(said(body))


@pytest.fixture
def owned(tmp_path):
    repo = GitRepo(tmp_path)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")

    def commit(text: str) -> str:
        tree = repo.with_files(None, {".github/CODEOWNERS": text.encode()})
        return repo.commit_tree(tree, parents=[], message="Begin\n", author=SOMEBODY)

    return repo, commit


def test_the_last_line_that_speaks_of_the_policy_says_who_owns_it(owned):
    repo, commit = owned

    assert owners(repo, commit("* @Alice @bob\n/strategies/ @eve\n")) == ("alice", "bob")
    assert owners(repo, commit("* @alice\n/ci/ @carol # the gate\n")) == ("carol",)


@pytest.mark.parametrize("text", ["", "* @org/team\n", "* @alice\n/ci/\n", "/strategies/ @eve\n"])
def test_code_that_nobody_owns_by_name_takes_no_command(owned, text):
    repo, commit = owned

    with pytest.raises(RefusedError, match="nobody owns"):
        owners(repo, commit(text))


def a_patch(**changes: object) -> Patch:
    fields = {
        "schema": 1,
        "agent": "tuner",
        "slug": "a_trend",
        "base": "b" * 40,
        "files": {"manifest.toml": b"schema = 1\n"},
        "title": "Tune a_trend",
        "body": "Because.",
        "trailers": (("Agent", "tuner"),),
    }
    return Patch(**(fields | changes))


def test_a_patch_comes_out_as_it_went_in(tmp_path):
    write_patch(a_patch(), tmp_path / "patch")

    assert read_patch(tmp_path / "patch") == a_patch()


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "../../.github"},
        {"agent": "Tuner/../x"},
        {"base": "main"},
        {"files": {}},
        {"files": {"../../.github/workflows/gate.yml": b""}},
        {"files": {"conftest.py": b""}},
        {"files": {"strategy.py": "é".encode()}},
        {"files": {"strategy.py": b"x" * 2_000_000}},
        {"title": "two\nlines"},
        {"trailers": (("Agent", "tuner\nReviewed-By: alice"),)},
        {"title": "Tune \N{RIGHT-TO-LEFT OVERRIDE}dnert_a"},
        {"trailers": (("Agent", "tuner\N{LINE SEPARATOR}Reviewed-By: alice"),)},
        {"schema": 2},
    ],
)
def test_a_patch_that_is_more_than_one_strategy_is_refused(tmp_path, changes):
    raw = msgspec.to_builtins(a_patch(), builtin_types=(bytes,)) | changes
    (tmp_path / PATCH_NAME).write_bytes(msgspec.msgpack.encode(raw))

    with pytest.raises(RefusedError, match="patch"):
        read_patch(tmp_path)


def a_run(minutes: float, *, path: str = ".github/workflows/gate.yml", status: str = "completed") -> WorkflowRun:
    ended = (NOON - dt.timedelta(hours=1) + dt.timedelta(minutes=minutes)).isoformat()
    begun = (NOON - dt.timedelta(hours=1)).isoformat()
    return WorkflowRun(
        id=1, head_sha="a" * 40, path=path, status=status, created_at=begun, run_started_at=begun, updated_at=ended
    )


def test_each_job_rounds_up_to_a_minute():
    # 61 s of one job: 2; 10 s of two jobs: 1 + 1; one that still runs for an hour: 60
    runs = [a_run(61 / 60), a_run(10 / 60, path=".github/workflows/publish.yml"), a_run(1, status="in_progress")]

    assert billed_minutes(runs, now=NOON) == 2 + 2 + 60


class Runs:
    def __init__(self, runs):
        self.runs, self.asked = runs, {}

    def workflow_runs(self, *, most, created):
        self.asked = {"most": most, "created": created}
        return tuple(self.runs)


def test_the_day_s_minutes_are_capped():
    forge = Runs([a_run(3), a_run(4)])

    assert require_minutes(forge, now=NOON, cap=8) == 7
    assert forge.asked["created"] == ">=2026-03-01"
    with pytest.raises(UndecidedError, match="used 7 minutes today in 2 runs, the cap is 7"):
        require_minutes(forge, now=NOON, cap=7)


LOCK = b"""# a comment
aiohttp==3.12.1 \\
    --hash=sha256:%s \\
    --hash=sha256:%s
    # via autarch
pyjwt[crypto]==2.10.1 ; python_version >= '3.11' \\
    --hash=sha256:%s
""" % (b"a" * 64, b"b" * 64, b"c" * 64)


def test_a_bill_of_materials_names_every_distribution_with_its_hashes():
    found = json.loads(sbom(LOCK, tag="v0.1.0", commit="d" * 40))

    assert [(c["name"], c["version"], len(c["hashes"])) for c in found["components"]] == [
        ("aiohttp", "3.12.1", 2),
        ("pyjwt", "2.10.1", 1),
    ]
    assert sbom(LOCK, tag="v0.1.0", commit="d" * 40) == sbom(LOCK, tag="v0.1.0", commit="d" * 40)


def test_a_bill_of_the_project_s_own_lock_can_be_made(root):
    found = json.loads(sbom((root / "requirements.lock").read_bytes(), tag="v1.0.0", commit="d" * 40))

    assert {"numpy", "ta-lib", "msgspec"} <= {component["name"] for component in found["components"]}


def test_a_distribution_without_a_hash_makes_no_bill():
    with pytest.raises(ConfigError, match="no hash for evil"):
        sbom(b"evil==1.0\n", tag="v0.1.0", commit="d" * 40)


def test_a_job_s_checkout_becomes_a_workspace_once_and_nobody_else_s_is_touched(tmp_path, monkeypatch):
    for name, value in (("GITHUB_REPOSITORY", "o/r"), ("GITHUB_API_URL", "https://api.github.com"),
                        ("AUTARCH_CI_KEY", "key"), ("GITHUB_TOKEN", "token")):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AUTARCH_APP_ID", raising=False)

    make_workspace(tmp_path)
    make_workspace(tmp_path)  # as after a verb has become main's code

    found = Workspace.find(tmp_path)
    assert (found.forge_repository, found.token("ci")) == ("o/r", "token")
    assert found.key("ci").read_text() == "key\n"
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/other")
    with pytest.raises(ConfigError, match="somebody's workspace"):
        make_workspace(tmp_path)


def test_an_errand_is_one_of_three_command_lines():
    assert arguments_of("judge", target="12", asked_by="alice") == [
        "judge", "12", "--publish", "--asked-by", "alice",
    ]  # fmt: skip
    assert arguments_of("forward", target="", asked_by="schedule") == ["forward", "--publish"]
    assert arguments_of("close", target="hills", asked_by="alice")[:3] == ["ledger", "close", "hills"]


@pytest.mark.parametrize(
    ("what", "target", "asked_by"),
    [
        ("judge", "--help", "a"),
        ("judge", "1 2", "a"),
        ("close", "../x", "a"),
        ("merge", "1", "a"),
        ("judge", "1", "-x"),
    ],
)
def test_an_errand_with_anything_else_in_it_is_refused(what, target, asked_by):
    with pytest.raises(UsageError):
        arguments_of(what, target=target, asked_by=asked_by)


def test_the_untrusted_half_s_log_says_no_verdict():
    for word in ("passed", "failed", "undecided", "skipped", "accepted", "rejected", "waived"):
        assert silent(f"causality {word} after 3.1 s") == "causality answered after 3.1 s"


def test_an_output_cannot_add_another(tmp_path):
    site = site_of(
        {
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_EVENT_PATH": str(tmp_path / "event"),
            "GITHUB_OUTPUT": str(tmp_path / "out"),
        }
    )

    site.tell(words="a\nEOF\nsecret=1")

    first, *_, last = (tmp_path / "out").read_text().splitlines()
    assert first.removeprefix("words<<") == last
    assert len(last) > 30


def test_a_step_tells_the_runner_first_to_obey_no_line_of_it(monkeypatch, capsys):
    for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "AUTARCH_APP_ID", "AUTARCH_APP_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    assert main(["ci", "reserve"]) == ConfigError.exit_code
    assert main(["ci", "reserve"]) == ConfigError.exit_code

    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("autarch: ")]
    words = [line.removeprefix("::stop-commands::") for line in told]
    assert all(len(word) == 32 for word in words)
    assert len(set(words)) == 2  # nobody can guess the word that starts them again


def test_a_step_outside_a_workflow_says_so():
    with pytest.raises(ConfigError, match="GITHUB_REPOSITORY is not set"):
        site_of({})
